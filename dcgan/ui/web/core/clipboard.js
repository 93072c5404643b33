// Copying, where the browser allows it.

import { t } from "./language.js";
import { page } from "./page.js";

/** The clipboard may be refused, as in a frame of another site: then the text is shown.
 * @param {string} value
 * @param {string} what what it is, as a sentence begins */
export async function copy(value, what) {
  try {
    await navigator.clipboard.writeText(value);
    page.say(t("share.copied", { what }));
  } catch {
    page.say(t("share.notCopied", { text: value }));
  }
}
