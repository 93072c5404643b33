// What dropping the fitted maps costs, as `python -m training run forget` measured it.

import { find } from "../core/dom.js";
import { t } from "../core/language.js";
import { page } from "../core/page.js";
import { results } from "../engine/engine.js";
import { Chart, legend } from "../widgets/chart.js";
import { words } from "../widgets/chart-words.js";

/** @import { ChartAxis, ForgetPoint, ForgetResults, Model, UnitFit } from "../core/types.d.ts" */

/** What stands on an axis.
 * @typedef {"k" | "left" | "kid"} Key */

/** After k maps were dropped; left: windows, as a part of those without an edit.
 * @typedef {{ k: number, left: number, left_error: number | undefined, kid: number,
 *   kid_error: number | undefined }} Measure */

/** A point of the charts.
 * @typedef {Measure & { x: number, y: number, dx: number | undefined, dy: number | undefined,
 *   said: string }} Point */

/** By the order in which maps are dropped.
 * @typedef {Record<keyof ForgetResults["curves"], Measure[]>} Curves */

/** What the orders are called. */
export const orders = () => ({
  fitted: t("forget.fittedOrder"),
  matched: t("forget.activeOrder"),
  random: t("forget.randomOrder"),
});
/** The file, or null where nothing was measured.
 * @type {Promise<ForgetResults | null> | null} */
let asked = null;

/** @param {number} value */
const percent = (value) => `${Math.round(100 * value)}%`;
/** @param {number} value */
const kid = (value) => value.toFixed(2);
/** @type {(value: number, error: number | undefined, format: (value: number) => string) => string} */
const give = (value, error, format) =>
  format(value) + (error === undefined ? "" : ` ± ${format(error)}`);
/** @param {number} k */
const maps = (k) => t(k === 1 ? "units.map" : "units.maps", { count: k });

export class Measured {
  /** What is shown; null where nothing was measured.
   * @type {{ facts: ForgetResults, curves: Curves } | null} */
  #shown = null;

  /** root: of the tab; onPress(k): the first k maps are to be dropped.
   * @param {HTMLElement} root
   * @param {{ onPress: (k: number) => void }} options */
  constructor(root, { onPress }) {
    /** @param {string} name */
    this.part = (name) => find(root, `[data-role=${name}]`, HTMLElement);
    /** @param {Point | null} point */
    const onSay = (point) => {
      this.part("said").textContent = point ? said(point) : t("forget.pressPoint");
    };
    const left = { label: t("forget.windowsLeft"), format: percent, from: 0 };
    const dropped = { label: t("forget.mapsDropped"), format: String, from: 0 };
    const far = { label: t("forget.kid"), format: kid };
    /** @type {(name: string, label: string, x: ChartAxis, y: ChartAxis) => Chart<Point>} */
    const chart = (name, label, x, y) =>
      new Chart(this.part(name), { label, x, y, onSay, onPress: ({ k }) => onPress(k), words });
    /** @type {{ chart: Chart<Point>, x: Key, y: Key }[]} */
    this.charts = [
      { chart: chart("fair", t("forget.windowsAgainstKid"), far, left), x: "kid", y: "left" },
      {
        chart: chart("left", t("forget.windowsAgainstMaps"), dropped, left),
        x: "k",
        y: "left",
      },
      { chart: chart("far", t("forget.kidAgainstMaps"), dropped, far), x: "k", y: "kid" },
    ];
    onSay(null);
  }

  /** Shows the file where it is about this model, nothing elsewhere.
   * @param {Model} model */
  async show(model) {
    this.#shown = null;
    this.part("measured").hidden = true;
    if (!model.boxes.length) return;
    asked ??= results("forget").catch(() => null);
    const facts = await asked;
    if (facts?.weights !== model.weights || model !== page.model) return;
    const { fitted, matched, random } = facts.curves;
    const curves = {
      fitted: measures(fitted),
      matched: measures(matched),
      random: measures(random),
    };
    this.#shown = { facts, curves };
    this.part("measured").hidden = false;
    this.part("measured-words").replaceChildren(...summary(facts));
    this.part("legend").replaceChildren(...legend(Object.values(orders())));
    const last = curves.fitted.at(-1)?.k ?? 0;
    const until = Math.min(
      ...Object.values(curves)
        .flat()
        .map(({ k }) => k)
        .filter((k) => k >= last),
    );
    for (const { chart, x, y } of this.charts) {
      /** @param {Measure[]} all */
      const points = (all) =>
        all
          .filter(({ k }) => k <= until)
          .map((one) => ({
            ...one,
            x: one[x],
            y: one[y],
            dx: errorOf(one, x),
            dy: errorOf(one, y),
            said: said(one),
          }));
      chart.show([
        { name: orders().fitted, points: points(curves.fitted) },
        { name: orders().matched, points: points(curves.matched) },
        { name: orders().random, points: points(curves.random) },
      ]);
    }
    this.part("numbers").replaceChildren(...rows(curves));
    this.mark(null);
  }

  /** Whether the curves are about dropping these maps one after the other.
   * @param {UnitFit | undefined} fit */
  isAbout(fit) {
    return this.#shown !== null && String(fit?.maps) === String(this.#shown.facts.fit.maps);
  }

  /** The maps of a fit that are best dropped: all, where it was not measured.
   * @param {UnitFit} fit */
  chosen(fit) {
    return this.#shown && this.isAbout(fit)
      ? fit.maps.slice(0, this.#shown.facts.goal.k)
      : fit.maps;
  }

  /** Marks the chosen k, and where the visitor stands: the first k maps dropped, or null.
   * @param {number | null} k */
  mark(k) {
    if (!this.#shown) return;
    const { facts, curves } = this.#shown;
    const { fitted } = curves;
    const chosen = facts.goal.k;
    for (const { chart, x, y } of this.charts) {
      /** @param {number} at */
      const mark = (at) => ({ x: between(fitted, at, x), y: between(fitted, at, y) });
      chart.mark([{ ...mark(chosen), words: maps(chosen) }, ...(k === null ? [] : [mark(k)])]);
    }
  }
}

/** @param {Measure} point */
const said = (point) =>
  t("forget.point", {
    maps: maps(point.k),
    left: give(point.left, point.left_error, percent),
    kid: give(point.kid, point.kid_error, kid),
  });

/** @type {(point: Measure, key: Key) => number | undefined} */
const errorOf = (point, key) =>
  ({ k: undefined, left: point.left_error, kid: point.kid_error })[key];

/** Of a curve's points: windows left as a part of those of its first one.
 * @param {ForgetPoint[]} points
 * @returns {Measure[]} */
const measures = (points) =>
  points.map(({ k, found, found_error, kid, kid_error }, _, [first]) => {
    const all = first?.found ?? found;
    return {
      k,
      left: found / all,
      left_error: found_error === undefined ? undefined : found_error / all,
      kid,
      kid_error,
    };
  });

/** The value of a key at k maps, from straight lines between those measured.
 * @param {Measure[]} points
 * @param {number} k
 * @param {Key} key */
function between(points, k, key) {
  const after = points.findIndex((point) => point.k >= k);
  const [low, high] = [points[after - 1], points.at(after)];
  if (!low || !high) return high?.[key] ?? 0;
  return low[key] + ((high[key] - low[key]) * (k - low.k)) / (high.k - low.k);
}

/** What is said of other orders: windows can also become more, as the segmenter takes spoilt pictures
 * for some; `never` where they never come to the distance of the fitted maps. */
const RIVALS = /** @type {const} */ ({
  matched: { add: "forget.activeAdd", take: "forget.activeTake", never: "forget.activeNever" },
  random: { add: "forget.randomAdd", take: "forget.randomTake", never: "forget.randomNever" },
});

/** Sentences, and spaces between them.
 * @param {ForgetResults} facts */
function summary({ goal, curves, fit, judge, samples }) {
  const { pictures, sharp } = judge.held_out;
  /** @param {"matched" | "random"} name */
  const rival = (name) => {
    const { fall, reached } = goal[name];
    const { add, take, never } = RIVALS[name];
    return t(reached ? (fall < 0 ? add : take) : never, { share: percent(Math.abs(fall)) });
  };
  const count = fit.maps.length;
  const dropped =
    goal.k === count
      ? t("forget.allMaps", { count })
      : t("forget.firstMaps", { first: goal.k, count });
  return [
    t("forget.without", {
      maps: dropped,
      samples: samples.toLocaleString("en"),
      share: percent(goal.fall),
      before: kid(curves.fitted[0]?.kid ?? goal.kid),
      after: kid(goal.kid),
    }),
    " ",
    t("forget.atDistance", { active: rival("matched"), random: rival("random") }),
    " ",
    t("forget.segmenter", { photographs: pictures, iou: percent(sharp.iou) }),
  ];
}

/** @param {Curves} curves */
function rows(curves) {
  /** @type {(words: string, name?: "td" | "th", attributes?: Partial<HTMLTableCellElement>) =>
   *   HTMLTableCellElement} */
  const cell = (words, name = "td", attributes = {}) =>
    Object.assign(document.createElement(name), { textContent: words, ...attributes });
  /** @param {HTMLTableCellElement[]} cells */
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
      cell(t("forget.mapsDroppedTitle"), "th", { scope: "col", rowSpan: 2 }),
      ...Object.values(orders()).map((name) => cell(name, "th", { scope: "colgroup", colSpan: 2 })),
    ]),
    row(
      Object.keys(orders()).flatMap(() =>
        [t("forget.windowsLeft"), "KID"].map((name) => cell(name, "th", { scope: "col" })),
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
    return row([cell(String(k), "th", { scope: "row" }), ...cells]);
  });
  return [...head, ...body];
}
