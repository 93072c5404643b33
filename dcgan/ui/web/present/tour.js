// What the presentation shows: scenes, each some words and the text of an image for every place
// in it, from 0 to 1.

import { named, t } from "../core/language.js";
import { wayThrough } from "../core/motion.js";
import {
  draw,
  gain,
  mean,
  partAt,
  parts,
  sum,
  thereAndBack,
  turn,
  withGains,
} from "../core/spec.js";
import { fitUnits, shippedBoxes } from "../engine/engine.js";

/** @import { Model } from "../core/types.d.ts" */

/** What is shown of the page.
 * @typedef {typeof import("../core/page.js").page} Page */

/** at(t): the text of a picture for any time t, those before 0 and after 1 being like 0 and 1; ready()
 * fetches what the pictures are made of; failure: why that can't be had.
 * @typedef {{ title: string, words: string, seconds: number, at: (t: number) => string,
 *   ready?: () => Promise<void>, failure?: string }} Scene */

/** At least one.
 * @template T
 * @typedef {[T, ...T[]]} Some */

const SECONDS = 60; // of the tour

/** @type {Some<number>} */
const SHOWN = [4, 83, 10, 58, 34, 92, 62]; // draws of seed 1
const KEYFRAMES = [11, 58, 34, 10, 93];
/** @type {Some<number>} */
const HEADS = [83, 11];
const FAR = 0.7; // how far they turn
const ROOMS = [6, 13, 9]; // of those with boxes

/** @param {number} t */
const soft = (t) => t * t * (3 - 2 * t);

/** {item, place}: the item whose turn it is at a time from 0 to 1, and the place in its turn.
 * @template T
 * @param {Some<T>} items
 * @param {number} t */
function itemAt(items, t) {
  const { index, place } = partAt(t * items.length, items.length);
  return { item: items[index] ?? items[0], place };
}

/**
 * {yours, tour}: scenes of what the visitor has made, and those that together take SECONDS.
 * @param {Page} page
 * @returns {{ yours: Scene[], tour: Scene[] }}
 */
export function scenes(page) {
  /** @param {(model: Model) => unknown} has */
  const having = (has) => page.models.find(has);
  const face = having(({ sets }) => sets.turns.length && sets.sums.length) ?? page.model;
  const room = having(({ boxes }) => boxes.length);
  const all = [
    samples(page, face),
    walk(page, face),
    smile(page, face),
    heads(page, face),
    room ? forget(page, room) : null,
  ];
  const tour = all.filter((scene) => scene !== null);
  const whole = tour.reduce((seconds, scene) => seconds + scene.seconds, 0);
  for (const scene of tour) scene.seconds *= SECONDS / whole;
  return { yours: [stage(page), shelf(page)].filter((scene) => scene !== null), tour };
}

/** @type {(page: Page) => Scene} */
const stage = ({ picture }) => ({
  title: t("common.onTheStage"),
  words: t("tour.spec"),
  seconds: 4,
  at: () => picture,
});

/** @param {Page} page
 * @returns {Scene | null} */
function shelf({ shelf: kept, picture }) {
  const { model } = parts(picture);
  const keyframes = kept.filter((text) => parts(text).model === model);
  if (keyframes.length < 2) return null;
  return {
    title: t("common.fromShelf"),
    words: t("tour.shelf"),
    seconds: 3 * keyframes.length,
    at: through(keyframes),
  };
}

/** Around a closed walk.
 * @type {(keyframes: string[]) => Scene["at"]} */
const through = (keyframes) => wayThrough(keyframes, { closed: true, spherical: true }).at;

/** @param {Page} page
 * @param {Model} model
 * @returns {Scene} */
function samples(page, model) {
  return {
    title: t("tour.samplesTitle"),
    words: t("tour.sample", { count: model.z_size }),
    seconds: 10,
    at: (t) => page.text(draw(1, itemAt(SHOWN, t).item), model),
  };
}

/** @type {(page: Page, model: Model) => Scene} */
const walk = (page, model) => ({
  title: t("tab.walk"),
  words: t("tour.walk"),
  seconds: 14,
  at: through(KEYFRAMES.map((index) => page.text(draw(1, index), model))),
});

/** Its z; null where the model has none of this name.
 * @param {Model} model
 * @param {string} name */
function exemplar(model, name) {
  const zs = model.sets.exemplars[name];
  return zs ? mean(zs) : null;
}

/** @param {Page} page
 * @param {Model} model
 * @returns {Scene | null} */
function smile(page, model) {
  const [names] = model.sets.sums;
  if (!names) return null;
  const [a, b, c] = names.map((name) => exemplar(model, name));
  if (!a || !b || !c) return null;
  return {
    title: t("tab.arithmetic"),
    words: t("arithmetic.sumOf", { a: named(names[0]), b: named(names[1]), c: named(names[2]) }),
    seconds: 11,
    at: (t) =>
      page.text(
        sum([
          [thereAndBack(t), a],
          [-thereAndBack(t), b],
          [1, c],
        ]),
        model,
      ),
  };
}

/** @param {Page} page
 * @param {Model} model
 * @returns {Scene | null} */
function heads(page, model) {
  const [names] = model.sets.turns;
  if (!names) return null;
  const [from, to] = names.map((name) => exemplar(model, name));
  if (!from || !to) return null;
  return {
    title: t("tab.turn"),
    words: t("tour.turn"),
    seconds: 11,
    at: (t) => {
      const { item: head, place } = itemAt(HEADS, t);
      return page.text(turn(FAR * Math.sin(2 * Math.PI * place), from, to, draw(1, head)), model);
    },
  };
}

/** @param {Page} page
 * @param {Model} model
 * @returns {Scene | null} */
function forget(page, model) {
  const [set] = model.boxes;
  if (set === undefined) return null;
  /** @type {{ rooms: Some<string>, gains: (factor: number) => string[] }} */
  const found = { rooms: [page.sample(1, 0, model)], gains: () => [] };
  return {
    title: t("tab.forget"),
    words: t("tour.forget"),
    seconds: 14,
    at: (t) => {
      const { rooms, gains } = found;
      const { item: room, place } = itemAt(rooms, t);
      return withGains(room, gains(1 - soft(thereAndBack(place))));
    },
    async ready() {
      const { name, layer, pictures } = await shippedBoxes(model.name, set);
      const { maps } = await fitUnits({ version: 1, name, layer, pictures });
      const boxed = pictures.filter(({ boxes }) => boxes.length);
      const [first, ...rest] = ROOMS.flatMap((index) => boxed[index % boxed.length]?.spec ?? []);
      if (first !== undefined) found.rooms = [first, ...rest];
      found.gains = (factor) => (factor === 1 ? [] : [gain(layer, factor, maps)]);
    },
  };
}
