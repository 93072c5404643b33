// Sets of boxes: those that are shipped with a model, and files (dcgan/models/annotations.py).

import { find } from "../core/dom.js";
import { download } from "../core/download.js";
import { message } from "../core/errors.js";
import { named, t } from "../core/language.js";
import { page } from "../core/page.js";
import { parts } from "../core/spec.js";
import { checkBoxes, shippedBoxes } from "../engine/engine.js";
import { shownBy } from "./forget-state.js";

/** @import { BoxSet } from "../core/types.d.ts"
 * @import { State } from "./forget-state.js" */

export const UNNAMED = "boxes";
const MAX_FILE = 500_000; // bytes

export class Sets {
  /** @type {State | null} */
  #shown = null;

  /** root: of the tab; onAdopt(set) of a set that was opened, onName().
   * @param {HTMLElement} root
   * @param {{ onAdopt: (set: BoxSet) => Promise<void>, onName: () => void,
   *   onError: (sentence: string) => void }} options */
  constructor(root, { onAdopt, onName, onError }) {
    this.sets = find(root, "[data-role=sets]", HTMLElement);
    this.set = find(root, "[data-role=set]", HTMLSelectElement);
    this.name = find(root, "[data-role=name]", HTMLInputElement);
    const file = find(root, "[data-role=file]", HTMLInputElement);
    this.onAdopt = onAdopt;
    this.onError = onError;
    this.set.addEventListener("change", () => this.openShipped(this.set.value));
    this.name.addEventListener("change", () => {
      this.#state.name = this.name.value.trim() || UNNAMED;
      this.name.value = this.#state.name;
      onName();
    });
    /** @type {(name: string, act: () => void) => void} */
    const press = (name, act) =>
      find(root, `[data-do=${name}]`, HTMLElement).addEventListener("click", act);
    press("save", () => this.#save());
    press("load", () => file.click());
    file.addEventListener("change", () => this.#load(file));
  }

  /** @param {State} state see forget.js */
  show(state) {
    if (state !== this.#shown) {
      const names = state.model.boxes;
      this.sets.hidden = !names.length;
      this.set.replaceChildren(...names.map((name) => new Option(named(name), name)));
    }
    this.#shown = state;
    this.name.value = state.name;
  }

  /** What the tab shows. Throws an Error before the first `show`. */
  get #state() {
    return shownBy(this.#shown);
  }

  /** @param {string} name */
  async openShipped(name) {
    const asking = this.#state;
    try {
      const found = await shippedBoxes(asking.model.name, name);
      if (asking === this.#state) await this.onAdopt(found);
    } catch (error) {
      this.onError(message(error));
    }
  }

  #save() {
    const { name, layer, pictures } = this.#state;
    const lines = pictures.map((picture) => `  ${JSON.stringify(picture)}`).join(",\n");
    const head = JSON.stringify({ version: 1, name, layer }).slice(0, -1);
    const text = `${head},"pictures":[\n${lines}\n]}\n`;
    const file = new Blob([text], { type: "application/json" });
    download(file, `boxes-${name.replace(/[^\w-]+/g, "-")}.json`);
  }

  /** @param {HTMLInputElement} input */
  async #load(input) {
    const file = input.files?.[0];
    input.value = "";
    if (!file) return;
    try {
      if (file.size > MAX_FILE) throw new Error(t("forget.boxesTooLarge", { bytes: MAX_FILE }));
      const found = await checkBoxes(await file.text());
      const [first] = found.pictures;
      const [name] = first ? parts(first.spec).model.split("/") : [];
      if (name !== undefined && name !== page.model.name) page.useModel(name);
      await this.onAdopt(found);
    } catch (error) {
      this.onError(message(error));
    }
  }
}
