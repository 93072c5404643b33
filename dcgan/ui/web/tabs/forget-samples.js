// The samples to draw boxes on: pages of them, what else was put among them, undo, and where a map
// is active in them.

import { find, targetOf } from "../core/dom.js";
import { isAborted, message } from "../core/errors.js";
import { named, t } from "../core/language.js";
import { page } from "../core/page.js";
import { between, draw, join, parts, taken, withGains } from "../core/spec.js";
import { activation } from "../engine/engine.js";
import { BoxSheet } from "../widgets/box-sheet.js";
import { chosen, offer } from "../widgets/classes.js";
import { cellsOf, shownBy } from "./forget-state.js";

/** @import { BoxedPicture } from "../core/types.d.ts"
 * @import { State } from "./forget-state.js" */

const ROWS = 3;
export const SEED = 1; // of the samples, as on the Sample tab
const FRAMES = 8; // of a walk
const MAX_PICTURES = 256; // of a set, as the server has it
const UNDO = 100;

export class Samples {
  /** @type {State | null} */
  #shownState = null;
  /** Aborts the overlay under way.
   * @type {AbortController | null} */
  #glowing = null;

  /** root: of the tab; onChange() after a change of boxes or page, onClick(text) of a picture.
   * @param {HTMLElement} root
   * @param {{ columns: number, onChange: () => void, onClick: (text: string) => void,
   *   onError: (sentence: string) => void }} options */
  constructor(root, { columns, onChange, onClick, onError }) {
    /** @param {string} name */
    this.button = (name) => find(root, `[data-do=${name}]`, HTMLButtonElement);
    this.pageWords = find(root, "[data-role=page]", HTMLElement);
    this.sheet = find(root, "[data-role=with]", HTMLElement);
    this.classes = find(root, "[data-role=class]", HTMLSelectElement);
    this.glows = find(root, "[data-role=glow]", HTMLInputElement);
    this.columns = columns;
    this.onChange = onChange;
    this.onError = onError;
    this.boxes = new BoxSheet(this.sheet, {
      columns,
      label: "sheet.sample",
      onChange: (index, boxes) => {
        const spec = this.shown[index]?.spec;
        if (!spec) return;
        this.change(this.#state.pictures.map((old) => (old.spec === spec ? { spec, boxes } : old)));
      },
      onClick: (index) => {
        const picture = this.shown[index];
        if (picture) onClick(picture.spec);
      },
      onError,
    });
    const actions = {
      back: () => this.#turn(-1),
      forth: () => this.#turn(1),
      undo: () => this.#undo(),
      clear: () => this.change(this.#state.pictures.map(({ spec }) => ({ spec, boxes: [] }))),
      delete: () => this.boxes.deleteChosen() || onError(t("forget.pressBox")),
      stage: () => this.#addStage(),
      shelf: () => this.#addShelf(),
    };
    for (const [name, act] of Object.entries(actions)) {
      this.button(name).addEventListener("click", act);
    }
    this.classes.addEventListener("change", () => {
      Object.assign(this.#state, { label: chosen(this.classes), first: 0 });
      this.change(this.#state.pictures.filter(({ boxes }) => boxes.length));
    });
    document.addEventListener("keydown", (event) => {
      const typing = targetOf(event)?.matches("input[type=text]");
      if (!this.#shownState || !root.offsetParent || typing || event.key !== "z") return;
      if (!event.ctrlKey && !event.metaKey) return;
      if (this.#undo()) event.preventDefault(); // or the page takes back what was before
    });
    this.glows.addEventListener("change", () => {
      if (this.glows.checked && this.#state.looked === null) page.say(t("forget.pressMap"));
      this.glow();
    });
  }

  /** {spec, boxes} of the pictures on this page. */
  get shown() {
    const { pictures, first } = this.#state;
    return pictures.slice(first, first + this.columns * ROWS);
  }

  /** What the tab shows. Throws an Error before the first `show`. */
  get #state() {
    return shownBy(this.#shownState);
  }

  /** @param {State} state see forget.js */
  show(state) {
    if (state !== this.#shownState) offer(this.classes, state.label);
    this.#shownState = state;
    this.#fill();
    this.boxes.show(this.shown, state.model.size, cellsOf(state.model, state.layer));
    const last = state.first + this.shown.length;
    this.pageWords.textContent = t("forget.range", { first: state.first + 1, last });
    this.button("back").disabled = !state.first;
    this.button("forth").disabled = last >= MAX_PICTURES;
    this.button("undo").disabled = !state.before.length;
    this.button("clear").disabled = !state.pictures.some(({ boxes }) => boxes.length);
    this.glow();
  }

  /** Other pictures or boxes, which Undo takes back.
   * @param {BoxedPicture[]} pictures */
  change(pictures) {
    this.#state.before = [...this.#state.before, this.#state.pictures].slice(-UNDO);
    this.#redraw(pictures);
  }

  /** @param {BoxedPicture[]} pictures */
  #redraw(pictures) {
    this.#state.pictures = pictures;
    this.show(this.#state);
    this.onChange();
  }

  /** Takes back the last change of boxes; returns whether there was one. */
  #undo() {
    const before = this.#state.before.pop();
    if (!before) return false;
    this.#redraw(before);
    return true;
  }

  /** @param {number} step */
  #turn(step) {
    const first = this.#state.first + step * this.columns * ROWS;
    this.#state.first = Math.min(Math.max(first, 0), MAX_PICTURES - 1);
    this.#redraw(this.#state.pictures);
  }

  /** Draws as many samples as are to be shown. */
  #fill() {
    const { model, first, label } = this.#state;
    const known = new Set(this.#state.pictures.map(({ spec }) => spec));
    const pictures = [...this.#state.pictures];
    const wanted = Math.min(first + this.columns * ROWS, MAX_PICTURES);
    for (let index = 0; pictures.length < wanted; index++) {
      const spec =
        label === null
          ? page.sample(SEED, index, model)
          : page.text(draw(SEED, index), model, label);
      if (!known.has(spec)) pictures.push({ spec, boxes: [] });
    }
    this.#state.pictures = pictures;
  }

  // --- pictures from elsewhere
  #addStage() {
    const { edits, ...stage } = parts(withGains(page.picture, []));
    const { name: model } = this.#state.model;
    if (stage.model !== model) {
      this.onError(
        t("forget.stageOfAnotherModel", {
          model: named(model),
          other: named(stage.model),
        }),
      );
      return;
    }
    const { name, values } = taken(stage.z);
    const [, start, end] = values;
    const walks = name === "slerp" || name === "lerp";
    const zs =
      walks && start !== undefined && end !== undefined
        ? Array.from({ length: FRAMES }, (_, frame) =>
            between(name === "slerp", frame / (FRAMES - 1), start, end),
          )
        : [stage.z];
    this.#add(zs.map((z) => join({ ...stage, z, edits })));
  }

  #addShelf() {
    const { name } = this.#state.model;
    const texts = page.shelf.filter((text) => parts(text).model === name);
    if (!texts.length) this.onError(t("forget.shelfEmpty", { model: named(name) }));
    else this.#add(texts.map((text) => withGains(text, [])));
  }

  /** Puts these first, with the boxes that they have.
   * @param {string[]} texts */
  #add(texts) {
    const known = new Map(this.#state.pictures.map((picture) => [picture.spec, picture]));
    const added = [...new Set(texts)].map((spec) => known.get(spec) ?? { spec, boxes: [] });
    for (const { spec } of added) known.delete(spec);
    this.#state.first = 0;
    this.change([...added, ...known.values()].slice(0, MAX_PICTURES));
  }

  // --- overlay
  /** The activation of the map that was pressed last, over the samples. */
  async glow() {
    this.#glowing?.abort();
    const abort = new AbortController();
    this.#glowing = abort;
    const { layer, looked } = this.#state;
    if (!this.glows.checked || looked === null) {
      this.sheet.style.removeProperty("--glow");
      return;
    }
    try {
      const specs = this.shown.map(({ spec }) => spec);
      const blob = await activation(specs, this.columns, layer, looked, abort.signal);
      const reader = new FileReader();
      reader.onload = () => {
        if (abort.signal.aborted) return;
        this.sheet.style.setProperty("--glow", `url(${reader.result})`);
      };
      reader.readAsDataURL(blob);
    } catch (error) {
      if (!isAborted(error)) this.onError(message(error));
    }
  }
}
