// What the edits do beside the samples: to the picture on the stage, by one switch, and to the shelf.

import { page } from "../core/page.js";
import { faded, parts, withGains } from "../core/spec.js";
import { offer } from "../widgets/video-export.js";
import { UNNAMED } from "./forget-sets.js";

const NOTHING = "No map is dropped yet: draw boxes and find the maps.";

export class Stage {
  #state = null;
  #off = false; // whether the picture is to be without, as soon as there is something to drop

  /** root: of the tab. */
  constructor(root, { onError }) {
    this.part = (name) => root.querySelector(`[data-role=${name}]`);
    this.onError = onError;
    this.part("present").addEventListener("change", ({ target }) => {
      this.#off = !target.checked;
      page.show(withGains(page.picture, this.#off ? this.#texts : []), "forget");
      this.say();
    });
    const press = (name, act) =>
      root.querySelector(`[data-do=${name}]`).addEventListener("click", act);
    press("edit-shelf", () => this.#editShelf());
    press("restore-shelf", () => this.#rewriteShelf([]));
    press("film", () => this.#film());
  }

  /** state: {model, name, pictures, edits}, see forget.js. */
  show(state) {
    this.#state = state;
    this.adopt();
  }

  /** Follows the picture on the stage, which another part of the page has put there. */
  adopt() {
    const texts = this.#texts;
    this.#off = texts.length > 0 && page.picture === withGains(page.picture, texts);
    this.say();
  }

  /** After a change of the edits, which turns the switch if the visitor made it by hand. */
  edit(byHand) {
    this.#off ||= byHand;
    if (this.#off) page.show(withGains(page.picture, this.#texts), "forget");
    this.say();
  }

  get #texts() {
    return this.#state.edits.texts();
  }

  /** The switch says of the thing that is boxed whether it is there, is not, or is changed. */
  say() {
    const present = this.part("present");
    const { name, pictures, edits } = this.#state;
    present.disabled = !this.#texts.length;
    const chosen = !present.disabled && !pictures.some(({ boxes }) => boxes.length);
    const unnamed = chosen ? "The maps" : "What is boxed";
    const thing = name === UNNAMED ? unnamed : name[0].toUpperCase() + name.slice(1);
    present.checked = present.disabled || !this.#off;
    present.ariaLabel = this.part("thing").textContent = thing;
    const dropped = edits.words().startsWith("without");
    this.part("present-value").textContent = present.checked ? "on" : dropped ? "off" : "changed";
    this.part("present-words").hidden = !present.disabled;
  }

  /** The picture without the edits, and with them. */
  #film() {
    const [text, gains] = [page.picture, this.#texts];
    if (!gains.length) return this.onError(NOTHING);
    const at = (place) => withGains(text, faded(gains, place));
    offer({ name: "edit", title: "Save the edit as a film", closed: false, at });
  }

  // --- shelf
  #ofModel = (text) => parts(text).model === this.#state.model.name;

  #editShelf() {
    if (!this.#texts.length) this.onError(NOTHING);
    else if (!page.shelf.some(this.#ofModel)) {
      this.onError(`The shelf holds no pictures of ${this.#state.model.name}.`);
    } else this.#rewriteShelf(this.#texts);
  }

  #rewriteShelf(gains) {
    const shelf = page.shelf.map((text) => (this.#ofModel(text) ? withGains(text, gains) : text));
    page.clearShelf();
    for (const text of shelf) page.pick(text);
  }
}
