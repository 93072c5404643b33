// Boxes on a sheet of pictures, drawn by mouse, finger or keyboard; [left, top, right, bottom] in
// pixels of the picture.

import { Sheet } from "./sheet.js";

const MAX_BOXES = 32; // of one picture, as the server has it
const SMALLEST = 2; // pixels: a shorter drag is a click
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export class BoxSheet {
  #pictures = []; // [{spec, boxes}], those that are shown
  #side = 64; // pixels of a picture
  #cells = 16; // of a layer, along a side
  #chosen = null; // {index, box}: the box that Delete and the arrows are for
  #down = null; // {index, point} of the pointer since it went down
  #drawn = null; // the box under the pointer

  /** onChange(index, boxes) with a picture's new boxes, onClick(index) of a picture. */
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

  /** pictures: [{spec, boxes}], `side` pixels wide, over which a layer has cells x cells. */
  show(pictures, side, cells) {
    const texts = (those) => those.map(({ spec }) => spec);
    const same = String(texts(pictures)) === String(texts(this.#pictures));
    const { index, box } = this.#chosen ?? {};
    if (!same || !pictures[index]?.boxes[box]) this.#chosen = null;
    [this.#pictures, this.#side, this.#cells] = [pictures, side, cells];
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
      this.#pictures[index].boxes.filter((_, number) => number !== box),
    );
    return true;
  }

  // --- pointer
  #press(event) {
    const button = event.target.closest("button");
    if (!button || event.button !== 0) return;
    button.setPointerCapture(event.pointerId);
    const index = [...this.root.children].indexOf(button);
    this.#down = { index, point: this.#point(button, event) };
    this.#drawn = null;
  }

  #drag(event) {
    if (!this.#down || !event.buttons) return;
    const { index, point } = this.#down;
    const end = this.#point(this.root.children[index], event);
    const [left, right] = [point[0], end[0]].sort((a, b) => a - b);
    const [top, bottom] = [point[1], end[1]].sort((a, b) => a - b);
    const box = [left, top, right, bottom];
    this.#drawn =
      Math.max(right - left, bottom - top) < SMALLEST || left === right || top === bottom
        ? null
        : box;
    this.#mark();
  }

  #release() {
    if (!this.#drawn) return;
    const { index } = this.#down;
    this.#add(index, this.#drawn);
  }

  #forget() {
    this.#down = this.#drawn = null;
    this.#mark();
  }

  /** In pixels of the picture, to a quarter. */
  #point(button, event) {
    const place = button.getBoundingClientRect();
    const pixel = (at, start, length) =>
      Math.round(4 * this.#side * Math.min(Math.max((at - start) / length, 0), 1)) / 4;
    return [
      pixel(event.clientX, place.left, place.width),
      pixel(event.clientY, place.top, place.height),
    ];
  }

  /** After a drag, a press, or the keyboard's Enter. */
  #click(index) {
    const [down, drawn] = [this.#down, this.#drawn];
    this.#down = this.#drawn = null;
    if (drawn) return;
    if (!down) {
      const [start, end] = [this.#side * 0.375, this.#side * 0.625];
      this.#add(index, [start, start, end, end]);
      return;
    }
    const [x, y] = down.point;
    const box = this.#pictures[index].boxes.findLastIndex(
      ([left, top, right, bottom]) => left <= x && x < right && top <= y && y < bottom,
    );
    this.#chosen = box < 0 ? null : { index, box };
    this.#mark();
    if (box < 0) this.onClick(index);
  }

  // --- keyboard
  #key(event) {
    const button = event.target.closest("button");
    if (!button) return;
    this.#down = this.#drawn = null;
    const index = [...this.root.children].indexOf(button);
    const { boxes } = this.#pictures[index];
    if (event.key === "Escape") {
      this.#chosen = null;
      this.#mark();
    } else if (event.key === "Delete" || event.key === "Backspace") {
      this.deleteChosen();
    } else if (ARROWS[event.key] && boxes.length) {
      event.preventDefault();
      if (this.#chosen?.index !== index) this.#chosen = { index, box: boxes.length - 1 };
      const moved = this.#moved(boxes[this.#chosen.box], ARROWS[event.key], event.shiftKey);
      this.onChange(index, boxes.with(this.#chosen.box, moved));
    }
  }

  /** A box one pixel further, or longer, within the picture. */
  #moved([left, top, right, bottom], [x, y], size) {
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
  #add(index, box) {
    const { boxes } = this.#pictures[index];
    if (boxes.length === MAX_BOXES) {
      this.onError(`A picture can have ${MAX_BOXES} boxes; delete one first.`);
      this.#forget();
      return;
    }
    this.#chosen = { index, box: boxes.length };
    this.onChange(index, [...boxes, box]);
  }

  #mark() {
    this.#pictures.forEach(({ boxes }, index) => {
      const button = this.root.children[index];
      const drawn = this.#down?.index === index && this.#drawn ? [this.#drawn] : [];
      const chosen = this.#chosen?.index === index ? this.#chosen.box : -1;
      button.innerHTML = drawing([...boxes, ...drawn], chosen, this.#side, this.#cells);
      button.ariaDescription = `${boxes.length || "no"} ${boxes.length === 1 ? "box" : "boxes"}`;
    });
  }
}

/** The cells whose centres lie in a box, as {row, column}. */
function cellsIn(boxes, side, cells) {
  const found = [];
  for (let row = 0; row < cells; row++) {
    for (let column = 0; column < cells; column++) {
      const [x, y] = [((column + 0.5) * side) / cells, ((row + 0.5) * side) / cells];
      const inside = ([left, top, right, bottom]) =>
        left <= x && x < right && top <= y && y < bottom;
      if (boxes.some(inside)) found.push({ row, column });
    }
  }
  return found;
}

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
