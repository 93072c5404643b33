// Discriminator: its score, what its features see in a picture, what they respond to most.

import { page } from "../core/page.js";
import { parts } from "../core/spec.js";
import { Stopped } from "../core/tasks.js";
import { classify, classifyUpload, features, look, lookAtUpload } from "../engine/engine.js";
import { introduce } from "../widgets/probe.js";
import { uploads } from "../widgets/upload.js";
import { Card } from "./discriminator-card.js";

const REST = 250; // ms without a new picture on the stage, before D looks
const SHOWN = 6; // features at a time
const STAGE = "On the stage";
const YOURS = "Your photo";
const INVITE =
  "Drop a photograph here, or press the button above. D knows only pictures that are cut like the " +
  "samples, so cut yours like them.";
const state = { feature: 0, first: 0, upload: null }; // upload: {file, seen, model, notes}

export async function mount(root, { largest }) {
  const part = (name) => root.querySelector(`[data-role=${name}]`);
  const button = (name) => root.querySelector(`[data-do=${name}]`);
  const template = part("look");
  const visible = () => root.isConnected && root.offsetParent !== null;
  let resting = 0;
  let shown = ""; // what the stage's card stands for
  let listed = ""; // what the features below stand for
  let sent = null; // the file that D is about to look at
  let waiting = null; // the one that it was stopped from looking at
  const fail = ({ message }) => page.fail(message);

  // --- the two cards
  const onFeature = (feature) => choose(feature);
  const stage = new Card(part("stage"), template, STAGE, onFeature);
  const upload = new Card(part("upload"), template, YOURS, onFeature);
  upload.say(INVITE);

  const lookAtStage = () => {
    const asked = `${state.feature} ${page.picture}`;
    if (!visible() || asked === shown) return;
    shown = asked;
    const spec = page.picture;
    stage.named.show(spec, parts(spec).model, () => classify(spec)).catch(fail);
    stage.show(
      (signal) => look(spec, state.feature, signal),
      (error) => {
        stage.say(error.message);
        if (!(error instanceof Stopped)) return;
        shown = "";
        offerAgain(true);
      },
    );
  };

  /** A file anew, or what D saw of the one before, which is small, for another feature. */
  const lookAtFile = async (file = sent) => {
    const { model } = page;
    const known = file ? null : state.upload;
    if (model.classes || (!file && !known)) return;
    sent = file;
    const whole = file ?? known.file;
    const again = known?.model === model;
    const content = async () => (again ? (await fetch(known.seen)).blob() : whole);
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
    const notes = again ? known.notes : found.notes;
    state.upload = { file: whole, seen: found.picture, model, notes };
    upload.say(notes.join(" "));
  };

  uploads(part("file"), part("looks"), part("upload"), largest, (file) => {
    if (page.model.classes) page.fail(part("told").textContent);
    else lookAtFile(file);
  });

  // --- the feature they are looked at with
  const choose = (feature) => {
    state.feature = feature;
    part("feature").value = feature;
    markRow();
    lookAtStage();
    lookAtFile();
  };
  part("feature").addEventListener("change", ({ target }) => {
    const last = Number(target.max || 0);
    const feature = Number(target.value);
    if (target.value !== "" && Number.isInteger(feature) && feature >= 0 && feature <= last) {
      choose(feature);
      return;
    }
    target.value = state.feature;
    page.fail(`The last convolution has features 0 to ${last}: give one of these numbers.`);
  });

  // --- what features respond to most
  const markRow = () => {
    for (const press of part("seeks").querySelectorAll("button[data-feature]")) {
      press.ariaPressed = String(Number(press.dataset.feature) === state.feature);
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
      part("feature").max = found.features - 1;
      part("range").textContent = `${found.numbers[0]}–${last} of ${found.features}`;
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
      part("method").textContent = error instanceof Stopped ? "" : error.message;
      offerAgain(error instanceof Stopped);
    }
  };
  const turn = (step) => {
    state.first = Math.max(0, state.first + step);
    list();
  };
  button("back").addEventListener("click", () => turn(-SHOWN));
  button("forth").addEventListener("click", () => turn(SHOWN));
  part("seeks").addEventListener("click", ({ target }) => {
    const { feature, spec } = target.closest("button")?.dataset ?? {};
    if (feature !== undefined) choose(Number(feature));
    if (spec) {
      state.feature = Number(target.closest("li").dataset.feature);
      page.show(spec, "discriminator");
      choose(state.feature);
    }
    if (feature || spec) part("looks").scrollIntoView({ block: "nearest" });
  });

  // --- what was stopped, and all of it
  const offerAgain = (on) => (part("stopped").hidden = !on);
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
    part("feature").value = 0;
    list();
    lookAtFile();
    introduce(part("probe")).catch(fail);
  });
  await page.ready;
  part("feature").value = state.feature;
  new IntersectionObserver(([entry]) => entry.isIntersecting && refresh()).observe(root);
  lookAtFile();
  introduce(part("probe")).catch(fail);
}

/** A feature's line: its strongest draws above their gradients, trained and random. */
function row(found, number, at) {
  const line = document.createElement("li");
  line.dataset.feature = number;
  const head = document.createElement("button");
  head.type = "button";
  head.dataset.feature = number;
  head.textContent = `Feature ${number}`;
  line.append(head, ...["trained", "random"].map((name) => pairs(found, name, at)));
  return line;
}

function pairs(found, name, at) {
  const { columns, numbers } = found;
  const { sheet, specs, responses } = found[name];
  const figure = document.createElement("figure");
  const caption = document.createElement("figcaption");
  caption.textContent = name === "trained" ? "trained" : "random weights";
  const cells = document.createElement("div");
  cells.className = "dc-pairs";
  cells.style.cssText = `--sheet: url(${sheet}); --columns: ${columns}; --rows: ${numbers.length}`;
  for (let column = 0; column < columns; column++) {
    const index = at * columns + column;
    const press = document.createElement("button");
    press.type = "button";
    press.dataset.spec = specs[index];
    press.style.cssText = `--column: ${column}; --row: ${at}`;
    press.ariaLabel =
      `Show picture ${column + 1} of ${columns} for feature ${numbers[at]}, ` +
      `${caption.textContent}, response ${responses[index].toFixed(1)}`;
    cells.append(press);
  }
  figure.append(caption, cells);
  return figure;
}

const method = ({ samples }) =>
  `Of ${samples} samples those to which a feature responds most, each above its guided gradient ` +
  "(grey: nothing; every one scaled by itself). Backward, a layer lets nothing through where its " +
  "input or the incoming gradient is negative; the discriminator's LeakyReLU would pass a fifth " +
  "there, and still does forward. The random network has the paper's initial weights and " +
  "normalises by these samples.";
