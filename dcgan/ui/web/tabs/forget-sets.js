// Sets of boxes: those that are shipped with a model, and files (dcgan/boxes.py).

import { download } from "../core/download.js";
import { page } from "../core/page.js";
import { parts } from "../core/spec.js";
import { checkBoxes, shippedBoxes } from "../engine/engine.js";

export const UNNAMED = "boxes";
const MAX_FILE = 500_000; // bytes

export class Sets {
  #state = null;

  /** root: of the tab; onAdopt(set) of a set that was opened, onName(). */
  constructor(root, { onAdopt, onName, onError }) {
    this.part = (name) => root.querySelector(`[data-role=${name}]`);
    Object.assign(this, { onAdopt, onError });
    this.part("set").addEventListener("change", ({ target }) => this.openShipped(target.value));
    this.part("name").addEventListener("change", ({ target }) => {
      this.#state.name = target.value.trim() || UNNAMED;
      target.value = this.#state.name;
      onName();
    });
    const press = (name, act) =>
      root.querySelector(`[data-do=${name}]`).addEventListener("click", act);
    press("save", () => this.#save());
    press("load", () => this.part("file").click());
    this.part("file").addEventListener("change", ({ target }) => this.#load(target));
  }

  /** state: {model, name, layer, pictures}, see forget.js. */
  show(state) {
    if (state !== this.#state) {
      const names = state.model.boxes;
      this.part("sets").hidden = !names.length;
      this.part("set").replaceChildren(...names.map((name) => new Option(name, name)));
    }
    this.#state = state;
    this.part("name").value = state.name;
  }

  async openShipped(name) {
    const asking = this.#state;
    try {
      const found = await shippedBoxes(asking.model.name, name);
      if (asking === this.#state) await this.onAdopt(found);
    } catch (error) {
      this.onError(error);
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

  async #load(input) {
    const [file] = input.files;
    input.value = "";
    try {
      if (file.size > MAX_FILE) throw new Error(`A set of boxes has at most ${MAX_FILE} bytes.`);
      const found = await checkBoxes(await file.text());
      const [name] = parts(found.pictures[0].spec).model.split("/");
      if (name !== page.model.name) page.useModel(name);
      await this.onAdopt(found);
    } catch (error) {
      this.onError(error);
    }
  }
}
