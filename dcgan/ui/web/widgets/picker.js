// The dialog in which a picture is chosen: from the stage, the shelf, new draws, or a whole set.

import { page } from "../core/page.js";
import { draw, parts } from "../core/spec.js";
import { Sheet } from "./sheet.js";
import { thumb } from "./thumbnail.js";

const DRAWS = 18;
let open = null; // by mount

/**
 * Ask for pictures of the current model, one after the other: onPick(text) returns the title of
 * the next question, or nothing when it has enough. onSet(name): an exemplar of the model's sets.
 */
export const choose = (question) => open(question);

/** A z as a picture of the current model, in the class of the picture on the stage. */
export const plain = (z) => page.text(z);

/** Texts of `count` new draws. */
export function draws(count) {
  const seed = Math.floor(Math.random() * 1e6);
  return Array.from({ length: count }, (_, index) => plain(draw(seed, index)));
}

/** Is this a picture of the current model or of one of its stages? */
export const ours = (text) => parts(text).model.split("/")[0] === page.model.name;

export function mount(root) {
  const part = (name) => root.querySelector(`[data-role=${name}]`);
  const dialog = root.querySelector("dialog");
  let question = null;
  let drawn = [];

  const pick = (text) => {
    const next = question.onPick(text);
    if (next) part("title").textContent = next;
    else dialog.close();
  };
  const pickable = (text, label) => {
    const button = thumb(text, label);
    button.addEventListener("click", () => pick(text));
    return button;
  };

  const grid = new Sheet(part("grid"), {
    columns: 6,
    label: "Draw",
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
    part("set").replaceChildren(new Option("choose…", ""), ...sets.map((name) => new Option(name)));
    part("stage").replaceChildren(pickable(page.picture, "The picture on the stage"));
    const kept = page.shelf.filter(ours);
    part("shelf").hidden = !kept.length;
    part("kept").replaceChildren(
      ...kept.map((text, index) => pickable(text, `Picture ${index + 1} of the shelf`)),
    );
    if (!drawn.length || drawn[0] !== plain(parts(drawn[0]).z)) other();
    dialog.showModal();
  };

  part("set").addEventListener("change", (event) => {
    question.onSet(event.target.value);
    dialog.close();
  });
  root.querySelector("[data-do=draw]").addEventListener("click", other);
  root.querySelector("[data-do=close]").addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => question.onClose());
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close(); // beside it
  });
}
