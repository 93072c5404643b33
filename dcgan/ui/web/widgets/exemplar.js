// An exemplar (figures 7 and 8): a row of places for pictures, and the picture of their mean z.

import { find } from "../core/dom.js";
import { named, t } from "../core/language.js";
import { Live, sayNorm } from "../core/live.js";
import { page } from "../core/page.js";
import { join, mean, parts } from "../core/spec.js";
import { choose, draws, plain } from "./picker.js";
import { thumb } from "./thumbnail.js";

/** What a tab keeps of an exemplar: its pictures' texts, and what it is called, if anything.
 * @typedef {{ name: string, texts: string[] }} Kept */

/** An exemplar of new draws.
 * @param {number} size
 * @returns {Kept} */
export const random = (size) => ({ name: "", texts: draws(size) });

/** One of the model's sets, see `sets` in page.models.
 * @param {string} name
 * @param {number} size
 * @returns {Kept} */
export function shipped(name, size) {
  const zs = page.model.sets.exemplars[name];
  if (!zs) throw new Error(t("exemplar.unknown", { model: named(page.model.name), name }));
  return { name, texts: zs.slice(0, size).map(plain) };
}

/** The mean z of pictures, with the weights and edits of the first; null without pictures.
 * @param {string[]} texts */
export function average(texts) {
  const all = texts.map(parts);
  const [first] = all;
  if (!first) return null;
  return join({ ...first, z: mean(all.map(({ z }) => z)) });
}

export class Exemplar {
  /** title: what it is in the tab. onChange(kept): the visitor put other pictures into it.
   * @param {HTMLElement} root
   * @param {{ title: () => string, size: number, onChange: (kept: Kept) => void }} options */
  constructor(root, { title, size, onChange }) {
    this.root = root;
    this.title = title;
    this.size = size;
    this.onChange = onChange;
    /** @type {Kept} */
    this.kept = { name: "", texts: [] };
    root.role = "group";
    root.ariaLabel = title();
    root.innerHTML = `<h2></h2><ul class="dc-places"></ul>
      <div class="dc-mean"><button></button><p class="dc-norm"></p></div>`;
    this.mean = new Live(find(root, "button", HTMLButtonElement), {
      onClick: (text) => page.show(text, "mean"),
      onPaint: (norm) => this.#say(sayNorm(norm)),
    });
    this.mean.root.ariaLabel = t("exemplar.showMean", { term: title() });
  }

  /** The pictures in its places, as <img>. */
  get images() {
    return [...this.root.querySelectorAll("img")];
  }

  /** @param {Kept} kept */
  show(kept) {
    this.kept = kept;
    const { name, texts } = kept;
    find(this.root, "h2", HTMLElement).replaceChildren(
      this.title(),
      ...(name ? [small(named(name))] : []),
    );
    const places = Array.from({ length: this.size }, (_, index) =>
      this.#place(texts[index], index),
    );
    find(this.root, "ul", HTMLElement).replaceChildren(...places);
    this.mean.show(average(texts));
    if (!texts.length) this.#say(t("exemplar.empty"));
  }

  /** @param {string} sentence */
  #say(sentence) {
    find(this.root, ".dc-norm", HTMLElement).textContent = sentence;
  }

  /** @param {string | undefined} text of its picture, none where it is empty
   * @param {number} index */
  #place(text, index) {
    const item = document.createElement("li");
    const place = { term: this.title(), number: index + 1 };
    const button = text
      ? thumb(text, t("exemplar.chooseAnother", place))
      : empty(t("exemplar.choose", place));
    button.addEventListener("click", () => this.#ask(index));
    item.append(button);
    if (text) item.append(this.#dropper(index));
    return item;
  }

  /** @param {number} index */
  #dropper(index) {
    const drop = document.createElement("button");
    drop.type = "button";
    drop.className = "dc-drop";
    drop.ariaLabel = t("exemplar.takeOut", { term: this.title(), number: index + 1 });
    drop.textContent = "×";
    drop.addEventListener("click", () => {
      this.onChange({ name: "", texts: this.kept.texts.toSpliced(index, 1) });
      this.#focus(index);
    });
    return drop;
  }

  /** Its places are made anew whenever one changes: the keyboard stays where it was.
   * @param {number} index */
  #focus(index) {
    const places = this.root.querySelectorAll("li");
    places[index]?.querySelector("button")?.focus();
  }

  /** @param {number} index */
  #ask(index) {
    /** @param {number} place */
    const title = (place) =>
      t("exemplar.picture", { term: this.title(), number: place + 1, count: this.size });
    const adding = index >= this.kept.texts.length; // then the other empty places come next
    let place = Math.min(index, this.kept.texts.length);
    choose({
      title: title(place),
      onPick: (text) => {
        this.onChange({ name: "", texts: this.kept.texts.toSpliced(place, 1, text) });
        place = this.kept.texts.length;
        return adding && place < this.size ? title(place) : undefined;
      },
      onSet: (name) => this.onChange(shipped(name, this.size)),
      onClose: () => this.#focus(index),
    });
  }
}

/** @param {string} label */
function empty(label) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "dc-thumb dc-empty";
  button.ariaLabel = label;
  button.textContent = "+";
  return button;
}

/** @param {string} name */
function small(name) {
  const element = document.createElement("small");
  element.textContent = name;
  return element;
}
