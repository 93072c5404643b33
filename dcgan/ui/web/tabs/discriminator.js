// Discriminator: its score, what its features see in a picture, what they respond to most.

import { find, targetOf } from "../core/dom.js";
import { message } from "../core/errors.js";
import { t, translated } from "../core/language.js";
import { page } from "../core/page.js";
import { parts } from "../core/spec.js";
import { Stopped } from "../core/tasks.js";
import { classify, classifyUpload, features, look, lookAtUpload } from "../engine/engine.js";
import { introduce } from "../widgets/probe.js";
import { uploads } from "../widgets/upload.js";
import { Card } from "./discriminator-card.js";

/** @import { FeaturePage, Model } from "../core/types.d.ts" */

/** A file that D has looked at; seen: the address of what D saw of it.
 * @typedef {{ file: File, seen: string, model: Model, notes: string[] }} Upload */

const REST = 250; // ms without a new picture on the stage, before D looks
const SHOWN = 6; // features at a time
/** @type {{ feature: number, first: number, upload: Upload | null }} */
const state = { feature: 0, first: 0, upload: null };

/** @param {HTMLElement} root
 * @param {{ largest: number }} options bytes of a file, at most */
export async function mount(root, { largest }) {
  /** @param {string} name */
  const part = (name) => find(root, `[data-role=${name}]`, HTMLElement);
  /** @param {string} name */
  const button = (name) => find(root, `[data-do=${name}]`, HTMLButtonElement);
  const template = find(root, "[data-role=look]", HTMLTemplateElement);
  const number = find(root, "[data-role=feature]", HTMLInputElement);
  const chosen = find(root, "[data-role=file]", HTMLInputElement);
  const visible = () => root.isConnected && root.offsetParent !== null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let resting;
  let shown = ""; // what the stage's card stands for
  let listed = ""; // what the features below stand for
  /** The file that D is about to look at.
   * @type {File | null} */
  let sent = null;
  /** The one that it was stopped from looking at.
   * @type {File | null} */
  let waiting = null;
  /** @param {unknown} error */
  const fail = (error) => page.fail(message(error));

  // --- the two cards
  /** @param {number} feature */
  const onFeature = (feature) => choose(feature);
  const stage = new Card(part("stage"), template, "common.onTheStage", onFeature);
  const upload = new Card(part("upload"), template, "tab.photo", onFeature);
  upload.say(t("discriminator.dropHint"));

  const lookAtStage = () => {
    const asked = `${state.feature} ${page.picture}`;
    if (!visible() || asked === shown) return;
    shown = asked;
    const spec = page.picture;
    stage.named.show(spec, parts(spec).model, () => classify(spec)).catch(fail);
    stage.show(
      (signal) => look(spec, state.feature, signal),
      (error) => {
        stage.say(message(error));
        if (!(error instanceof Stopped)) return;
        shown = "";
        offerAgain(true);
      },
    );
  };

  /** A file anew, or what D saw of the one before, which is small, for another feature.
   * @param {File | null} file */
  const lookAtFile = async (file = sent) => {
    const { model } = page;
    const known = file ? null : state.upload;
    const whole = file ?? known?.file;
    if (model.classes || !whole) return;
    sent = file;
    const again = known?.model === model ? known : null;
    const content = async () => (again ? (await fetch(again.seen)).blob() : whole);
    const name = [model.name, whole.name, whole.size, whole.lastModified].join();
    const ask = async () => classifyUpload(await content(), model.name);
    upload.named.show(name, model.name, ask).catch(() => {}); // of a bad file the look tells
    const found = await upload.show(
      async (signal) => lookAtUpload(await content(), model.name, state.feature, signal),
      (error) => {
        sent = null;
        if (!(error instanceof Stopped)) return fail(error);
        waiting = whole;
        offerAgain(true);
      },
    );
    if (!found) return;
    sent = null;
    const notes = (again ?? found).notes ?? [];
    state.upload = { file: whole, seen: found.picture, model, notes };
    upload.say(notes.map(translated).join(" "));
  };

  uploads(chosen, part("looks"), part("upload"), largest, (file) => {
    if (page.model.classes) page.fail(part("told").textContent ?? "");
    else lookAtFile(file);
  });

  // --- the feature they are looked at with
  /** @param {number} feature */
  const choose = (feature) => {
    state.feature = feature;
    number.value = String(feature);
    markRow();
    lookAtStage();
    lookAtFile();
  };
  number.addEventListener("change", () => {
    const last = Number(number.max || 0);
    const feature = Number(number.value);
    if (number.value !== "" && Number.isInteger(feature) && feature >= 0 && feature <= last) {
      choose(feature);
      return;
    }
    number.value = String(state.feature);
    page.fail(t("discriminator.badFeature", { last }));
  });

  // --- what features respond to most
  const markRow = () => {
    for (const press of part("seeks").querySelectorAll("button")) {
      const { feature } = press.dataset;
      if (feature !== undefined) press.ariaPressed = String(Number(feature) === state.feature);
    }
  };
  const list = async () => {
    const { model } = page;
    const asked = `${model.name} ${state.first}`;
    if (!visible() || asked === listed) return;
    listed = asked;
    offerAgain(false);
    try {
      const found = await features(model.name, state.first);
      if (asked !== listed) return; // another was asked for in the meantime
      const last = found.numbers.at(-1);
      number.max = String(found.features - 1);
      part("range").textContent = t("discriminator.range", {
        first: found.numbers[0] ?? "",
        last: last ?? "",
        count: found.features,
      });
      part("method").textContent = method(found);
      part("seeks").replaceChildren(...found.numbers.map((number, at) => row(found, number, at)));
      button("back").disabled = state.first === 0;
      button("forth").disabled = last === found.features - 1;
      part("seeks").dataset.ready = asked;
      markRow();
    } catch (error) {
      listed = "";
      delete part("seeks").dataset.ready;
      part("seeks").replaceChildren();
      part("method").textContent = error instanceof Stopped ? "" : translated(message(error));
      offerAgain(error instanceof Stopped);
    }
  };
  /** @param {number} step */
  const turn = (step) => {
    state.first = Math.max(0, state.first + step);
    list();
  };
  button("back").addEventListener("click", () => turn(-SHOWN));
  button("forth").addEventListener("click", () => turn(SHOWN));
  part("seeks").addEventListener("click", (event) => {
    const press = targetOf(event)?.closest("button");
    const { feature, spec } = press?.dataset ?? {};
    if (feature !== undefined) choose(Number(feature));
    if (spec) {
      state.feature = Number(press?.closest("li")?.dataset.feature ?? state.feature);
      page.show(spec, "discriminator");
      choose(state.feature);
    }
    if (feature || spec) part("looks").scrollIntoView({ block: "nearest" });
  });

  // --- what was stopped, and all of it
  /** @param {boolean} on */
  const offerAgain = (on) => {
    part("stopped").hidden = !on;
  };
  button("again").addEventListener("click", () => {
    offerAgain(false);
    refresh();
    if (waiting) lookAtFile(waiting);
    waiting = null;
  });
  const refresh = () => {
    lookAtStage();
    list();
  };
  page.on("picture", () => {
    clearTimeout(resting);
    resting = setTimeout(lookAtStage, REST);
  });
  page.on("model", () => {
    if (!root.isConnected) return;
    Object.assign(state, { feature: 0, first: 0 });
    number.value = "0";
    list();
    lookAtFile();
    introduce(part("probe")).catch(fail);
  });
  await page.ready;
  number.value = String(state.feature);
  new IntersectionObserver(([entry]) => {
    if (entry?.isIntersecting) refresh();
  }).observe(root);
  lookAtFile();
  introduce(part("probe")).catch(fail);
}

/** A feature's line: its strongest draws above their gradients, trained and random.
 * @param {FeaturePage} found
 * @param {number} number
 * @param {number} at */
function row(found, number, at) {
  const line = document.createElement("li");
  line.dataset.feature = String(number);
  const head = document.createElement("button");
  head.type = "button";
  head.dataset.feature = String(number);
  head.textContent = t("discriminator.feature", { number });
  line.append(head, pairs(found, "trained", at), pairs(found, "random", at));
  return line;
}

/** @param {FeaturePage} found
 * @param {"trained" | "random"} name
 * @param {number} at */
function pairs(found, name, at) {
  const { columns, numbers } = found;
  const { sheet, specs, responses } = found[name];
  const figure = document.createElement("figure");
  const caption = document.createElement("figcaption");
  caption.textContent = t(
    name === "trained" ? "discriminator.trained" : "discriminator.randomWeights",
  );
  const cells = document.createElement("div");
  cells.className = "dc-pairs";
  cells.style.cssText = `--sheet: url(${sheet}); --columns: ${columns}; --rows: ${numbers.length}`;
  for (let column = 0; column < columns; column++) {
    const index = at * columns + column;
    const [spec, response] = [specs[index], responses[index]];
    if (spec === undefined || response === undefined) break; // there were not so many samples
    const press = document.createElement("button");
    press.type = "button";
    press.dataset.spec = spec;
    press.style.cssText = `--column: ${column}; --row: ${at}`;
    press.ariaLabel = t("discriminator.showTop", {
      number: column + 1,
      count: columns,
      feature: numbers[at] ?? "",
      network: caption.textContent ?? "",
      response: response.toFixed(1),
    });
    cells.append(press);
  }
  figure.append(caption, cells);
  return figure;
}

/** @param {FeaturePage} page */
const method = ({ samples }) => t("discriminator.topCaption", { samples });
