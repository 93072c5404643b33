// A small line chart: a few named lines over numbers, told apart by dash and shape, not by colour.
// One tab stop: arrows go along a line and from line to line, Enter presses a point.

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

const element = (name, attributes = {}, children = []) => {
  const node = document.createElementNS(NS, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
};

export class Chart {
  #lines = [];
  #marks = [];
  #at = [0, 0]; // line and point that Tab comes to

  /** label: what the chart shows; x, y: {label, format(value), from, log}, from: where the axis
   * begins unless with the data; onSay(point or null) of the point looked at; onPress(point), where
   * pressing one does something. */
  constructor(root, { label, x, y, onSay, onPress = null }) {
    Object.assign(this, { root, x, y, onSay, onPress });
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
   * drawn as a cross and dy alone as a band; said: the point in words. */
  show(lines) {
    this.#lines = lines;
    this.#at = [0, 0];
    this.#draw();
  }

  /** marks: [{x, y, words}]: a ring, or with words the place that they name. */
  mark(marks) {
    this.#marks = marks;
    this.#drawMarks();
  }

  #draw() {
    const width = this.root.clientWidth;
    if (!width || !this.#lines.length) return;
    const focused = this.svg.contains(document.activeElement);
    const points = this.#lines.flatMap((line) => line.points);
    const across = axis(points, "x", this.x, [MARGIN.left, width - MARGIN.right]);
    const up = axis(points, "y", this.y, [HEIGHT - MARGIN.bottom, MARGIN.top]);
    this.place = (point) => [across.at(point.x), up.at(point.y)];
    this.svg.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    this.svg.setAttribute("height", HEIGHT);
    this.marks = element("g", { class: "dc-marks", "aria-hidden": "true" });
    this.svg.replaceChildren(
      this.#axes(across, up, width),
      ...this.#lines.map((line, index) => this.#line(line, index, across, up)),
      this.marks,
      ...this.#lines.map((line, index) => this.#points(line, index)),
    );
    this.#drawMarks();
    if (focused) this.#focus();
  }

  #axes(across, up, width) {
    const bottom = HEIGHT - MARGIN.bottom;
    const text = (words, attributes) => element("text", attributes, [words]);
    return element("g", { class: "dc-axes", "aria-hidden": "true" }, [
      ...up.ticks.flatMap((tick) => [
        element("path", { d: `M${MARGIN.left} ${up.at(tick)}H${width - MARGIN.right}` }),
        text(this.y.format(tick), { x: MARGIN.left - 9, y: up.at(tick) + 4, "text-anchor": "end" }),
      ]),
      ...across.ticks.map((tick) =>
        text(this.x.format(tick), { x: across.at(tick), y: bottom + 16, "text-anchor": "middle" }),
      ),
      text(this.x.label, { x: (MARGIN.left + width) / 2, y: HEIGHT - 6, "text-anchor": "middle" }),
    ]);
  }

  #line({ points }, index, across, up) {
    const path = (those) => those.map((point) => this.place(point).join(" ")).join("L");
    const uncertain = points.filter(({ dy }) => dy !== undefined);
    const crosses = uncertain.filter(({ dx }) => dx !== undefined);
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

  #points({ name, points }, line) {
    const children = points.map((point, index) => {
      const [x, y] = this.place(point);
      const here = String(this.#at) === String([line, index]);
      const node = element("path", {
        class: "dc-point",
        d: SHAPES[line],
        transform: `translate(${x} ${y})`,
        role: this.onPress ? "button" : "img",
        tabindex: here ? 0 : -1,
        "aria-label": `${name}, ${point.said}`,
      });
      node.addEventListener("focus", () => this.onSay(point));
      node.addEventListener("blur", () => this.onSay(null));
      return node;
    });
    return element("g", { class: `dc-kind-${line} dc-points` }, children);
  }

  #drawMarks() {
    this.marks?.replaceChildren(
      ...this.#marks.flatMap((mark) => {
        const [x, y] = this.place(mark);
        if (!mark.words) return [element("circle", { class: "dc-own", cx: x, cy: y, r: 7 })];
        const place = {
          x,
          y: MARGIN.top - 7,
          "text-anchor": x > this.root.clientWidth * 0.7 ? "end" : "middle",
        };
        return [
          element("path", { class: "dc-pin", d: `M${x} ${MARGIN.top - 3}V${y - 6}` }),
          element("text", place, [mark.words]),
        ];
      }),
    );
  }

  // --- pointer and keyboard
  #nearest(event) {
    const frame = this.svg.getBoundingClientRect();
    const [x, y] = [event.clientX - frame.left, event.clientY - frame.top];
    const found = this.#lines
      .flatMap((line) => line.points)
      .map((point) => ({
        point,
        far: Math.hypot(this.place(point)[0] - x, this.place(point)[1] - y),
      }))
      .sort((a, b) => a.far - b.far)[0];
    return found?.far <= NEAR ? found : null;
  }

  #key(event) {
    const [line, index] = this.#at;
    const { points } = this.#lines[line];
    const near = (to) => {
      const distances = this.#lines[to].points.map(({ x }) => Math.abs(x - points[index].x));
      return [to, distances.indexOf(Math.min(...distances))];
    };
    const count = this.#lines.length;
    const moves = {
      ArrowLeft: () => [line, Math.max(index - 1, 0)],
      ArrowRight: () => [line, Math.min(index + 1, points.length - 1)],
      ArrowUp: () => near((line + count - 1) % count),
      ArrowDown: () => near((line + 1) % count),
      Home: () => [line, 0],
      End: () => [line, points.length - 1],
    };
    if (moves[event.key]) {
      this.#at = moves[event.key]();
      this.#focus();
    } else if (event.key === "Enter" || event.key === " ") {
      this.onPress?.(points[index]);
    } else return;
    event.preventDefault();
  }

  #focus() {
    this.svg.querySelector(".dc-point[tabindex='0']").setAttribute("tabindex", -1);
    const [line, index] = this.#at;
    const node = this.svg.querySelectorAll(".dc-points")[line].children[index];
    node.setAttribute("tabindex", 0);
    node.focus();
  }
}

/** What the lines of charts are called, each beside its dash and shape. */
export function legend(names) {
  return names.map((name, index) => {
    const item = document.createElement("li");
    const sample = element(
      "svg",
      { viewBox: "0 0 34 12", width: 34, height: 12, "aria-hidden": "true" },
      [
        element("g", { class: `dc-kind-${index} dc-points` }, [
          element("path", { class: "dc-line", d: "M1 6H33" }),
          element("path", { class: "dc-point", d: SHAPES[index], transform: "translate(17 6)" }),
        ]),
      ],
    );
    item.append(sample, name);
    return item;
  });
}

/** {ticks, at(value) in pixels} of an axis over the points' x or y and their errors. */
function axis(points, key, { from, log }, [start, end]) {
  if (log)
    return decades(
      points.map((point) => point[key]),
      [start, end],
    );
  const values = points.flatMap((point) =>
    [-1, 0, 1].map((side) => point[key] + side * (point[`d${key}`] ?? 0)),
  );
  const [low, high] = [from ?? Math.min(...values), Math.max(...values)];
  const rough = (high - low || 1) / TICKS;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough * 0.999);
  const [first, last] = [Math.floor(low / step + 1e-9), Math.floor(high / step + 1e-9)];
  const ticks = Array.from({ length: last - first + 1 }, (_, index) => (first + index) * step);
  const at = (value) => start + ((value - ticks[0]) / (high - ticks[0] || 1)) * (end - start);
  return { ticks, at };
}

/** The same, logarithmic: the powers of ten from the first value on. */
function decades(values, [start, end]) {
  const [low, high] = [Math.min(...values), Math.max(...values)].map(Math.log10);
  const first = Math.floor(low + 1e-9);
  const count = Math.floor(high + 1e-9) - first + 1;
  const ticks = Array.from({ length: count }, (_, index) => 10 ** (first + index));
  const at = (value) => start + ((Math.log10(value) - first) / (high - first || 1)) * (end - start);
  return { ticks, at };
}
