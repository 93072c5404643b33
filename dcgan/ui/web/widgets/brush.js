// A region painted onto a picture, in the cells of a layer, by mouse, finger or keyboard.

import { context2d, find } from "../core/dom.js";
import { fill } from "../engine/engine.js";

/** A column and a row.
 * @typedef {[number, number]} Cell */

/** @type {Record<string, Cell>} */
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const SHARP = 12; // pixels of the canvas a cell

export class Brush {
  #cells = 16; // along a side
  /** Whether each cell is painted, row by row.
   * @type {boolean[]} */
  #region = [];
  /** Where the cursor is.
   * @type {Cell} */
  #at = [0, 0];
  /** While the pointer is down: whether it paints or wipes.
   * @type {boolean | null} */
  #paints = null;

  /** root holds an <img> and a <canvas> over it; onChange(region) after every stroke's step.
   * @param {HTMLElement} root
   * @param {{ onChange: (region: boolean[]) => void }} options */
  constructor(root, { onChange }) {
    this.image = find(root, "img", HTMLImageElement);
    this.canvas = find(root, "canvas", HTMLCanvasElement);
    this.onChange = onChange;
    this.size = 1; // of the brush, in cells
    this.canvas.addEventListener("pointerdown", (event) => this.#press(event));
    this.canvas.addEventListener("pointermove", (event) => this.#drag(event));
    for (const end of ["pointerup", "pointercancel"]) {
      this.canvas.addEventListener(end, () => {
        this.#paints = null;
      });
    }
    this.canvas.addEventListener("keydown", (event) => this.#key(event));
    for (const turn of ["focus", "blur"]) this.canvas.addEventListener(turn, () => this.#draw());
  }

  /** text: of the picture beneath; region: an array of cells x cells truths.
   * @param {string} text
   * @param {number} cells
   * @param {boolean[]} region */
  show(text, cells, region) {
    if (this.image.dataset.text !== text) fill(this.image, text);
    if (cells !== this.#cells) this.#at = [0, 0];
    [this.#cells, this.#region] = [cells, region];
    this.#draw();
  }

  /** @param {PointerEvent} event */
  #press(event) {
    if (event.button !== 0) return;
    this.canvas.setPointerCapture(event.pointerId);
    this.#at = this.#cell(event);
    this.#paints = !this.#region[this.#index()];
    this.#stroke(this.#paints);
  }

  /** @param {PointerEvent} event */
  #drag(event) {
    if (this.#paints === null) return;
    const [column, row] = this.#cell(event);
    const [fromColumn, fromRow] = this.#at;
    const steps = Math.max(Math.abs(column - fromColumn), Math.abs(row - fromRow));
    for (let step = 1; step <= steps; step++) {
      this.#at = [
        Math.round(fromColumn + ((column - fromColumn) * step) / steps),
        Math.round(fromRow + ((row - fromRow) * step) / steps),
      ];
      this.#stroke(this.#paints);
    }
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const arrow = ARROWS[event.key];
    if (arrow) {
      const [column, row] = this.#at;
      this.#at = [this.#within(column + arrow[0]), this.#within(row + arrow[1])];
      this.#draw();
    } else if (event.key === " " || event.key === "Enter") {
      this.#stroke(!this.#region[this.#index()]);
    } else return;
    event.preventDefault();
  }

  /** A column or row of the picture.
   * @param {number} at */
  #within(at) {
    return Math.min(Math.max(at, 0), this.#cells - 1);
  }

  /** @param {PointerEvent} event
   * @returns {Cell} */
  #cell(event) {
    const { left, top, width, height } = this.canvas.getBoundingClientRect();
    /** @param {number} share */
    const cell = (share) => this.#within(Math.floor(share * this.#cells));
    return [cell((event.clientX - left) / width), cell((event.clientY - top) / height)];
  }

  #index([column, row] = this.#at) {
    return row * this.#cells + column;
  }

  /** Paints or wipes the square of the brush around the cursor.
   * @param {boolean} paints */
  #stroke(paints) {
    const region = [...this.#region];
    const before = Math.floor((this.size - 1) / 2);
    const [left, top] = [this.#at[0] - before, this.#at[1] - before];
    for (let row = top; row < top + this.size; row++) {
      for (let column = left; column < left + this.size; column++) {
        const within = [row, column].every((at) => at >= 0 && at < this.#cells);
        if (within) region[this.#index([column, row])] = paints;
      }
    }
    this.#region = region;
    this.#draw();
    this.onChange(region);
  }

  #draw() {
    this.canvas.width = this.canvas.height = this.#cells * SHARP;
    const context = context2d(this.canvas);
    context.fillStyle = "rgb(10 162 232 / 0.6)";
    this.#region.forEach((painted, index) => {
      const [column, row] = [index % this.#cells, Math.floor(index / this.#cells)];
      if (painted) context.fillRect(column * SHARP, row * SHARP, SHARP - 1, SHARP - 1);
    });
    if (document.activeElement !== this.canvas) return;
    context.strokeStyle = "white";
    context.lineWidth = 2;
    context.strokeRect(this.#at[0] * SHARP + 1, this.#at[1] * SHARP + 1, SHARP - 2, SHARP - 2);
  }
}
