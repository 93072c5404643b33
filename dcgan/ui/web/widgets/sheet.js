// Many small pictures as buttons, all cut from one image.

import { targetOf } from "../core/dom.js";
import { isAborted, message } from "../core/errors.js";
import { t } from "../core/language.js";
import { sheet } from "../engine/engine.js";

/** @import { Key } from "../core/types.d.ts" */

export class Sheet {
  /** onClick(index) when a picture is chosen, onError(message).
   * @param {HTMLElement} root
   * @param {{ columns: number, label: Key, onClick: (index: number) => void,
   *   onError: (sentence: string) => void }} options */
  constructor(root, { columns, label, onClick, onError }) {
    this.root = root;
    this.columns = columns;
    this.label = label;
    this.onError = onError;
    this.url = "";
    /** @type {AbortController | null} */
    this.abort = null;
    root.addEventListener("click", (event) => {
      const button = targetOf(event)?.closest("button");
      if (button) onClick([...root.children].indexOf(button));
    });
  }

  /** Draw these texts; returns {mean, largest} steps, or null where a newer call came first.
   * @param {string[]} specs */
  async show(specs) {
    this.abort?.abort();
    const abort = new AbortController();
    this.abort = abort;
    this.#shape(specs.length);
    try {
      const { blob, ...steps } = await sheet(specs, this.columns, abort.signal);
      if (abort.signal.aborted) return null;
      if (this.url) URL.revokeObjectURL(this.url);
      this.url = URL.createObjectURL(blob);
      this.root.style.setProperty("--sheet", `url(${this.url})`);
      this.root.dataset.ready = specs[0] ?? "";
      return steps;
    } catch (error) {
      if (!isAborted(error)) this.onError(message(error));
      return null;
    }
  }

  /** @param {number} count */
  #shape(count) {
    const { columns } = this;
    const rows = Math.ceil(count / columns);
    this.root.style.setProperty("--columns", String(columns));
    this.root.style.setProperty("--rows", String(rows));
    if (this.root.childElementCount === count) return;
    this.root.style.removeProperty("--sheet"); // cut for other places
    delete this.root.dataset.ready;
    /** @param {number} index */
    const cell = (index) => {
      const button = document.createElement("button");
      button.type = "button";
      button.ariaLabel = t(this.label, { number: index + 1, count });
      button.style.setProperty("--column", String(index % columns));
      button.style.setProperty("--row", String(Math.floor(index / columns)));
      return button;
    };
    this.root.replaceChildren(...Array.from({ length: count }, (_, index) => cell(index)));
  }
}
