// The classes of a model that is told which to draw (appendix): one or all, and a z in each.

import { t } from "../core/language.js";
import { page } from "../core/page.js";
import { label, withLabel } from "../core/spec.js";
import { Sheet } from "./sheet.js";

export const ACROSS = 10; // classes in a line, at most
const REST = 100; // ms without a new z on the stage, before it is drawn in every class

const numbers = () => Array.from({ length: page.model.classes }, (_, number) => number);

/** Fills a <select> with the current model's classes; `chosen` is one of them, or null for all.
 * @param {HTMLSelectElement} select
 * @param {number | null} chosen */
export function offer(select, chosen) {
  select.replaceChildren(
    new Option(t("classes.all"), ""),
    ...numbers().map((number) => new Option(String(number), String(number))),
  );
  select.value = String(chosen ?? "");
}

/** What was chosen in it.
 * @param {HTMLSelectElement} select */
export const chosen = (select) => (select.value === "" ? null : Number(select.value));

/** The picture on the stage in every class; a press puts it into another, its z staying as it is. */
export class InClasses {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #resting;
  #shown = ""; // the text that is drawn in every class, as the first

  /** @param {HTMLElement} root */
  constructor(root) {
    this.root = root;
    this.sheet = new Sheet(root, {
      columns: ACROSS,
      label: "sheet.picture",
      onClick: (number) => page.show(withLabel(page.picture, number), "class"),
      onError: (sentence) => page.fail(sentence),
    });
    page.on("picture", () => {
      clearTimeout(this.#resting);
      if (!root.isConnected) return;
      this.#mark();
      this.#resting = setTimeout(() => this.draw(), REST);
    });
  }

  draw() {
    const { classes } = page.model;
    const first = withLabel(page.picture, 0);
    if (!classes || first === this.#shown) return;
    this.#shown = first;
    this.sheet.columns = Math.min(classes, ACROSS);
    this.sheet.show(numbers().map((number) => withLabel(page.picture, number)));
    this.#mark();
  }

  #mark() {
    const current = label(page.picture);
    [...this.root.children].forEach((button, number) => {
      button.ariaLabel = t("classes.class", { number });
      button.ariaPressed = String(number === current);
    });
  }
}
