// A file of the visitor's: chosen, or dropped.

import { t } from "../core/language.js";
import { page } from "../core/page.js";

/** Calls take(file) for each file of at most `largest` bytes that is chosen in an input or dropped on
 * a zone, also for one that was chosen before this was called; `marked` shows that one is held over
 * the zone.
 * @param {HTMLInputElement} input
 * @param {HTMLElement} zone
 * @param {HTMLElement} marked
 * @param {number} largest
 * @param {(file: File) => void} take */
export function uploads(input, zone, marked, largest, take) {
  /** @param {File | undefined} file */
  const given = async (file) => {
    input.value = ""; // so that the same file can be given again
    if (!file) return;
    await page.ready;
    if (file.size > largest) page.fail(t("upload.tooLarge", { megabytes: largest >> 20 }));
    else take(file);
  };
  /** @param {"dragover" | "dragleave" | "drop"} type
   * @param {(event: DragEvent) => void} does */
  const on = (type, does) =>
    zone.addEventListener(type, (event) => {
      event.preventDefault();
      does(event);
    });
  /** @param {boolean} over */
  const mark = (over) => marked.classList.toggle("dc-over", over);
  on("dragover", () => mark(true));
  on("dragleave", () => mark(false));
  on("drop", ({ dataTransfer }) => {
    mark(false);
    const file = dataTransfer?.files[0];
    if (file) given(file);
    else page.fail(t("upload.noFile"));
  });
  input.addEventListener("change", () => given(input.files?.[0]));
  given(input.files?.[0]);
}
