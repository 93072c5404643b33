// A region painted onto a picture, in the cells of a layer, by mouse, finger or keyboard.

import { fill } from "../engine/engine.js";

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const SHARP = 12; // pixels of the canvas a cell

export class Brush {
  #cells = 16; // along a side
  #region = []; // whether each cell is painted, row by row
  #at = [0, 0]; // column and row of the cursor
  #paints = null; // while the pointer is down: whether it paints or wipes

  /** root holds an <img> and a <canvas> over it; onChange(region) after every stroke's step. */
  constructor(root, { onChange }) {
    this.image = root.querySelector("img");
    this.canvas = root.querySelector("canvas");
    this.onChange = onChange;
    this.size = 1; // of the brush, in cells
    this.canvas.addEventListener("pointerdown", (event) => this.#press(event));
    this.canvas.addEventListener("pointermove", (event) => this.#drag(event));
    for (const end of ["pointerup", "pointercancel"]) {
      this.canvas.addEventListener(end, () => (this.#paints = null));
    }
    this.canvas.addEventListener("keydown", (event) => this.#key(event));
    for (const turn of ["focus", "blur"]) this.canvas.addEventListener(turn, () => this.#draw());
  }

  /** text: of the picture beneath; region: an array of cells x cells truths. */
  show(text, cells, region) {
    if (this.image.dataset.text !== text) fill(this.image, text);
    if (cells !== this.#cells) this.#at = [0, 0];
    [this.#cells, this.#region] = [cells, region];
    this.#draw();
  }

  #press(event) {
    if (event.button !== 0) return;
    this.canvas.setPointerCapture(event.pointerId);
    this.#at = this.#cell(event);
    this.#paints = !this.#region[this.#index()];
    this.#stroke(this.#paints);
  }

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

  #key(event) {
    const arrow = ARROWS[event.key];
    if (arrow) {
      this.#at = this.#at.map((at, axis) =>
        Math.min(Math.max(at + arrow[axis], 0), this.#cells - 1),
      );
      this.#draw();
    } else if (event.key === " " || event.key === "Enter") {
      this.#stroke(!this.#region[this.#index()]);
    } else return;
    event.preventDefault();
  }

  #cell(event) {
    const { left, top, width, height } = this.canvas.getBoundingClientRect();
    const cell = (share) => Math.min(Math.max(Math.floor(share * this.#cells), 0), this.#cells - 1);
    return [cell((event.clientX - left) / width), cell((event.clientY - top) / height)];
  }

  #index([column, row] = this.#at) {
    return row * this.#cells + column;
  }

  /** Paints or wipes the square of the brush around the cursor. */
  #stroke(paints) {
    const region = [...this.#region];
    const start = this.#at.map((at) => at - Math.floor((this.size - 1) / 2));
    for (let row = start[1]; row < start[1] + this.size; row++) {
      for (let column = start[0]; column < start[0] + this.size; column++) {
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
    const context = this.canvas.getContext("2d");
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
