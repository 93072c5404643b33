// Discriminator: its score, what its features see in a picture, what they respond to most.

import { features, look, lookAtUpload } from "./engine-server.js";
import { page } from "./page.js";
import { Stopped } from "./work.js";

const REST = 250; // ms without a new picture on the stage, before D looks
const SHOWN = 6; // features at a time
const STAGE = "On the stage";
const YOURS = "Yours";
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
  let waiting = null; // the file that D was stopped from looking at

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
  const lookAtFile = async (file) => {
    const { model } = page;
    const known = file ? null : state.upload;
    if (model.classes || (!file && !known)) return;
    const whole = file ?? known.file;
    const again = known?.model === model ? known.seen : null;
    const found = await upload.show(
      (signal) => lookAtUpload(again ?? whole, model.name, state.feature, signal),
      (error) => {
        if (!(error instanceof Stopped)) return page.fail(error.message);
        waiting = whole;
        offerAgain(true);
      },
    );
    if (!found) return;
    const seen = again ?? (await (await fetch(found.picture)).blob());
    const notes = again ? known.notes : found.notes;
    state.upload = { file: whole, seen, model, notes };
    upload.say(notes.join(" "));
  };

  const take = (file) => {
    if (!file) return;
    if (page.model.classes) {
      page.fail(part("told").textContent);
      return;
    }
    if (file.size > largest) {
      page.fail(`This file is too large: at most ${largest >> 20} MB are taken.`);
      return;
    }
    lookAtFile(file);
  };
  part("file").addEventListener("change", ({ target }) => {
    take(target.files[0]);
    target.value = ""; // so that the same file can be given again
  });
  const drop = (type, does) =>
    part("looks").addEventListener(type, (event) => {
      event.preventDefault();
      does(event);
    });
  const mark = (on) => part("upload").classList.toggle("dc-over", on);
  drop("dragover", () => mark(true));
  drop("dragleave", () => mark(false));
  drop("drop", ({ dataTransfer }) => {
    mark(false);
    if (dataTransfer.files.length) take(dataTransfer.files[0]);
    else page.fail("That was no file: drop a picture from a folder of yours.");
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
  });
  await page.ready;
  part("feature").value = state.feature;
  new IntersectionObserver(([entry]) => entry.isIntersecting && refresh()).observe(root);
  lookAtFile();
}

/** A picture, what D makes of it, and what in it features respond to. */
class Card {
  constructor(root, template, title, onFeature) {
    this.root = root;
    this.abort = null;
    root.replaceChildren(template.content.cloneNode(true));
    root.querySelector("h2").textContent = title;
    this.#part("strongest").addEventListener("click", ({ target }) => {
      const press = target.closest("button");
      if (press) onFeature(Number(press.dataset.feature));
    });
  }

  say(sentence) {
    this.#part("said").textContent = sentence;
    this.#part("said").hidden = !sentence;
  }

  /** Shows what `ask(signal)` finds and returns it; null where it failed or a newer call came. */
  async show(ask, onError) {
    this.abort?.abort();
    const { signal } = (this.abort = new AbortController());
    this.root.setAttribute("aria-busy", "true");
    try {
      const found = await ask(signal);
      if (signal.aborted) return null;
      this.say("");
      this.#draw(found);
      return found;
    } catch (error) {
      if (signal.aborted) return null;
      if (!this.root.dataset.ready) this.#part("found").hidden = true;
      onError(error);
      return null;
    } finally {
      if (this.abort.signal === signal) this.root.removeAttribute("aria-busy");
    }
  }

  #draw(found) {
    const { feature, trained, random } = found;
    this.#part("found").hidden = false;
    this.#part("picture").src = found.picture;
    const words = (name, { response }) =>
      response > 0 ? `${name}: ${response.toFixed(1)}` : `${name}: no response`;
    this.#figure("trained", trained, words(`feature ${feature}`, trained));
    this.#figure("random", random, words("random weights", random));
    this.#part("score").textContent = score(found);
    this.#part("strongest").replaceChildren(
      ...found.strongest.map((part) => strong(part, part.feature === feature)),
    );
    this.root.dataset.ready = `${feature} ${found.logit}`;
  }

  #figure(name, { gradient }, caption) {
    const image = this.#part(name);
    image.src = gradient;
    image.nextElementSibling.textContent = caption;
  }

  #part(name) {
    return this.root.querySelector(`[data-role=${name}]`);
  }
}

const signed = (x) => (x < 0 ? "−" : "+") + Math.abs(x).toFixed(2);

function score({ logit, usual: [low, , high] }) {
  const real = 1 / (1 + Math.exp(-logit));
  return (
    `D's score ${signed(logit)} (sigmoid ${real.toFixed(2)}); ` +
    `eight in ten samples get ${signed(low)} to ${signed(high)}`
  );
}

function strong({ feature, response, gradient }, chosen) {
  const press = document.createElement("button");
  press.type = "button";
  press.dataset.feature = feature;
  press.ariaPressed = String(chosen);
  press.ariaLabel = `Feature ${feature}, response ${response.toFixed(1)}`;
  const image = new Image();
  image.alt = "";
  image.src = gradient;
  const number = document.createElement("span");
  number.textContent = feature;
  press.append(image, number);
  return press;
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
