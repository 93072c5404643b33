// A small line chart: a few named lines over numbers, told apart by dash and shape, not by colour.
// One tab stop: arrows go along a line and from line to line, Enter presses a point.

/** @import { ChartAxis, ChartLine, ChartMark, ChartPoint, ChartWords } from "../core/types.d.ts" */

/** From where to where an axis goes, in pixels.
 * @typedef {[start: number, end: number]} Span */

/** @typedef {{ ticks: number[], at: (value: number) => number }} Axis at: the place in pixels. */

/** @typedef {[line: number, point: number]} Place */

/** @type {ChartWords} */
const PLAIN = { again: (text) => text, point: (name, said) => `${name}, ${said}` };
const NS = "http://www.w3.org/2000/svg";
const HEIGHT = 216;
const MARGIN = { top: 22, right: 14, bottom: 40, left: 48 };
const TICKS = 4; // about so many on either axis
const NEAR = 32; // pixels: from where a pointer means a point
const SHAPES = [
  "M-3.2 0a3.2 3.2 0 1 0 6.4 0a3.2 3.2 0 1 0-6.4 0z",
  "M-3-3h6v6h-6z",
  "M0-4l4 7h-8z",
];

/** @template {keyof SVGElementTagNameMap} K
 * @param {K} name
 * @param {Record<string, string | number>} attributes
 * @param {(Node | string)[]} children */
const element = (name, attributes = {}, children = []) => {
  const node = document.createElementNS(NS, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, String(value));
  node.append(...children);
  return node;
};

/** @template {ChartPoint} P */
export class Chart {
  /** @type {ChartLine<P>[]} */
  #lines = [];
  /** @type {ChartMark[]} */
  #marks = [];
  /** The one that Tab comes to.
   * @type {Place} */
  #at = [0, 0];
  /** Where things are, of what is drawn; null before.
   * @type {{ across: Axis, up: Axis, marks: SVGGElement } | null} */
  #drawn = null;

  /** label: what the chart shows; x, y: {label, format(value), from, log}, from: where the axis
   * begins unless with the data; onSay(point or null) of the point looked at; onPress(point), where
   * pressing one does something; words: what is said in another language than it was given in.
   * @param {HTMLElement} root
   * @param {{ label: string, x: ChartAxis, y: ChartAxis, onSay: (point: P | null) => void,
   *   onPress?: ((point: P) => void) | null, words?: ChartWords }} options */
  constructor(root, { label, x, y, onSay, onPress = null, words = PLAIN }) {
    this.root = root;
    this.words = words;
    this.x = x;
    this.y = y;
    this.onSay = onSay;
    this.onPress = onPress;
    this.svg = element("svg", { class: "dc-chart", role: "group", "aria-label": label });
    root.replaceChildren(this.svg);
    this.svg.addEventListener("pointermove", (event) => onSay(this.#nearest(event)?.point ?? null));
    this.svg.addEventListener("pointerleave", () => onSay(null));
    this.svg.addEventListener("click", (event) => {
      const near = this.#nearest(event);
      if (!near) return;
      onSay(near.point);
      onPress?.(near.point);
    });
    this.svg.addEventListener("keydown", (event) => this.#key(event));
    new ResizeObserver(() => this.#draw()).observe(root);
  }

  /** lines: [{name, points: [{x, y, dx, dy, said}]}], at most three; dx, dy: standard errors, both
   * drawn as a cross and dy alone as a band; said: the point in words.
   * @param {ChartLine<P>[]} lines */
  show(lines) {
    this.#lines = lines;
    this.#at = [0, 0];
    this.#draw();
  }

  /** marks: [{x, y, words}]: a ring, or with words the place that they name.
   * @param {ChartMark[]} marks */
  mark(marks) {
    this.#marks = marks;
    this.#drawMarks();
  }

  #draw() {
    const width = this.root.clientWidth;
    const points = this.#lines.flatMap((line) => line.points);
    if (!width || !points.length) return;
    const focused = this.svg.contains(document.activeElement);
    const across = axis(points, "x", this.x, [MARGIN.left, width - MARGIN.right]);
    const up = axis(points, "y", this.y, [HEIGHT - MARGIN.bottom, MARGIN.top]);
    this.svg.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    this.svg.setAttribute("height", String(HEIGHT));
    const marks = element("g", { class: "dc-marks", "aria-hidden": "true" });
    this.#drawn = { across, up, marks };
    this.svg.replaceChildren(
      this.#axes(across, up, width),
      ...this.#lines.map((line, index) => this.#line(line, index, across, up)),
      marks,
      ...this.#lines.map((line, index) => this.#points(line, index, across, up)),
    );
    this.#drawMarks();
    if (focused) this.#focus();
  }

  /** @param {Axis} across
   * @param {Axis} up
   * @param {number} width */
  #axes(across, up, width) {
    const bottom = HEIGHT - MARGIN.bottom;
    /** @type {(words: string, attributes: Record<string, string | number>) => SVGTextElement} */
    const text = (words, attributes) => element("text", attributes, [this.words.again(words)]);
    return element("g", { class: "dc-axes", "aria-hidden": "true" }, [
      ...up.ticks.flatMap((tick) => [
        element("path", { d: `M${MARGIN.left} ${up.at(tick)}H${width - MARGIN.right}` }),
        text(this.y.format(tick), { x: MARGIN.left - 9, y: up.at(tick) + 4, "text-anchor": "end" }),
      ]),
      ...across.ticks.map((tick) =>
        text(this.x.format(tick), { x: across.at(tick), y: bottom + 16, "text-anchor": "middle" }),
      ),
      text(this.x.label ?? "", {
        x: (MARGIN.left + width) / 2,
        y: HEIGHT - 6,
        "text-anchor": "middle",
      }),
    ]);
  }

  /** @param {ChartLine<P>} line
   * @param {number} index
   * @param {Axis} across
   * @param {Axis} up */
  #line({ points }, index, across, up) {
    /** @param {{ x: number, y: number }[]} those */
    const path = (those) => those.map(({ x, y }) => `${across.at(x)} ${up.at(y)}`).join("L");
    const uncertain = points.flatMap(({ x, y, dx, dy }) =>
      dy === undefined ? [] : [{ x, y, dx, dy }],
    );
    const crosses = uncertain.flatMap(({ x, y, dx, dy }) =>
      dx === undefined ? [] : [{ x, y, dx, dy }],
    );
    /** @param {number} side */
    const edge = (side) => uncertain.map(({ x, y, dy }) => ({ x, y: y + side * dy }));
    const shade = crosses.length
      ? crosses
          .map(({ x, y, dx, dy }) => {
            const [left, right, low, high] = [
              across.at(x - dx),
              across.at(x + dx),
              up.at(y - dy),
              up.at(y + dy),
            ];
            return `M${left} ${up.at(y)}H${right}M${across.at(x)} ${low}V${high}`;
          })
          .join("")
      : uncertain.length && `M${path([...edge(1), ...edge(-1).reverse()])}Z`;
    const children = [element("path", { class: "dc-line", d: `M${path(points)}` })];
    if (shade)
      children.unshift(
        element("path", { class: crosses.length ? "dc-crosses" : "dc-band", d: shade }),
      );
    return element("g", { class: `dc-kind-${index}`, "aria-hidden": "true" }, children);
  }

  /** @param {ChartLine<P>} shown
   * @param {number} line
   * @param {Axis} across
   * @param {Axis} up */
  #points({ name, points }, line, across, up) {
    const children = points.map((point, index) => {
      const here = String(this.#at) === String([line, index]);
      const node = element("path", {
        class: "dc-point",
        d: shape(line),
        transform: `translate(${across.at(point.x)} ${up.at(point.y)})`,
        role: this.onPress ? "button" : "img",
        tabindex: here ? 0 : -1,
        "aria-label": this.words.point(name, point.said),
      });
      node.addEventListener("focus", () => this.onSay(point));
      node.addEventListener("blur", () => this.onSay(null));
      return node;
    });
    return element("g", { class: `dc-kind-${line} dc-points` }, children);
  }

  #drawMarks() {
    if (!this.#drawn) return;
    const { across, up, marks } = this.#drawn;
    marks.replaceChildren(
      ...this.#marks.flatMap((mark) => {
        const [x, y] = [across.at(mark.x), up.at(mark.y)];
        if (!mark.words) return [element("circle", { class: "dc-own", cx: x, cy: y, r: 7 })];
        const place = {
          x,
          y: MARGIN.top - 7,
          "text-anchor": x > this.root.clientWidth * 0.7 ? "end" : "middle",
        };
        return [
          element("path", { class: "dc-pin", d: `M${x} ${MARGIN.top - 3}V${y - 6}` }),
          element("text", place, [this.words.again(mark.words)]),
        ];
      }),
    );
  }

  // --- pointer and keyboard
  /** The point that the pointer means; null where none is near.
   * @param {MouseEvent} event
   * @returns {{ point: P, far: number } | null} */
  #nearest(event) {
    if (!this.#drawn) return null;
    const { across, up } = this.#drawn;
    const frame = this.svg.getBoundingClientRect();
    const [x, y] = [event.clientX - frame.left, event.clientY - frame.top];
    const found = this.#lines
      .flatMap((line) => line.points)
      .map((point) => ({
        point,
        far: Math.hypot(across.at(point.x) - x, up.at(point.y) - y),
      }))
      .sort((a, b) => a.far - b.far)[0];
    return found && found.far <= NEAR ? found : null;
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const [line, index] = this.#at;
    const points = this.#lines[line]?.points ?? [];
    const here = points[index];
    if (!here) return;
    /** @type {(to: number) => Place} */
    const near = (to) => {
      const distances = this.#lines[to]?.points.map(({ x }) => Math.abs(x - here.x)) ?? [];
      return distances.length ? [to, distances.indexOf(Math.min(...distances))] : [line, index];
    };
    const count = this.#lines.length;
    /** @type {Record<string, () => Place>} */
    const moves = {
      ArrowLeft: () => [line, Math.max(index - 1, 0)],
      ArrowRight: () => [line, Math.min(index + 1, points.length - 1)],
      ArrowUp: () => near((line + count - 1) % count),
      ArrowDown: () => near((line + 1) % count),
      Home: () => [line, 0],
      End: () => [line, points.length - 1],
    };
    const move = moves[event.key];
    if (move) {
      this.#at = move();
      this.#focus();
    } else if (event.key === "Enter" || event.key === " ") {
      this.onPress?.(here);
    } else return;
    event.preventDefault();
  }

  #focus() {
    this.svg.querySelector(".dc-point[tabindex='0']")?.setAttribute("tabindex", "-1");
    const [line, index] = this.#at;
    const node = this.svg.querySelectorAll(".dc-points")[line]?.children[index];
    if (!(node instanceof SVGElement)) return;
    node.setAttribute("tabindex", "0");
    node.focus();
  }
}

/** What stands for the points of a line.
 * @param {number} line */
const shape = (line) => SHAPES[line] ?? "";

/** What the lines of charts are called, each beside its dash and shape.
 * @param {string[]} names */
export function legend(names) {
  return names.map((name, index) => {
    const item = document.createElement("li");
    const sample = element(
      "svg",
      { viewBox: "0 0 34 12", width: 34, height: 12, "aria-hidden": "true" },
      [
        element("g", { class: `dc-kind-${index} dc-points` }, [
          element("path", { class: "dc-line", d: "M1 6H33" }),
          element("path", { class: "dc-point", d: shape(index), transform: "translate(17 6)" }),
        ]),
      ],
    );
    item.append(sample, name);
    return item;
  });
}

/** {ticks, at(value) in pixels} of an axis over the points' x or y and their errors.
 * @param {ChartPoint[]} points
 * @param {"x" | "y"} key
 * @param {ChartAxis} shown
 * @param {Span} span
 * @returns {Axis} */
function axis(points, key, { from, log }, [start, end]) {
  if (log)
    return decades(
      points.map((point) => point[key]),
      [start, end],
    );
  const values = points.flatMap((point) =>
    [-1, 0, 1].map((side) => point[key] + side * ((key === "x" ? point.dx : point.dy) ?? 0)),
  );
  const [low, high] = [from ?? Math.min(...values), Math.max(...values)];
  const rough = (high - low || 1) / TICKS;
  const power = 10 ** Math.floor(Math.log10(rough));
  const factor = [1, 2, 5].find((factor) => factor * power >= rough * 0.999) ?? 10;
  const step = factor * power;
  const [first, last] = [Math.floor(low / step + 1e-9), Math.floor(high / step + 1e-9)];
  const ticks = Array.from({ length: last - first + 1 }, (_, index) => (first + index) * step);
  const origin = first * step;
  /** @param {number} value */
  const at = (value) => start + ((value - origin) / (high - origin || 1)) * (end - start);
  return { ticks, at };
}

/** The same, logarithmic: the powers of ten from the first value on.
 * @param {number[]} values
 * @param {Span} span
 * @returns {Axis} */
function decades(values, [start, end]) {
  const [low, high] = [Math.log10(Math.min(...values)), Math.log10(Math.max(...values))];
  const first = Math.floor(low + 1e-9);
  const count = Math.floor(high + 1e-9) - first + 1;
  const ticks = Array.from({ length: count }, (_, index) => 10 ** (first + index));
  /** @param {number} value */
  const at = (value) => start + ((Math.log10(value) - first) / (high - first || 1)) * (end - start);
  return { ticks, at };
}
