// Boxes on a sheet of pictures, drawn by mouse, finger or keyboard; [left, top, right, bottom] in
// pixels of the picture.

import { cellsIn, holds } from "../core/boxes.js";
import { targetOf } from "../core/dom.js";
import { t } from "../core/language.js";
import { Sheet } from "./sheet.js";

/** @import { Box, BoxedPicture, Key } from "../core/types.d.ts" */

/** Which box of which picture.
 * @typedef {{ index: number, box: number }} Chosen */

/** @typedef {[x: number, y: number]} Point */

const MAX_BOXES = 32; // of one picture, as the server has it
const SMALLEST = 2; // pixels: a shorter drag is a click
/** @type {Record<string, Point>} */
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export class BoxSheet {
  /** Those that are shown.
   * @type {BoxedPicture[]} */
  #pictures = [];
  #side = 64; // pixels of a picture
  #cells = 16; // of a layer, along a side
  /** The box that Delete and the arrows are for.
   * @type {Chosen | null} */
  #chosen = null;
  /** Where the pointer went down.
   * @type {{ index: number, button: HTMLElement, point: Point } | null} */
  #down = null;
  /** The box under the pointer.
   * @type {Box | null} */
  #drawn = null;

  /** onChange(index, boxes) with a picture's new boxes, onClick(index) of a picture.
   * @param {HTMLElement} root
   * @param {{ columns: number, label: Key, onChange: (index: number, boxes: Box[]) => void,
   *   onClick: (index: number) => void, onError: (sentence: string) => void }} options */
  constructor(root, { columns, label, onChange, onClick, onError }) {
    this.root = root;
    this.onChange = onChange;
    this.onClick = onClick;
    this.onError = onError;
    this.sheet = new Sheet(root, {
      columns,
      label,
      onClick: (index) => this.#click(index),
      onError,
    });
    root.addEventListener("pointerdown", (event) => this.#press(event));
    root.addEventListener("pointermove", (event) => this.#drag(event));
    root.addEventListener("pointerup", () => this.#release());
    root.addEventListener("pointercancel", () => this.#forget());
    root.addEventListener("keydown", (event) => this.#key(event));
  }

  /** pictures: [{spec, boxes}], `side` pixels wide, over which a layer has cells x cells.
   * @param {BoxedPicture[]} pictures
   * @param {number} side
   * @param {number} cells */
  show(pictures, side, cells) {
    /** @param {BoxedPicture[]} those */
    const texts = (those) => those.map(({ spec }) => spec);
    const same = String(texts(pictures)) === String(texts(this.#pictures));
    const chosen = this.#chosen;
    if (!same || (chosen && !pictures[chosen.index]?.boxes[chosen.box])) this.#chosen = null;
    this.#pictures = pictures;
    this.#side = side;
    this.#cells = cells;
    if (!same) this.sheet.show(texts(pictures));
    this.#mark();
  }

  /** Deletes the chosen box; returns whether there was one. */
  deleteChosen() {
    if (!this.#chosen) return false;
    const { index, box } = this.#chosen;
    this.#chosen = null;
    this.onChange(
      index,
      this.#boxesOf(index).filter((_, number) => number !== box),
    );
    return true;
  }

  /** @param {number} index */
  #boxesOf(index) {
    return this.#pictures[index]?.boxes ?? [];
  }

  // --- pointer
  /** @param {PointerEvent} event */
  #press(event) {
    const button = targetOf(event)?.closest("button");
    if (!button || event.button !== 0) return;
    button.setPointerCapture(event.pointerId);
    const index = [...this.root.children].indexOf(button);
    this.#down = { index, button, point: this.#point(button, event) };
    this.#drawn = null;
  }

  /** @param {PointerEvent} event */
  #drag(event) {
    if (!this.#down || !event.buttons) return;
    const { button, point } = this.#down;
    const end = this.#point(button, event);
    const [left, right] = [Math.min(point[0], end[0]), Math.max(point[0], end[0])];
    const [top, bottom] = [Math.min(point[1], end[1]), Math.max(point[1], end[1])];
    this.#drawn =
      Math.max(right - left, bottom - top) < SMALLEST || left === right || top === bottom
        ? null
        : [left, top, right, bottom];
    this.#mark();
  }

  #release() {
    if (this.#down && this.#drawn) this.#add(this.#down.index, this.#drawn);
  }

  #forget() {
    this.#letGo();
    this.#mark();
  }

  /** In pixels of the picture, to a quarter.
   * @param {HTMLElement} button
   * @param {PointerEvent} event
   * @returns {Point} */
  #point(button, event) {
    const place = button.getBoundingClientRect();
    /** @type {(at: number, start: number, length: number) => number} */
    const pixel = (at, start, length) =>
      Math.round(4 * this.#side * Math.min(Math.max((at - start) / length, 0), 1)) / 4;
    return [
      pixel(event.clientX, place.left, place.width),
      pixel(event.clientY, place.top, place.height),
    ];
  }

  /** After a drag, a press, or the keyboard's Enter.
   * @param {number} index */
  #click(index) {
    const down = this.#down;
    const drawn = this.#drawn;
    this.#letGo();
    if (drawn) return;
    if (!down) {
      const [start, end] = [this.#side * 0.375, this.#side * 0.625];
      this.#add(index, [start, start, end, end]);
      return;
    }
    const [x, y] = down.point;
    const box = this.#boxesOf(index).findLastIndex((box) => holds(box, x, y));
    this.#chosen = box < 0 ? null : { index, box };
    this.#mark();
    if (box < 0) this.onClick(index);
  }

  #letGo() {
    this.#down = null;
    this.#drawn = null;
  }

  // --- keyboard
  /** @param {KeyboardEvent} event */
  #key(event) {
    const button = targetOf(event)?.closest("button");
    if (!button) return;
    this.#letGo();
    const index = [...this.root.children].indexOf(button);
    const boxes = this.#boxesOf(index);
    const arrow = ARROWS[event.key];
    if (event.key === "Escape") {
      this.#chosen = null;
      this.#mark();
    } else if (event.key === "Delete" || event.key === "Backspace") {
      this.deleteChosen();
    } else if (arrow && boxes.length) {
      event.preventDefault();
      const chosen =
        this.#chosen?.index === index ? this.#chosen : { index, box: boxes.length - 1 };
      this.#chosen = chosen;
      const move = (/** @type {Box} */ box) => this.#moved(box, arrow, event.shiftKey);
      this.onChange(
        index,
        boxes.map((box, number) => (number === chosen.box ? move(box) : box)),
      );
    }
  }

  /** A box one pixel further, or longer, within the picture.
   * @param {Box} box
   * @param {Point} step
   * @param {boolean} size whether it is its size that changes
   * @returns {Box} */
  #moved([left, top, right, bottom], [x, y], size) {
    /** @type {(at: number, low: number, high: number) => number} */
    const within = (at, low, high) => Math.min(Math.max(at, low), high);
    if (size) {
      return [
        left,
        top,
        within(right + x, left + 1, this.#side),
        within(bottom + y, top + 1, this.#side),
      ];
    }
    const [dx, dy] = [within(x, -left, this.#side - right), within(y, -top, this.#side - bottom)];
    return [left + dx, top + dy, right + dx, bottom + dy];
  }

  // --- boxes
  /** @param {number} index
   * @param {Box} box */
  #add(index, box) {
    const boxes = this.#boxesOf(index);
    if (boxes.length === MAX_BOXES) {
      this.onError(t("boxes.tooMany", { most: MAX_BOXES }));
      this.#forget();
      return;
    }
    this.#chosen = { index, box: boxes.length };
    this.onChange(index, [...boxes, box]);
  }

  #mark() {
    this.#pictures.forEach(({ boxes }, index) => {
      const button = this.root.children[index];
      if (!button) return;
      const drawn = this.#down?.index === index && this.#drawn ? [this.#drawn] : [];
      const chosen = this.#chosen?.index === index ? this.#chosen.box : -1;
      button.innerHTML = drawing([...boxes, ...drawn], chosen, this.#side, this.#cells);
      button.ariaDescription = `${boxes.length || "no"} ${boxes.length === 1 ? "box" : "boxes"}`;
    });
  }
}

/** @param {Box[]} boxes
 * @param {number} chosen
 * @param {number} side
 * @param {number} cells */
function drawing(boxes, chosen, side, cells) {
  if (!boxes.length) return "";
  const cell = side / cells;
  const tint = cellsIn(boxes, side, cells)
    .map(({ row, column }) => `M${column * cell} ${row * cell}h${cell}v${cell}h${-cell}z`)
    .join("");
  const frames = boxes.map(([left, top, right, bottom], number) => {
    const place = `x="${left}" y="${top}" width="${right - left}" height="${bottom - top}"`;
    const kind = number === chosen ? "dc-frame dc-chosen" : "dc-frame";
    return `<rect class="dc-shade" ${place}/><rect class="${kind}" ${place}/>`;
  });
  return `<svg viewBox="0 0 ${side} ${side}" aria-hidden="true"><path class="dc-cells" d="${tint}"/>${frames.join("")}</svg>`;
}
