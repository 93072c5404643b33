// Of the figures that an experiment keeps: {names, charts} of what is a curve, {title, x, y, lines}
// as chart.js takes them, with the names of the lines for the legend.

import { t } from "../core/language.js";
import { orders } from "./forget-measured.js";

/** @import { ChartAxis, ChartLine, ChartPoint, ForgetPoint } from "../core/types.d.ts" */

/** @typedef {{ title: string, x: ChartAxis, y: ChartAxis,
 *   lines: ChartLine[] }} Curve */

/** names: of the lines, for the legend.
 * @typedef {{ names: string[], charts: Curve[] }} Curves */

/** @typedef {{ accuracy: number, validation: number }} Accuracy */

/** @typedef {{ digits: number, rate: number, low: number, high: number }} Digits */

/** The runs of a variant, by seed.
 * @typedef {Record<string, { curve: { images: number, kid: number }[] }>} Runs */

/** What the files of all experiments keep, as far as it is drawn: each has some of it.
 * @typedef {{ weights?: string, curves?: Record<string, ForgetPoint[]>, positions?: number[],
 *   turns?: Record<string, { mean_yaw: number[] }>, curve?: (Accuracy & { images: number })[],
 *   control?: { untrained: Accuracy }, generated?: Digits[], real?: Digits[],
 *   trained?: Record<string, Runs> }} Figures */

/** @param {number} value */
const percent = (value) => `${Number((100 * value).toPrecision(3))}%`;
/** @param {number} value */
const exact = (value) => `${(100 * value).toFixed(2)}%`;
/** @param {number} value */
const kid = (value) => value.toFixed(3);
/** @param {number} value */
const plain = (value) => String(Number(value.toPrecision(2)));
/** @param {number} value */
const images = (value) => t("results.imagesSeen", { count: value.toLocaleString("en") });
const short = new Intl.NumberFormat("en", { notation: "compact" });
const many = { format: (/** @type {number} */ value) => short.format(value) };

/** @param {number[]} values */
const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
/** @param {number[]} values */
const error = (values) => {
  if (values.length < 2) return undefined;
  const middle = mean(values);
  const squares = values.map((value) => (value - middle) ** 2);
  return Math.sqrt(mean(squares) / (values.length - 1));
};

/** Figure 6: what is left of windows, against what else is lost.
 * @param {Figures} figures */
function forget({ curves }) {
  const lines = Object.entries(orders()).flatMap(([order, name]) => {
    const measured = curves?.[order] ?? [];
    const all = measured[0]?.found;
    if (all === undefined) return [];
    const points = measured.map(({ k, found, found_error, kid: x, kid_error: dx }) => ({
      x,
      y: found / all,
      dx,
      dy: found_error && found_error / all,
      said: t("forget.curvePoint", {
        curve: name,
        maps: t(k === 1 ? "units.map" : "units.maps", { count: k }),
        left: percent(found / all),
        kid: kid(x),
      }),
    }));
    return [{ name, points }];
  });
  const x = { label: t("forget.kid"), format: plain };
  const y = { format: percent, from: 0 };
  return charts(lines, { title: t("forget.windowsByDistance"), x, y });
}

/** Figure 8: the mean yaw of all heads along each kind of vector.
 * @param {Figures} figures */
function turn({ positions = [], turns = {} }) {
  const names = {
    picked: t("results.pickedExemplars"),
    shipped: t("results.shippedExemplars"),
    control: t("results.randomVectors"),
  };
  const lines = Object.entries(names).flatMap(([kind, name]) => {
    const points = turns[kind]?.mean_yaw.flatMap((y, index) => {
      const x = positions[index];
      if (x === undefined) return [];
      return [{ x, y, said: t("results.yawPoint", { name, x, yaw: y.toFixed(2) }) }];
    });
    return points ? [{ name, points }] : [];
  });
  const x = { label: t("results.vectorPosition"), format: plain };
  return charts(lines, { title: t("results.yawByPosition"), x, y: { format: plain } });
}

/** Section 5.1: what the features are worth as D learns; random weights have seen nothing.
 * @param {Figures} figures */
function cifar10({ curve, control }) {
  if (!curve?.length || !control) return null;
  /** @type {[keyof Accuracy, string][]} */
  const names = [
    ["accuracy", t("results.testPictures")],
    ["validation", t("results.validationPictures")],
  ];
  const lines = names.map(([part, name]) => ({
    name,
    points: [{ images: 0, ...control.untrained }, ...curve].map((point) => ({
      x: point.images,
      y: point[part],
      said: t("results.accuracyPoint", {
        seen: images(point.images),
        share: exact(point[part]),
        pictures: name,
      }),
    })),
  }));
  const x = { label: t("results.imagesSeenAxis"), ...many };
  return charts(lines, { title: t("results.accuracyBySeen"), x, y: { format: percent } });
}

/** The appendix: the nearest neighbour's error, by how many digits there are to be near to.
 * @param {Figures} figures */
function mnist({ generated = [], real = [] }) {
  /** @type {[string, Digits[]][]} */
  const kinds = [
    [t("results.generatedDigits"), generated],
    [t("results.realDigits"), real],
  ];
  const lines = kinds.map(([name, rows]) => ({
    name,
    points: rows.map(({ digits, rate, low, high }) => ({
      x: digits,
      y: rate,
      said: t("results.digitsPoint", {
        count: digits.toLocaleString("en"),
        digits: name,
        rate: exact(rate),
        low: exact(low),
        high: exact(high),
      }),
    })),
  }));
  const x = { label: t("results.digits"), log: true, ...many };
  return charts(lines, {
    title: t("results.errorByDigits"),
    x,
    y: { format: percent, from: 0 },
  });
}

/** Section 3: each variant beside the first one, means over seeds with their standard errors.
 * @param {Figures} figures */
function ablation({ trained = {} }) {
  const lines = Object.entries(trained).map(([name, runs]) => ({
    name,
    points: along(name, runs),
  }));
  const [first, ...others] = lines;
  if (!first || first.points.length < 2) return null;
  const x = { label: t("results.imagesSeenAxis"), from: 0, ...many };
  return {
    names: [t("results.kidOfVariant"), t("results.kidOf", { name: first.name })],
    charts: others
      .filter(({ points }) => points.length)
      .map((line) => ({
        title: line.name,
        x,
        y: { format: plain, from: 0 },
        lines: [line, first],
      })),
  };
}

/** Points of the mean over those seeds that got so far.
 * @param {string} name
 * @param {Runs} runs
 * @returns {ChartPoint[]} */
function along(name, runs) {
  const curves = Object.values(runs).map(({ curve }) => curve);
  const longest = curves.reduce((a, b) => (b.length > a.length ? b : a), []);
  return longest.map(({ images: x }, index) => {
    const kids = curves.flatMap((curve) => curve[index]?.kid ?? []);
    return {
      x,
      y: mean(kids),
      dy: error(kids),
      said: t("results.kidPoint", { name, seen: images(x), kid: kid(mean(kids)) }),
    };
  });
}

/** @param {ChartLine[]} lines
 * @param {Omit<Curve, "lines">} chart
 * @returns {Curves | null} */
function charts(lines, chart) {
  const drawn = lines.filter(({ points }) => points.length);
  if (!drawn.length) return null;
  return { names: drawn.map(({ name }) => name), charts: [{ ...chart, lines: drawn }] };
}

/** By experiment.
 * @type {Record<string, (figures: Figures) => Curves | null>} */
export const CURVES = { forget, turn, cifar10, mnist, guidelines: ablation, rooms: ablation };
