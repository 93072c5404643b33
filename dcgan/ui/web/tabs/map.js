// Map: a map of samples, a lattice of seeds, or the plane through three pictures, to wander in.

import { page } from "../core/page.js";
import { between, draw, join, parts, sum } from "../core/spec.js";
import { Pad } from "../widgets/pad.js";
import { choose, draws, ours } from "../widgets/picker.js";
import { thumb } from "../widgets/thumbnail.js";

const SIDE = 8; // of the lattice
const SNAP = 0.18; // of a cell
const SPAN = [-0.25, 1.25]; // of the plane through three pictures, which lie at 0 and 1
const STEPS = 9; // pictures along it
const NEAR = 0.05;
const CORNERS = ["A", "B", "C"];
const PLACES = [
  [0, 1],
  [1, 1],
  [0, 0],
]; // of A, B and C; y grows downwards
const LARGEST = 2 ** 53 - 1;
const state = { kind: "map", seed: 1, three: null, x: 0, y: 0 };

export async function mount(root) {
  const part = (name) => root.querySelector(`[data-role=${name}]`);
  const button = (name) => root.querySelector(`[data-do=${name}]`);
  const kinds = [...root.querySelectorAll("input[type=radio]")];
  const sliders = { x: part("across"), y: part("down") };
  const fail = (sentence) => page.fail(sentence);
  const pad = new Pad(part("pad"), { onMove: (x, y) => go(x, y), onError: fail });

  const cells = () => {
    if (state.kind === "map") return page.model.map.draws;
    return Array.from({ length: SIDE }, (_, y) =>
      Array.from({ length: SIDE }, (_, x) => y * SIDE + x),
    );
  };
  const seed = () => (state.kind === "map" ? page.model.map.seed : state.seed);

  // --- a text for every place
  const ofCells = (x, y) => {
    const draws = cells();
    const z = (column, row) => draw(seed(), draws[row][column]);
    const [left, top] = [Math.floor(x), Math.floor(y)];
    const [across, down] = [x - left, y - top];
    const right = Math.min(left + 1, draws.length - 1);
    const bottom = Math.min(top + 1, draws.length - 1);
    const row = (at) => between(true, across, z(left, at), z(right, at));
    return page.text(down === 0 ? row(top) : between(true, down, row(top), row(bottom)));
  };
  const ofThree = (x, y) => {
    const near = PLACES.findIndex(([a, b]) => x === a && y === b);
    if (near >= 0) return state.three[near];
    const { z, ...rest } = parts(state.three[0]);
    const [b, c] = state.three.slice(1).map((text) => parts(text).z);
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
  /** On a picture, when it is near one. */
  const snapped = (x, y) =>
    state.kind === "three"
      ? (PLACES.find(([a, b]) => Math.hypot(x - a, y - b) < NEAR) ?? [x, y])
      : [x, y].map((at) => (Math.abs(at - Math.round(at)) < SNAP ? Math.round(at) : at));
  const textAt = (x, y) => (state.kind === "three" ? ofThree(x, y) : ofCells(x, y));

  const range = () => (state.kind === "three" ? SPAN : [0, cells().length - 1]);
  const mark = () => {
    const [low, high] = range();
    for (const [name, slider] of Object.entries(sliders)) {
      Object.assign(slider, { min: low, max: high, value: state[name] });
      part(`${slider.dataset.role}-value`).textContent = state[name].toFixed(2);
    }
    pad.mark(state.x, state.y);
  };
  const go = (x, y) => {
    const [low, high] = range();
    [state.x, state.y] = snapped(...[x, y].map((at) => Math.min(Math.max(at, low), high)));
    mark();
    page.show(textAt(state.x, state.y), "map");
  };
  for (const [name, slider] of Object.entries(sliders)) {
    slider.addEventListener("input", () => {
      const place = { x: state.x, y: state.y, [name]: Number(slider.value) };
      go(place.x, place.y);
    });
    slider.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[event.key];
      if (!step) return;
      event.preventDefault(); // "any" makes a step of a hundredth of it all
      const size = state.kind === "three" ? 0.0625 : 0.25;
      slider.value = Number(slider.value) + step * size;
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
    part("map-seed").value = state.seed;
    part("corners").replaceChildren(...state.three.map(corner));
    pad.root.dataset.kind = kind;
    const texts =
      kind === "three"
        ? three()
        : cells()
            .flat()
            .map((index) => page.text(draw(seed(), index)));
    pad.show(texts, range());
    mark();
    part("said").textContent = SAID[kind];
  };
  const begin = (kind) => {
    state.kind = kind;
    const [low, high] = range();
    [state.x, state.y] = kind === "three" ? [0.5, 0.5] : [low, low + Math.round((high - low) / 2)];
    lay();
    go(state.x, state.y);
  };
  for (const input of kinds) input.addEventListener("change", () => begin(input.value));

  const corner = (text, index) => {
    const item = document.createElement("li");
    const press = thumb(text, `${CORNERS[index]}: choose another`);
    press.addEventListener("click", () =>
      choose({
        title: `${CORNERS[index]} of the plane`,
        onPick: (picked) => use(state.three.with(index, picked)),
        onSet: (name) =>
          use(state.three.with(index, page.text(page.model.sets.exemplars[name][0]))),
        onClose: () => part("corners").querySelectorAll("button")[index].focus(),
      }),
    );
    const letter = document.createElement("small");
    letter.textContent = CORNERS[index];
    item.append(press, letter);
    return item;
  };
  const use = (texts) => {
    state.three = texts;
    lay();
    go(state.x, state.y);
  };
  button("random").addEventListener("click", () => use(draws(3)));
  button("shelf").addEventListener("click", () => {
    const kept = page.shelf.filter(ours).slice(0, 3);
    if (kept.length < 3) fail(`Put three pictures of ${page.model.name} on the shelf first.`);
    else use(kept);
  });
  const reseed = (text) => {
    const seed = /^\d+$/.test(text.trim()) ? Number(text) : NaN;
    if (!(seed <= LARGEST)) return fail(`A seed is a whole number from 0 to ${LARGEST}.`);
    state.seed = seed;
    lay();
    go(state.x, state.y);
  };
  part("map-seed").addEventListener("change", ({ target }) => reseed(target.value));
  button("reseed").addEventListener("click", () => reseed(String(Math.floor(Math.random() * 1e6))));

  const useModel = () => {
    root.querySelector(".dc-unless-map").hidden = !page.model.map;
    state.three = draws(3);
    begin(page.model.map ? "map" : "lattice");
  };
  await page.ready;
  const take = (kept) => {
    Object.assign(state, kept);
    lay();
  };
  const kept = page.history.keep("plane", () => state, take);
  if (kept) take(kept);
  else if (state.three) lay();
  else useModel();
  page.on("model", useModel);
}

const SAID = {
  map: "Draws, laid out so that what the discriminator sees alike lies together. Each is one of 400.",
  lattice:
    "Each cell is a draw of this seed; between four of them it is turned on the sphere, across and down.",
  three:
    "A lies left below, B right below, C left above. Outside the triangle is what they do not span.",
};
