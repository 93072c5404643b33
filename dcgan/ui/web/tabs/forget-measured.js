// What dropping the fitted maps costs, as `python -m training run forget` measured it.

import { page } from "../core/page.js";
import { results } from "../engine/engine.js";
import { Chart, legend } from "../widgets/chart.js";

export const ORDERS = {
  fitted: "in fitted order",
  matched: "others that are as active on average",
  random: "in random order",
};
let asked = null; // promise of the file, or of null where nothing was measured

const percent = (value) => `${Math.round(100 * value)}%`;
const kid = (value) => value.toFixed(2);
const give = (value, error, format) =>
  format(value) + (error === undefined ? "" : ` ± ${format(error)}`);
const maps = (k) => `${k} ${k === 1 ? "map" : "maps"}`;

export class Measured {
  #facts = null;

  /** root: of the tab; onPress(k): the first k maps are to be dropped. */
  constructor(root, { onPress }) {
    this.part = (name) => root.querySelector(`[data-role=${name}]`);
    const onSay = (point) => (this.part("said").textContent = point ? said(point) : HINT);
    const left = { label: "windows left", format: percent, from: 0 };
    const dropped = { label: "maps dropped", format: String, from: 0 };
    const far = { label: "distance to real rooms (KID)", format: kid };
    const chart = (name, label, x, y) =>
      new Chart(this.part(name), { label, x, y, onSay, onPress: ({ k }) => onPress(k) });
    this.charts = [
      { chart: chart("fair", "Windows left against KID", far, left), x: "kid", y: "left" },
      {
        chart: chart("left", "Windows left against maps dropped", dropped, left),
        x: "k",
        y: "left",
      },
      { chart: chart("far", "KID against maps dropped", dropped, far), x: "k", y: "kid" },
    ];
    onSay(null);
  }

  /** Shows the file where it is about this model, nothing elsewhere. */
  async show(model) {
    this.#facts = null;
    this.part("measured").hidden = true;
    if (!model.boxes.length) return;
    asked ??= results("forget").catch(() => null);
    const facts = await asked;
    if (facts?.weights !== model.weights || model !== page.model) return;
    this.#facts = facts;
    this.part("measured").hidden = false;
    this.part("measured-words").textContent = words(facts);
    this.part("legend").replaceChildren(...legend(Object.values(ORDERS)));
    const curves = Object.fromEntries(
      Object.keys(ORDERS).map((name) => [
        name,
        facts.curves[name].map(point(facts.curves[name][0])),
      ]),
    );
    this.curves = curves;
    const last = curves.fitted.at(-1).k;
    const until = Math.min(
      ...Object.values(curves)
        .flat()
        .map(({ k }) => k)
        .filter((k) => k >= last),
    );
    for (const { chart, x, y } of this.charts) {
      chart.show(
        Object.entries(curves).map(([name, points]) => ({
          name: ORDERS[name],
          points: points
            .filter(({ k }) => k <= until)
            .map((all) => ({
              ...all,
              x: all[x],
              y: all[y],
              dx: all[`${x}_error`],
              dy: all[`${y}_error`],
              said: said(all),
            })),
        })),
      );
    }
    this.part("numbers").replaceChildren(...rows(curves));
    this.mark(null);
  }

  /** Whether the curves are about dropping these maps one after the other. */
  isAbout(fit) {
    return this.#facts !== null && String(fit?.maps) === String(this.#facts.fit.maps);
  }

  /** The maps of a fit that are best dropped: all, where it was not measured. */
  chosen(fit) {
    return this.isAbout(fit) ? fit.maps.slice(0, this.#facts.goal.k) : fit.maps;
  }

  /** Marks the chosen k, and where the visitor stands: the first k maps dropped, or null. */
  mark(k) {
    if (!this.#facts) return;
    const { fitted } = this.curves;
    const chosen = this.#facts.goal.k;
    for (const { chart, x, y } of this.charts) {
      const mark = (at) => ({ x: between(fitted, at, x), y: between(fitted, at, y) });
      chart.mark([{ ...mark(chosen), words: maps(chosen) }, ...(k === null ? [] : [mark(k)])]);
    }
  }
}

const HINT = "Press a point to drop so many maps.";

const said = (point) =>
  `${maps(point.k)} dropped: ${give(point.left, point.left_error, percent)} of the windows left, ` +
  `KID ${give(point.kid, point.kid_error, kid)}`;

/** Of a curve's points: windows left as a part of those of its first one. */
const point =
  (first) =>
  ({ k, found, found_error, kid, kid_error }) => ({
    k,
    left: found / first.found,
    left_error: found_error === undefined ? undefined : found_error / first.found,
    kid,
    kid_error,
  });

/** The value of a key at k maps, from straight lines between those measured. */
function between(points, k, key) {
  const after = points.findIndex((point) => point.k >= k);
  if (after <= 0) return points.at(after)[key];
  const [low, high] = [points[after - 1], points[after]];
  return low[key] + ((high[key] - low[key]) * (k - low.k)) / (high.k - low.k);
}

/** Windows can also become more: the segmenter takes spoilt pictures for some. */
const change = (fall) => (fall < 0 ? `add ${percent(-fall)}` : `take ${percent(fall)}`);

function words({ goal, curves, fit, judge, samples }) {
  const { pictures, sharp } = judge.held_out;
  const rival = (name, called) =>
    goal[name].reached
      ? `${called} ${change(goal[name].fall)}`
      : `${called} never come to it, and take ${percent(goal[name].fall)} at most`;
  const first = goal.k === fit.maps.length ? "all" : `the first ${goal.k} of`;
  return (
    `Without ${first} ${maps(fit.maps.length)}, ${samples.toLocaleString("en")} samples have lost ` +
    `${percent(goal.fall)} of their windows, and their distance to real rooms (KID) has gone from ` +
    `${kid(curves.fitted[0].kid)} to ${kid(goal.kid)}. At that distance, ` +
    `${rival("matched", "other maps that are as active")}, and ` +
    `${rival("random", "maps in random order")}. Windows are found by a small network that only ` +
    `measures: on ${pictures} photographs that it had not seen, it and people agree by ` +
    `${percent(sharp.iou)} on where the windows are (IoU).`
  );
}

function rows(curves) {
  const cell = (words, name = "td", attributes = {}) =>
    Object.assign(document.createElement(name), { textContent: words, ...attributes });
  const row = (cells) => {
    const made = document.createElement("tr");
    made.append(...cells);
    return made;
  };
  const ks = [
    ...new Set(
      Object.values(curves)
        .flat()
        .map(({ k }) => k),
    ),
  ].sort((a, b) => a - b);
  const head = [
    row([
      cell("Maps dropped", "th", { scope: "col", rowSpan: 2 }),
      ...Object.values(ORDERS).map((name) => cell(name, "th", { scope: "colgroup", colSpan: 2 })),
    ]),
    row(
      Object.keys(ORDERS).flatMap(() =>
        ["windows left", "KID"].map((name) => cell(name, "th", { scope: "col" })),
      ),
    ),
  ];
  const body = ks.map((k) => {
    const cells = Object.values(curves).flatMap((points) => {
      const found = points.find((point) => point.k === k);
      if (!found) return [cell(""), cell("")];
      return [
        cell(give(found.left, found.left_error, percent)),
        cell(give(found.kid, found.kid_error, kid)),
      ];
    });
    return row([cell(k, "th", { scope: "row" }), ...cells]);
  });
  return [...head, ...body];
}
