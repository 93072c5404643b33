// Arithmetic: A - B + C of exemplars, beside the same with single z's and on pixels (figure 7).

import { Live, sayNorm } from "../core/live.js";
import { page } from "../core/page.js";
import { join, noise, parts, sum } from "../core/spec.js";
import { average, Exemplar, random, shipped } from "../widgets/exemplar.js";
import { Sheet } from "../widgets/sheet.js";
import { decoded } from "../widgets/thumbnail.js";
import { offer } from "../widgets/video-export.js";

const SIGNS = [1, -1, 1];
const LAST = 2; // C, which A − B is added to
const SIZE = 3;
const AMPLITUDE = 0.25;
const SEED = 1; // of the noise
const state = { terms: null, weights: [1, 1, 1] };

export async function mount(root) {
  const part = (name) => root.querySelector(`[data-role=${name}]`);
  const keep = (text) => {
    page.show(text, "arithmetic");
    page.pick(text);
  };

  const terms = ["A", "B", "C"].map(
    (title, index) =>
      new Exemplar(root.querySelector(`[data-term="${index}"]`), {
        title,
        size: SIZE,
        onChange: (kept) => {
          state.terms[index] = kept;
          part("sum").value = "";
          terms[index].show(kept);
          settle();
        },
      }),
  );
  const result = (name) =>
    new Live(part(name), {
      onClick: keep,
      onPaint: (norm) => (part(`${name}-norm`).textContent = sayNorm(norm)),
    });
  const y = result("y");
  const single = result("single");
  let drawn = []; // the texts on the grid; those of a refused one never get there
  const around = new Sheet(part("around"), {
    columns: 3,
    label: "Neighbour",
    onClick: (index) => drawn[index] && keep(drawn[index]),
    onError: (sentence) => page.fail(sentence),
  });

  /** The sum of the first `count` pictures of each term, without the empty terms; or null. place:
   * from C alone, at 0, to all of it. */
  const total = (count, place = 1) => {
    const filled = state.terms
      .map(({ texts }, index) => ({
        weight: SIGNS[index] * state.weights[index] * (index === LAST ? 1 : place),
        picture: average(texts.slice(0, count)),
      }))
      .filter(({ picture }) => picture);
    if (!filled.length) return null;
    const { z: _, ...rest } = parts(filled[0].picture);
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
  const pixels = part("pixels");
  const addPixels = async () => {
    const asked = Symbol("sum");
    addPixels.newest = asked;
    const weighted = terms.flatMap(({ images }, index) =>
      images.map((image) => [image, (SIGNS[index] * state.weights[index]) / images.length]),
    );
    const seen = await Promise.allSettled(weighted.map(([image]) => decoded(image)));
    if (asked !== addPixels.newest || seen.some(({ status }) => status === "rejected")) return;
    paintSum(pixels, weighted);
  };

  // --- weights
  const weights = ["A", "B", "C"].map((title, index) => {
    const label = document.createElement("label");
    label.className = "dc-slider";
    label.innerHTML = `<span>${title} ×</span>
      <input type="range" min="0" max="2" step="0.05" aria-label="Weight of ${title}" /><output></output>`;
    const input = label.querySelector("input");
    input.addEventListener("input", () => {
      state.weights[index] = Number(input.value);
      sayWeights();
      live();
    });
    input.addEventListener("change", settle);
    return label;
  });
  part("weights").replaceChildren(...weights);
  const sayWeights = () => {
    for (const [index, label] of weights.entries()) {
      label.querySelector("input").value = state.weights[index];
      label.querySelector("output").textContent = state.weights[index].toFixed(2);
    }
  };

  // --- where the terms come from
  const take = (kept, weights = [1, 1, 1]) => {
    Object.assign(state, { terms: kept, weights });
    sayWeights();
    for (const [index, term] of terms.entries()) term.show(kept[index]);
    settle();
  };
  const takeRandom = () => {
    part("sum").value = "";
    take(SIGNS.map(() => random(SIZE)));
  };
  const takeShipped = (index) => {
    part("sum").value = index;
    take(page.model.sets.sums[index].map((name) => shipped(name, SIZE)));
  };
  part("sum").addEventListener("change", () => takeShipped(part("sum").value));
  root.querySelector("[data-do=random]").addEventListener("click", takeRandom);
  root.querySelector("[data-do=film]").addEventListener("click", () => {
    if (!total(SIZE)) return page.fail("Put pictures into the sum first.");
    const at = (place) => total(SIZE, place);
    offer({ name: "sum", title: "Save the sum as a film", closed: false, at });
  });

  const useModel = () => {
    const sums = page.model.sets.sums;
    part("sums").hidden = !sums.length;
    part("sum").replaceChildren(
      Object.assign(new Option("your own", ""), { hidden: true }),
      ...sums.map(([a, b, c], index) => new Option(`${a} − ${b} + ${c}`, index)),
    );
    if (sums.length) takeShipped(0);
    else takeRandom();
  };
  page.on("model", useModel);
  await page.ready;
  const use = (kept) => {
    part("sum").value = kept.sum;
    take(kept.terms, kept.weights);
  };
  const look = () => ({ ...state, sum: part("sum").value });
  const kept = page.history.keep("arithmetic", look, use);
  useModel();
  if (kept) use(kept);
}

const neighbours = (text) => {
  const { z, ...rest } = parts(text);
  const others = Array.from({ length: 8 }, (_, index) =>
    join({ ...rest, z: noise(AMPLITUDE, SEED, index, z) }),
  );
  return others.toSpliced(4, 0, text);
};

/** Adds pictures up in the network's range of pixels, -1 to 1, and clamps. */
function paintSum(canvas, weighted) {
  if (!weighted.length) return;
  const [{ naturalWidth: width, naturalHeight: height }] = weighted[0];
  const scratch = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  const total = new Float32Array(4 * width * height);
  for (const [image, weight] of weighted) {
    scratch.drawImage(image, 0, 0);
    const { data } = scratch.getImageData(0, 0, width, height);
    for (let i = 0; i < data.length; i++) total[i] += weight * (data[i] / 127.5 - 1);
  }
  const clamped = Uint8ClampedArray.from(total, (value) => 127.5 * (value + 1));
  for (let i = 3; i < clamped.length; i += 4) clamped[i] = 255;
  Object.assign(canvas, { width, height });
  canvas.getContext("2d").putImageData(new ImageData(clamped, width), 0, 0);
}
