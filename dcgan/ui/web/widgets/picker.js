// The dialog in which a picture is chosen: from the stage, the shelf, new draws, or a whole set.

import { find } from "../core/dom.js";
import { named, t } from "../core/language.js";
import { page } from "../core/page.js";
import { draw, parts } from "../core/spec.js";
import { Sheet } from "./sheet.js";
import { thumb } from "./thumbnail.js";

const DRAWS = 18;

/** What is asked for, see `choose`.
 * @typedef {{ title: string, onPick: (text: string) => string | undefined,
 *   onSet: (name: string) => void, onClose: () => void }} Question */

/** By mount.
 * @type {((question: Question) => void) | null} */
let open = null;

/**
 * Ask for pictures of the current model, one after the other: onPick(text) returns the title of
 * the next question, or nothing when it has enough. onSet(name): an exemplar of the model's sets.
 * @param {Question} question
 */
export const choose = (question) => open?.(question);

/** A z as a picture of the current model, in the class of the picture on the stage.
 * @param {string} z */
export const plain = (z) => page.text(z);

/** Texts of `count` new draws.
 * @param {number} count */
export function draws(count) {
  const seed = Math.floor(Math.random() * 1e6);
  return Array.from({ length: count }, (_, index) => plain(draw(seed, index)));
}

/** Is this a picture of the current model or of one of its stages? What is no such text is none.
 * @param {string} text */
export function ours(text) {
  try {
    return parts(text).model.split("/")[0] === page.model.name;
  } catch {
    return false;
  }
}

/** @param {HTMLElement} root */
export function mount(root) {
  /** @param {string} name */
  const part = (name) => find(root, `[data-role=${name}]`, HTMLElement);
  const dialog = find(root, "dialog", HTMLDialogElement);
  const set = find(root, "[data-role=set]", HTMLSelectElement);
  /** @type {Question | null} */
  let question = null;
  /** @type {string[]} */
  let drawn = [];

  /** @param {string | undefined} text */
  const pick = (text) => {
    const next = text && question?.onPick(text);
    if (next) part("title").textContent = next;
    else dialog.close();
  };
  /** @param {string} text
   * @param {string} label */
  const pickable = (text, label) => {
    const button = thumb(text, label);
    button.addEventListener("click", () => pick(text));
    return button;
  };

  const grid = new Sheet(part("grid"), {
    columns: 6,
    label: "sheet.draw",
    onClick: (index) => pick(drawn[index]),
    onError: (sentence) => page.fail(sentence),
  });
  const other = () => {
    drawn = draws(DRAWS);
    grid.show(drawn);
  };

  open = (asked) => {
    question = asked;
    part("title").textContent = asked.title;
    const sets = Object.keys(page.model.sets.exemplars);
    part("sets").hidden = !sets.length;
    set.replaceChildren(
      new Option(t("common.choose"), ""),
      ...sets.map((name) => new Option(named(name), name)),
    );
    part("stage").replaceChildren(pickable(page.picture, t("picker.stagePicture")));
    const kept = page.shelf.filter(ours);
    part("shelf").hidden = !kept.length;
    part("kept").replaceChildren(
      ...kept.map((text, index) => pickable(text, t("picker.shelfPicture", { number: index + 1 }))),
    );
    const [first] = drawn;
    if (!first || first !== plain(parts(first).z)) other();
    dialog.showModal();
  };

  set.addEventListener("change", () => {
    question?.onSet(set.value);
    dialog.close();
  });
  find(root, "[data-do=draw]", HTMLElement).addEventListener("click", other);
  find(root, "[data-do=close]", HTMLElement).addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => question?.onClose());
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close(); // beside it
  });
}
