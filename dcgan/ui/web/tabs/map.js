// Map: a map of samples, a lattice of seeds, or the plane through three pictures, to wander in.

import { find } from "../core/dom.js";
import { named, t } from "../core/language.js";
import { page } from "../core/page.js";
import { between, draw, join, parts, sum } from "../core/spec.js";
import { fields, texts } from "../core/store.js";
import { Pad } from "../widgets/pad.js";
import { choose, draws, ours } from "../widgets/picker.js";
import { thumb } from "../widgets/thumbnail.js";

/** @typedef {keyof typeof SAID} Kind */

/** @typedef {[x: number, y: number]} Place */

/** three: texts of the pictures that the plane goes through; none before the first.
 * @typedef {{ kind: Kind, seed: number, three: string[], x: number, y: number }} State */

const SIDE = 8; // of the lattice
const SNAP = 0.18; // of a cell
/** @type {[number, number]} */
const SPAN = [-0.25, 1.25]; // of the plane through three pictures, which lie at 0 and 1
const STEPS = 9; // pictures along it
const NEAR = 0.05;
const CORNERS = ["A", "B", "C"];
/** Of A, B and C; y grows downwards.
 * @type {Place[]} */
const PLACES = [
  [0, 1],
  [1, 1],
  [0, 0],
];
/** @type {Record<string, number>} */
const ARROWS = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 };
const LARGEST = Number.MAX_SAFE_INTEGER;
/** @type {State} */
const state = { kind: "map", seed: 1, three: [], x: 0, y: 0 };

/** @param {HTMLElement} root */
export async function mount(root) {
  /** @param {string} name */
  const part = (name) => find(root, `[data-role=${name}]`, HTMLElement);
  /** @param {string} name */
  const field = (name) => find(root, `[data-role=${name}]`, HTMLInputElement);
  /** @param {string} name */
  const button = (name) => find(root, `[data-do=${name}]`, HTMLButtonElement);
  const kinds = [...root.querySelectorAll("input")].filter(({ type }) => type === "radio");
  /** @type {["x" | "y", HTMLInputElement][]} */
  const sliders = [
    ["x", field("across")],
    ["y", field("down")],
  ];
  const seedField = field("map-seed");
  /** @param {string} sentence */
  const fail = (sentence) => page.fail(sentence);
  const pad = new Pad(part("pad"), { onMove: (x, y) => go(x, y), onError: fail });

  /** The model's map, where it is the one that is shown. */
  const atlas = () => (state.kind === "map" ? page.model.map : null);
  const lattice = () =>
    Array.from({ length: SIDE }, (_, y) => Array.from({ length: SIDE }, (_, x) => y * SIDE + x));
  const cells = () => atlas()?.draws ?? lattice();
  const seed = () => atlas()?.seed ?? state.seed;

  // --- a text for every place
  /** @type {(x: number, y: number) => string} */
  const ofCells = (x, y) => {
    const draws = cells();
    /** @type {(column: number, row: number) => string} */
    const z = (column, row) => draw(seed(), draws[row]?.[column] ?? 0);
    const [left, top] = [Math.floor(x), Math.floor(y)];
    const [across, down] = [x - left, y - top];
    const right = Math.min(left + 1, draws.length - 1);
    const bottom = Math.min(top + 1, draws.length - 1);
    /** @param {number} at */
    const row = (at) => between(true, across, z(left, at), z(right, at));
    return page.text(down === 0 ? row(top) : between(true, down, row(top), row(bottom)));
  };
  /** @type {(x: number, y: number) => string} */
  const ofThree = (x, y) => {
    const near = state.three[PLACES.findIndex(([a, b]) => x === a && y === b)];
    if (near !== undefined) return near;
    const [first, second, third] = state.three;
    if (!first || !second || !third) return page.picture; // there is no plane
    const { z, ...rest } = parts(first);
    const [b, c] = [parts(second).z, parts(third).z];
    const up = 1 - y; // A and B lie below
    return join({
      ...rest,
      z: sum([
        [1 - x - up, z],
        [x, b],
        [up, c],
      ]),
    });
  };
  /** @param {number} at */
  const snap = (at) => (Math.abs(at - Math.round(at)) < SNAP ? Math.round(at) : at);
  /** On a picture, when it is near one.
   * @type {(x: number, y: number) => Place} */
  const snapped = (x, y) =>
    state.kind === "three"
      ? (PLACES.find(([a, b]) => Math.hypot(x - a, y - b) < NEAR) ?? [x, y])
      : [snap(x), snap(y)];
  /** @type {(x: number, y: number) => string} */
  const textAt = (x, y) => (state.kind === "three" ? ofThree(x, y) : ofCells(x, y));

  /** @returns {[number, number]} */
  const range = () => (state.kind === "three" ? SPAN : [0, cells().length - 1]);
  const mark = () => {
    const [low, high] = range();
    for (const [name, slider] of sliders) {
      Object.assign(slider, { min: low, max: high, value: state[name] });
      part(`${slider.dataset.role}-value`).textContent = state[name].toFixed(2);
    }
    pad.mark(state.x, state.y);
  };
  /** @param {number} at */
  const within = (at) => {
    const [low, high] = range();
    return Math.min(Math.max(at, low), high);
  };
  /** @type {(x: number, y: number) => void} */
  const go = (x, y) => {
    [state.x, state.y] = snapped(within(x), within(y));
    mark();
    page.show(textAt(state.x, state.y), "map");
  };
  for (const [name, slider] of sliders) {
    slider.addEventListener("input", () => {
      const place = { x: state.x, y: state.y, [name]: Number(slider.value) };
      go(place.x, place.y);
    });
    slider.addEventListener("keydown", (event) => {
      const step = ARROWS[event.key];
      if (!step) return;
      event.preventDefault(); // "any" makes a step of a hundredth of it all
      const size = state.kind === "three" ? 0.0625 : 0.25;
      slider.value = String(Number(slider.value) + step * size);
      slider.dispatchEvent(new Event("input"));
    });
  }

  // --- what lies on the pad
  const three = () => {
    const at = Array.from(
      { length: STEPS },
      (_, i) => SPAN[0] + (i * (SPAN[1] - SPAN[0])) / (STEPS - 1),
    );
    return at.flatMap((y) => at.map((x) => textAt(x, y)));
  };
  const lay = () => {
    const { kind } = state;
    for (const input of kinds) input.checked = input.value === kind;
    part("of-lattice").hidden = kind !== "lattice";
    part("of-three").hidden = kind !== "three";
    find(root, ".dc-unless-map", HTMLElement).hidden = !page.model.map;
    seedField.value = String(state.seed);
    part("corners").replaceChildren(...state.three.map(corner));
    pad.root.dataset.kind = kind;
    const pictures =
      kind === "three"
        ? three()
        : cells()
            .flat()
            .map((index) => page.text(draw(seed(), index)));
    pad.show(pictures, range());
    mark();
    part("said").textContent = t(SAID[kind]);
  };
  /** @param {Kind} kind */
  const begin = (kind) => {
    state.kind = kind;
    const [low, high] = range();
    [state.x, state.y] = kind === "three" ? [0.5, 0.5] : [low, low + Math.round((high - low) / 2)];
    lay();
    go(state.x, state.y);
  };
  for (const input of kinds) {
    input.addEventListener("change", () => {
      if (isKind(input.value)) begin(input.value);
    });
  }

  /** @param {string} text
   * @param {number} index */
  const corner = (text, index) => {
    const item = document.createElement("li");
    const press = thumb(text, t("map.chooseAnother", { corner: CORNERS[index] ?? "" }));
    press.addEventListener("click", () =>
      choose({
        title: t("map.corner", { corner: CORNERS[index] ?? "" }),
        onPick: (picked) => {
          use(state.three.with(index, picked));
          return undefined; // there is no next question
        },
        onSet: (name) => {
          const [z] = page.model.sets.exemplars[name] ?? [];
          if (z) use(state.three.with(index, page.text(z)));
        },
        onClose: () => part("corners").querySelectorAll("button")[index]?.focus(),
      }),
    );
    const letter = document.createElement("small");
    letter.textContent = CORNERS[index] ?? "";
    item.append(press, letter);
    return item;
  };
  /** @param {string[]} three */
  const use = (three) => {
    state.three = three;
    lay();
    go(state.x, state.y);
  };
  button("random").addEventListener("click", () => use(draws(3)));
  button("shelf").addEventListener("click", () => {
    const kept = page.shelf.filter(ours).slice(0, 3);
    if (kept.length < 3) fail(t("map.shelfTooShort", { model: named(page.model.name) }));
    else use(kept);
  });
  /** @param {string} text */
  const reseed = (text) => {
    const seed = /^\d+$/.test(text.trim()) ? Number(text) : null;
    if (!isSeed(seed)) return fail(t("map.badSeed", { largest: LARGEST }));
    state.seed = seed;
    lay();
    go(state.x, state.y);
  };
  seedField.addEventListener("change", () => reseed(seedField.value));
  button("reseed").addEventListener("click", () => reseed(String(Math.floor(Math.random() * 1e6))));

  /** @returns {Kind} */
  const usual = () => (page.model.map ? "map" : "lattice");
  const useModel = () => {
    state.three = draws(3);
    begin(usual());
  };
  await page.ready;
  /** What was kept, as far as it fits the model.
   * @param {unknown} kept */
  const take = (kept) => {
    const { kind, seed, three, x, y } = fields(kept);
    const pictures = texts(three).filter(ours);
    state.kind = isKind(kind) && kind !== "map" ? kind : usual();
    state.seed = isSeed(seed) ? seed : 1;
    state.three = pictures.length === 3 ? pictures : draws(3);
    state.x = within(Number(x) || 0);
    state.y = within(Number(y) || 0);
    lay();
  };
  const kept = page.history.keep("plane", () => state, take);
  if (kept) take(kept);
  else if (state.three.length) lay();
  else useModel();
  page.on("model", useModel);
}

const SAID = /** @type {const} */ ({
  map: "map.samplesHint",
  lattice: "map.latticeHint",
  three: "map.planeHint",
});

/** @param {unknown} value
 * @returns {value is Kind} */
function isKind(value) {
  return typeof value === "string" && Object.hasOwn(SAID, value);
}

/** @param {unknown} value
 * @returns {value is number} */
function isSeed(value) {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}
