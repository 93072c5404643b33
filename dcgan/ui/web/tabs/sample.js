// Sample: a grid from a seed, sliders for the chosen picture, the training run in hindsight.

import { find } from "../core/dom.js";
import { t } from "../core/language.js";
import { page } from "../core/page.js";
import { draw, join, number, parts, scale } from "../core/spec.js";
import { ACROSS, chosen, InClasses, offer } from "../widgets/classes.js";
import { Sheet } from "../widgets/sheet.js";
import { SampleBank } from "./sample-directions.js";

const SEEDS = 2 ** 53 - 1;
/** stage: the chosen one, counted from 0; null before there is a model.
 * @type {{ seed: number, rows: number, label: number | null, scale: number,
 *   stage: number | null }} */
const state = { seed: 1, rows: 8, label: null, scale: 1, stage: null };

/** @param {HTMLElement} root */
export async function mount(root) {
  /** @param {string} name */
  const part = (name) => find(root, `[data-role=${name}]`, HTMLElement);
  /** @param {string} name */
  const input = (name) => find(root, `[data-role=${name}]`, HTMLInputElement);
  /** @param {string} name */
  const select = (name) => find(root, `[data-role=${name}]`, HTMLSelectElement);
  const [seed, size, stage] = [input("seed"), input("scale"), input("stage")];
  const [rows, choice] = [select("rows"), select("class")];
  const grid = new Sheet(part("grid"), {
    columns: 6,
    label: "sheet.picture",
    onClick: (index) => {
      const text = picture(index);
      page.show(text, "grid");
      page.pick(text);
    },
    onError: (sentence) => page.fail(sentence),
  });

  // the model's stages, the last being the model itself
  const stages = () => [...page.model.stages, page.model];
  const model = () => (state.stage === null ? null : stages()[state.stage]) ?? page.model;
  /** Of all classes a table, a z in each; of one, or without classes, a square of draws. */
  const table = () => page.model.classes > 0 && state.label === null;
  /** @param {number} rows */
  const columns = (rows) => (table() ? Math.min(page.model.classes, ACROSS) : rows);
  /** @param {number} index */
  const picture = (index) => {
    const { classes } = page.model;
    const [place, label] = table()
      ? [Math.floor(index / classes), index % classes]
      : [index, state.label];
    return page.text(scale(state.scale, draw(state.seed, place)), model(), label ?? 0);
  };
  const texts = () =>
    Array.from({ length: state.rows * columns(state.rows) }, (_, index) => picture(index));

  const fill = () => {
    for (const option of rows.options) {
      const count = Number(option.value);
      option.text = String(count * columns(count));
    }
    grid.columns = columns(state.rows);
    grid.show(texts());
  };

  // --- the grid's controls
  const takeSeed = () => {
    const typed = seed.value.trim();
    const value = Number(typed);
    if (!/^\d+$/.test(typed) || value > SEEDS) {
      page.fail(t("sample.badSeed", { largest: SEEDS, typed: typed.slice(0, 40) }));
      return;
    }
    state.seed = value;
    fill();
  };
  seed.addEventListener("change", takeSeed);
  find(root, "[data-do=reshuffle]", HTMLElement).addEventListener("click", () => {
    state.seed = Math.floor(Math.random() * 1e6);
    seed.value = String(state.seed);
    fill();
  });
  rows.addEventListener("change", () => {
    state.rows = Number(rows.value);
    fill();
  });
  choice.addEventListener("change", () => {
    state.label = chosen(choice);
    fill();
  });
  size.addEventListener("input", () => {
    state.scale = Number(size.value);
    part("scale-value").textContent = number(state.scale);
    fill();
  });

  const sliders = new SampleBank(root);

  const inClasses = new InClasses(part("classes"));

  // --- images seen: the same z's, drawn by the generator as it was
  const sayStage = () => {
    const { images_seen: seen } = model();
    part("stage-value").textContent = seen === null ? "?" : compact(seen);
    stage.setAttribute("aria-valuetext", t("sample.stageImages", { seen: seen ?? "?" }));
  };
  stage.addEventListener("input", () => {
    state.stage = Number(stage.value);
    sayStage();
    fill();
    const { model: _, weights: __, ...rest } = parts(page.picture);
    page.show(join({ model: model().name, weights: model().weights, ...rest }), "stage");
  });

  const useModel = () => {
    part("caption").textContent = t(
      page.model.classes ? "sample.captionWithClasses" : "sample.caption",
      { count: page.model.z_size },
    );
    sliders.useModel();
    const last = page.model.stages.length;
    state.stage = Math.min(state.stage ?? last, last);
    part("stages").hidden = part("back").hidden = !last;
    stage.max = String(last);
    stage.value = String(state.stage);
    sayStage();
    offer(choice, state.label);
    fill();
  };
  page.on("model", () => {
    state.stage = state.label = null;
    useModel();
  });
  page.on("picture", ({ text, from }) => {
    const shown = stages().findIndex(({ name }) => name === parts(text).model);
    if (from !== "stage" && shown >= 0 && shown !== state.stage && state.stage !== null) {
      state.stage = shown;
      stage.value = String(shown);
      sayStage();
      fill();
    }
    if (from !== "directions") sliders.adopt(text);
  });

  await page.ready;
  seed.value = String(state.seed);
  rows.value = String(state.rows);
  size.value = String(state.scale);
  part("scale-value").textContent = number(state.scale);
  useModel();
  inClasses.draw();
}

/** @param {number} count */
const compact = (count) =>
  count.toLocaleString("en", { notation: "compact", maximumSignificantDigits: 3 });
