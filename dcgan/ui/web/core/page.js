// What the tabs share: the models, the picture on the stage, the shelf. Changes are events:
// "model", "picture" (detail: {text, from}), "shelf", "notice" and "error" (detail: sentence).

import * as engine from "../engine/engine.js";
import { message } from "./errors.js";
import { History } from "./history.js";
import { named, t } from "./language.js";
import { draw, fromLink, isText, join, label, parts } from "./spec.js";
import { read, texts, write } from "./store.js";
import { Stopped } from "./tasks.js";

/** @import { Model, Moment, PageEvents } from "./types.d.ts" */

const SHELF = "dcgan.shelf";
const SHELF_SIZE = 24;

class Page extends EventTarget {
  /** @type {Model[]} */
  models = [];
  /** @type {Model | undefined} */
  #model;
  /** The text of the picture on the stage; empty before the first. */
  picture = "";
  /** The last sentence that was told as an error, for a stage that comes after it.
   * @type {string | null} */
  failure = null;
  shelf = texts(read(SHELF, [])).filter(isText).slice(0, SHELF_SIZE);

  /** The last moments of the page; tabs keep what is theirs in it. */
  history = new History(() => ({ picture: this.picture, shelf: this.shelf }));

  /** Resolves when the models are known and the first picture is chosen. */
  ready = this.#open();

  constructor() {
    super();
    this.ready.catch(() => {}); // said by the stage, when there is one
  }

  /** The model of the picture on the stage. Throws an Error before `ready`. */
  get model() {
    if (!this.#model) throw new Error(t("page.modelsNotLoaded"));
    return this.#model;
  }

  async #open() {
    this.models = await engine.models();
    [this.#model] = this.models;
    const shared = new URLSearchParams(location.search).get("spec");
    const opened = shared ? this.open(shared, "link") : this.#resume();
    if (!opened) this.show(this.sample(1, 0), "start");
    engine.expect(this.picture);
  }

  /** The text of a picture of the current model (or of one of its stages). Where the model has
   * classes a picture is of one: that of the picture on the stage, unless another is asked for.
   * @param {string} z
   * @param {Model} model
   * @param {number} number */
  text(z, model = this.model, number = label(this.picture) ?? 0) {
    const edits = model.classes ? [`class(${number})`] : [];
    return join({ model: model.name, weights: model.weights, z, edits });
  }

  /** A draw of a model; those of one with classes go through them (`Model.sample` in engine.py).
   * @param {number} seed
   * @param {number} index
   * @param {Model} model */
  sample(seed, index, model = this.model) {
    return this.text(draw(seed, index), model, index % model.classes);
  }

  /** Put a picture on the stage; `from` says which part of the page asked.
   * @param {string} text
   * @param {string} from */
  show(text, from) {
    this.picture = text;
    this.#tell("picture", { text, from });
  }

  /** Show a pasted text or link; tells "error" and returns false where it is none. before(): called
   * when the model is the picture's.
   * @param {string} pasted
   * @param {string} from */
  open(pasted, from, before = () => {}) {
    try {
      const text = fromLink(pasted);
      const [name = ""] = parts(text).model.split("/");
      const model = this.models.find((known) => known.name === name);
      if (!model) throw new Error(t("page.noSuchModel", { name }));
      if (model !== this.#model) this.#choose(model, text);
      before();
      this.show(text, from);
      return true;
    } catch (error) {
      this.fail(message(error));
      return false;
    }
  }

  /** Undo (-1), or do again (1).
   * @param {number} by */
  step(by) {
    const moment = this.history.step(by);
    if (moment) this.#enter(moment);
  }

  /** @param {Moment} moment */
  #enter(moment) {
    this.#putShelf(moment.shelf.filter(isText));
    this.open(moment.picture, "history", () => this.history.enter(moment));
    this.history.settled();
  }

  /** Goes on where the last visit ended; false where its picture can't be drawn any more. */
  #resume() {
    const { present } = this.history;
    if (!present || !isText(present.picture)) return false;
    const { model, weights } = parts(present.picture);
    if (this.facts(model)?.weights !== weights) return false;
    this.#enter({ ...present, shelf: this.shelf });
    return true;
  }

  /** @param {string} name */
  useModel(name) {
    const model = this.models.find((known) => known.name === name);
    if (!model) return this.fail(t("page.noSuchModel", { name }));
    const first = this.sample(1, 0, model);
    this.#choose(model, first);
    this.show(first, "model");
  }

  /** A model with its picture: what is drawn anew for the model may go by the picture's class.
   * @param {Model} model
   * @param {string} picture */
  #choose(model, picture) {
    this.#model = model;
    this.picture = picture;
    this.#tell("model");
    const damaged = Object.keys(model.damaged ?? {}).join(", ");
    if (!damaged) return;
    this.say(t("page.damaged", { files: damaged, model: named(model.name) }));
  }

  /** @param {string} text */
  pick(text) {
    if (this.shelf.includes(text)) return;
    if (this.shelf.length === SHELF_SIZE) {
      this.fail(t("page.shelfFull", { most: SHELF_SIZE }));
      return;
    }
    this.#putShelf([...this.shelf, text]);
  }

  /** @param {string} text */
  drop(text) {
    this.#putShelf(this.shelf.filter((kept) => kept !== text));
  }

  clearShelf() {
    this.#putShelf([]);
  }

  /** What is known of a model or one of its stages, by name.
   * @param {string} name */
  facts(name) {
    return this.models.flatMap((model) => [model, ...model.stages]).find((m) => m.name === name);
  }

  /** @param {string} sentence */
  say(sentence) {
    this.#tell("notice", sentence);
  }

  /** @param {string} sentence */
  fail(sentence) {
    this.failure = sentence;
    this.#tell("error", sentence);
  }

  /** What was caught of an attempt; that the visitor stopped it is no failure.
   * @param {unknown} error */
  caught(error) {
    if (error instanceof Stopped) this.say(error.message);
    else this.fail(message(error));
  }

  /** @template {keyof PageEvents} T
   * @param {T} type
   * @param {(detail: PageEvents[T]) => void} listener */
  on(type, listener) {
    this.addEventListener(type, (event) => {
      if (event instanceof CustomEvent) listener(event.detail);
    });
  }

  /** @param {string[]} shelf */
  #putShelf(shelf) {
    this.shelf = shelf;
    write(SHELF, shelf);
    this.#tell("shelf");
  }

  /** @template {keyof PageEvents} T
   * @param {T} type
   * @param {PageEvents[T]} [detail] */
  #tell(type, detail) {
    if (["model", "picture", "shelf"].includes(type)) this.history.touch();
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

export const page = new Page();
