// A square to drag over: pictures in its cells, and a mark that stands for the place.

import { find } from "../core/dom.js";
import { Sheet } from "./sheet.js";

const AT_ONCE = 100; // pictures of a sheet

export class Pad {
  #low = 0;
  #high = 1;
  #asked = 0;

  /** root: with [data-role=pictures] and [data-role=here]; onMove(x, y): the pointer is there, in
   * the cells' coordinates; onError(sentence).
   * @param {HTMLElement} root
   * @param {{ onMove: (x: number, y: number) => void, onError: (sentence: string) => void }} options */
  constructor(root, { onMove, onError }) {
    this.root = root;
    this.onError = onError;
    this.pictures = find(root, "[data-role=pictures]", HTMLElement);
    this.here = find(root, "[data-role=here]", HTMLElement);
    /** @param {PointerEvent} event */
    const moved = (event) => {
      const { left, top, width, height } = root.getBoundingClientRect();
      const across = this.#place((event.clientX - left) / width);
      onMove(across, this.#place((event.clientY - top) / height));
    };
    root.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      event.preventDefault();
      root.setPointerCapture(event.pointerId);
      moved(event);
    });
    root.addEventListener("pointermove", (event) => {
      if (root.hasPointerCapture(event.pointerId)) moved(event);
    });
  }

  /** Pictures row by row, as many as make a square; the middles of the first and the last cell have
   * the coordinates `low` and `high`.
   * @param {string[]} texts
   * @param {[number, number]} span */
  show(texts, [low, high]) {
    const asked = ++this.#asked;
    const side = Math.sqrt(texts.length);
    const half = (high - low) / (side - 1) / 2;
    [this.#low, this.#high] = [low - half, high + half];
    const rows = Math.max(Math.floor(AT_ONCE / side), 1);
    const parts = Array.from({ length: Math.ceil(side / rows) }, (_, index) =>
      texts.slice(index * rows * side, (index + 1) * rows * side),
    );
    const sheets = parts.map((part) => {
      const root = document.createElement("div");
      root.className = "dc-sheet";
      const sheet = new Sheet(root, {
        columns: side,
        label: "sheet.cell",
        onClick() {},
        onError: this.onError,
      });
      return { sheet, part };
    });
    this.pictures.replaceChildren(...sheets.map(({ sheet }) => sheet.root));
    this.pictures.inert = true; // one drags over it; the sliders beside it are for the keyboard
    const fill = async () => {
      for (const { sheet, part } of sheets) {
        if (asked === this.#asked) await sheet.show(part);
      }
    };
    return fill();
  }

  /** @param {number} x
   * @param {number} y */
  mark(x, y) {
    /** @param {number} at */
    const percent = (at) => `${(100 * (at - this.#low)) / (this.#high - this.#low)}%`;
    this.here.style.left = percent(x);
    this.here.style.top = percent(y);
  }

  /** @param {number} part of the square, from 0 to 1 */
  #place(part) {
    return this.#low + Math.min(Math.max(part, 0), 1) * (this.#high - this.#low);
  }
}
