// What the tabs share: the models, the picture on the stage, the shelf. Changes are events:
// "model", "picture" (detail: {text, from}), "shelf", "notice" and "error" (detail: sentence).

import * as engine from "./engine.js";
import { draw, fromLink, join, label, parts } from "./spec.js";
import { read, write } from "./store.js";
import { Stopped } from "./work.js";

const SHELF = "dcgan.shelf";
const SHELF_SIZE = 24;

class Page extends EventTarget {
  models = [];
  model = null;
  picture = null;
  failure = null; // the last, for a stage that comes after it
  shelf = read(SHELF, []).filter((text) => typeof text === "string").slice(0, SHELF_SIZE);

  /** Resolves when the models are known and the first picture is chosen. */
  ready = this.#open();

  constructor() {
    super();
    this.ready.catch(() => {}); // said by the stage, when there is one
  }

  async #open() {
    this.models = await engine.models();
    this.model = this.models[0];
    const shared = new URLSearchParams(location.search).get("spec");
    if (!shared || !this.open(shared, "link")) this.show(this.sample(1, 0), "start");
    engine.expect(this.picture);
  }

  /** The text of a picture of the current model (or of one of its stages). Where the model has
   * classes a picture is of one: that of the picture on the stage, unless another is asked for. */
  text(z, model = this.model, number = label(this.picture) ?? 0) {
    const edits = model.classes ? [`class(${number})`] : [];
    return join({ model: model.name, weights: model.weights, z, edits });
  }

  /** A draw of a model; those of one with classes go through them (`Model.sample` in engine.py). */
  sample(seed, index, model = this.model) {
    return this.text(draw(seed, index), model, index % model.classes);
  }

  /** Put a picture on the stage; `from` says which part of the page asked. */
  show(text, from) {
    this.picture = text;
    this.#tell("picture", { text, from });
  }

  /** Show a pasted text or link; tells "error" and returns false where it is none. */
  open(pasted, from) {
    try {
      const text = fromLink(pasted);
      const name = parts(text).model.split("/")[0];
      const model = this.models.find((known) => known.name === name);
      if (!model) throw new Error(`There is no model called ${name} on this page.`);
      if (model !== this.model) this.#choose(model, text);
      this.show(text, from);
      return true;
    } catch (error) {
      this.fail(error.message);
      return false;
    }
  }

  useModel(name) {
    const model = this.models.find((known) => known.name === name);
    const first = this.sample(1, 0, model);
    this.#choose(model, first);
    this.show(first, "model");
  }

  /** A model with its picture: what is drawn anew for the model may go by the picture's class. */
  #choose(model, picture) {
    this.model = model;
    this.picture = picture;
    this.#tell("model");
  }

  pick(text) {
    if (this.shelf.includes(text)) return;
    if (this.shelf.length === SHELF_SIZE) {
      this.fail(`The shelf holds ${SHELF_SIZE} pictures; take one off first.`);
      return;
    }
    this.#putShelf([...this.shelf, text]);
  }

  drop(text) {
    this.#putShelf(this.shelf.filter((kept) => kept !== text));
  }

  clearShelf() {
    this.#putShelf([]);
  }

  /** What is known of a model or one of its stages, by name. */
  facts(name) {
    return this.models.flatMap((model) => [model, ...model.stages]).find((m) => m.name === name);
  }

  say(sentence) {
    this.#tell("notice", sentence);
  }

  fail(sentence) {
    this.failure = sentence;
    this.#tell("error", sentence);
  }

  /** What was caught of an attempt; that the visitor stopped it is no failure. */
  caught(error) {
    if (error instanceof Stopped) this.say(error.message);
    else this.fail(error.message);
  }

  on(type, listener) {
    this.addEventListener(type, (event) => listener(event.detail));
  }

  #putShelf(texts) {
    this.shelf = texts;
    write(SHELF, texts);
    this.#tell("shelf");
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

export const page = new Page();
