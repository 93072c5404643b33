// Copying, where the browser allows it.

import { page } from "./page.js";

/** The clipboard may be refused, as in a frame of another site: then the text is shown.
 * @param {string} value
 * @param {string} what what it is, as a sentence begins */
export async function copy(value, what) {
  try {
    await navigator.clipboard.writeText(value);
    page.say(`${what} copied.`);
  } catch {
    page.say(`The browser does not let this page copy. Here it is: ${value}`);
  }
}
