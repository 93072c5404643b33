// Arithmetic: A - B + C of exemplars, beside the same with single z's and on pixels (figure 7).

import { context2d, find } from "../core/dom.js";
import { named, t } from "../core/language.js";
import { Live, sayNorm } from "../core/live.js";
import { page } from "../core/page.js";
import { isText, join, noise, parts, sum } from "../core/spec.js";
import { fields, texts } from "../core/store.js";
import { average, Exemplar, random, shipped } from "../widgets/exemplar.js";
import { Sheet } from "../widgets/sheet.js";
import { decoded } from "../widgets/thumbnail.js";
import { offer } from "../widgets/video-export.js";

/** @import { Kept } from "../widgets/exemplar.js" */

/** An image of a term, and what it is multiplied with.
 * @typedef {[image: HTMLImageElement, weight: number]} Weighted */

const TITLES = ["A", "B", "C"];
const SIGNS = [1, -1, 1];
const LAST = 2; // C, which A − B is added to
const SIZE = 3;
const HEAVIEST = 2; // weight of a term
const AMPLITUDE = 0.25;
const SEED = 1; // of the noise
/** terms: none before there is a model.
 * @type {{ terms: Kept[], weights: number[] }} */
const state = { terms: [], weights: [1, 1, 1] };
/** @param {number} index */
const weightOf = (index) => state.weights[index] ?? 1;
/** @param {number} index */
const signed = (index) => (SIGNS[index] ?? 1) * weightOf(index);

/** @param {HTMLElement} root */
export async function mount(root) {
  /** @param {string} name */
  const part = (name) => find(root, `[data-role=${name}]`, HTMLElement);
  const shownSum = find(root, "[data-role=sum]", HTMLSelectElement);
  /** @param {string} text */
  const keep = (text) => {
    page.show(text, "arithmetic");
    page.pick(text);
  };

  const terms = TITLES.map(
    (title, index) =>
      new Exemplar(find(root, `[data-term="${index}"]`, HTMLElement), {
        title: () => title,
        size: SIZE,
        onChange: (kept) => {
          state.terms[index] = kept;
          shownSum.value = "";
          terms[index]?.show(kept);
          settle();
        },
      }),
  );
  /** @param {string} name */
  const result = (name) =>
    new Live(find(root, `[data-role=${name}]`, HTMLButtonElement), {
      onClick: keep,
      onPaint: (norm) => {
        part(`${name}-norm`).textContent = sayNorm(norm);
      },
    });
  const y = result("y");
  const single = result("single");
  /** The texts on the grid; those of a refused one never get there.
   * @type {string[]} */
  let drawn = [];
  const around = new Sheet(part("around"), {
    columns: 3,
    label: "sheet.neighbour",
    onClick: (index) => {
      const text = drawn[index];
      if (text) keep(text);
    },
    onError: (sentence) => page.fail(sentence),
  });

  /** The sum of the first `count` pictures of each term, without the empty terms; or null. place:
   * from C alone, at 0, to all of it.
   * @param {number} count */
  const total = (count, place = 1) => {
    const filled = state.terms.flatMap(({ texts }, index) => {
      const picture = average(texts.slice(0, count));
      return picture ? [{ weight: signed(index) * (index === LAST ? 1 : place), picture }] : [];
    });
    const [first] = filled;
    if (!first) return null;
    const { z: _, ...rest } = parts(first.picture);
    const z = sum(filled.map(({ weight, picture }) => [weight, parts(picture).z]));
    return join({ ...rest, z });
  };

  const live = () => {
    const text = total(SIZE);
    y.show(text);
    if (text) page.show(text, "arithmetic");
    addPixels();
  };

  const settle = async () => {
    live();
    const text = total(SIZE);
    single.show(total(1));
    if (!text) return;
    const texts = neighbours(text);
    if (await around.show(texts)) drawn = texts;
  };

  // --- the same sum on pixels: what the browser has drawn is enough
  const pixels = find(root, "[data-role=pixels]", HTMLCanvasElement);
  let newest = 0; // sum that was asked for
  const addPixels = async () => {
    newest += 1;
    const asked = newest;
    const weighted = terms.flatMap(({ images }, index) =>
      images.map((image) => /** @type {Weighted} */ ([image, signed(index) / images.length])),
    );
    const seen = await Promise.allSettled(weighted.map(([image]) => decoded(image)));
    if (asked !== newest || seen.some(({ status }) => status === "rejected")) return;
    paintSum(pixels, weighted);
  };

  // --- weights
  const weights = TITLES.map((title, index) => {
    const label = document.createElement("label");
    label.className = "dc-slider";
    label.innerHTML = `<span>${title} ×</span>
      <input type="range" min="0" max="${HEAVIEST}" step="0.05" aria-label="${t("arithmetic.weightOf", { term: title })}" /><output></output>`;
    const input = find(label, "input", HTMLInputElement);
    const output = find(label, "output", HTMLOutputElement);
    input.addEventListener("input", () => {
      state.weights[index] = Number(input.value);
      sayWeights();
      live();
    });
    input.addEventListener("change", settle);
    return { label, input, output };
  });
  part("weights").replaceChildren(...weights.map(({ label }) => label));
  const sayWeights = () => {
    for (const [index, { input, output }] of weights.entries()) {
      input.value = String(weightOf(index));
      output.textContent = weightOf(index).toFixed(2);
    }
  };

  // --- where the terms come from
  /** @param {Kept[]} kept */
  const take = (kept, weights = [1, 1, 1]) => {
    Object.assign(state, { terms: kept, weights });
    sayWeights();
    for (const [index, term] of terms.entries()) term.show(kept[index] ?? termIn(null));
    settle();
  };
  const takeRandom = () => {
    shownSum.value = "";
    take(SIGNS.map(() => random(SIZE)));
  };
  /** @param {number} index */
  const takeShipped = (index) => {
    const names = page.model.sets.sums[index];
    if (!names) return;
    shownSum.value = String(index);
    take(names.map((name) => shipped(name, SIZE)));
  };
  shownSum.addEventListener("change", () => takeShipped(Number(shownSum.value)));
  find(root, "[data-do=random]", HTMLElement).addEventListener("click", takeRandom);
  find(root, "[data-do=film]", HTMLElement).addEventListener("click", () => {
    const whole = total(SIZE);
    if (!whole) return page.fail(t("arithmetic.sumEmpty"));
    const at = (/** @type {number} */ place) => total(SIZE, place) ?? whole;
    offer({ name: "sum", title: t("arithmetic.saveVideo"), closed: false, at });
  });

  const useModel = () => {
    const sums = page.model.sets.sums;
    part("sums").hidden = !sums.length;
    shownSum.replaceChildren(
      Object.assign(new Option(t("common.yourOwn"), ""), { hidden: true }),
      ...sums.map(
        ([a, b, c], index) =>
          new Option(
            t("arithmetic.sumOf", { a: named(a), b: named(b), c: named(c) }),
            String(index),
          ),
      ),
    );
    if (sums.length) takeShipped(0);
    else takeRandom();
  };
  page.on("model", useModel);
  await page.ready;
  /** @param {unknown} kept */
  const use = (kept) => {
    const { terms, weights, sum } = fields(kept);
    const [found, factors] = [fields(terms), fields(weights)];
    shownSum.value = typeof sum === "string" ? sum : "";
    take(
      TITLES.map((_, index) => termIn(found[index])),
      TITLES.map((_, index) => weightIn(factors[index])),
    );
  };
  const look = () => ({ ...state, sum: shownSum.value });
  const kept = page.history.keep("arithmetic", look, use);
  useModel();
  if (kept) use(kept);
}

/** A term as it was kept; an empty one in place of what is none.
 * @param {unknown} kept
 * @returns {Kept} */
function termIn(kept) {
  const { name, texts: pictures } = fields(kept);
  const found = texts(pictures).filter(isText).slice(0, SIZE);
  return { name: typeof name === "string" ? name : "", texts: found };
}

/** A weight as it was kept; 1 in place of what is none.
 * @param {unknown} kept */
const weightIn = (kept) => (typeof kept === "number" && Math.abs(kept) <= HEAVIEST ? kept : 1);

/** @param {string} text */
const neighbours = (text) => {
  const { z, ...rest } = parts(text);
  const others = Array.from({ length: 8 }, (_, index) =>
    join({ ...rest, z: noise(AMPLITUDE, SEED, index, z) }),
  );
  return others.toSpliced(4, 0, text);
};

/** Adds pictures up in the network's range of pixels, -1 to 1, and clamps.
 * @param {HTMLCanvasElement} canvas
 * @param {Weighted[]} weighted */
function paintSum(canvas, weighted) {
  const [first] = weighted;
  if (!first) return;
  const [{ naturalWidth: width, naturalHeight: height }] = first;
  const scratch = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  if (!scratch) return; // no room for one more canvas
  const total = new Float32Array(4 * width * height);
  for (const [image, weight] of weighted) {
    scratch.drawImage(image, 0, 0);
    const { data } = scratch.getImageData(0, 0, width, height);
    for (let i = 0; i < data.length; i++) {
      total[i] = (total[i] ?? 0) + weight * ((data[i] ?? 0) / 127.5 - 1);
    }
  }
  const clamped = Uint8ClampedArray.from(total, (value) => 127.5 * (value + 1));
  for (let i = 3; i < clamped.length; i += 4) clamped[i] = 255;
  Object.assign(canvas, { width, height });
  context2d(canvas).putImageData(new ImageData(clamped, width), 0, 0);
}
