// What the edits do beside the samples: to the picture on the stage, by one switch, and to the shelf.

import { find } from "../core/dom.js";
import { named, t } from "../core/language.js";
import { page } from "../core/page.js";
import { faded, parts, withGains } from "../core/spec.js";
import { offer } from "../widgets/video-export.js";
import { UNNAMED } from "./forget-sets.js";
import { shownBy } from "./forget-state.js";

/** @import { State } from "./forget-state.js" */

export class Stage {
  /** @type {State | null} */
  #shown = null;
  #off = false; // whether the picture is to be without, as soon as there is something to drop

  /** root: of the tab.
   * @param {HTMLElement} root
   * @param {{ onError: (sentence: string) => void }} options */
  constructor(root, { onError }) {
    /** @param {string} name */
    this.part = (name) => find(root, `[data-role=${name}]`, HTMLElement);
    this.present = find(root, "[data-role=present]", HTMLInputElement);
    this.onError = onError;
    this.present.addEventListener("change", () => {
      this.#off = !this.present.checked;
      page.show(withGains(page.picture, this.#off ? this.#texts : []), "forget");
      this.say();
    });
    /** @type {(name: string, act: () => void) => void} */
    const press = (name, act) =>
      find(root, `[data-do=${name}]`, HTMLElement).addEventListener("click", act);
    press("edit-shelf", () => this.#editShelf());
    press("restore-shelf", () => this.#rewriteShelf([]));
    press("film", () => this.#film());
  }

  /** @param {State} state see forget.js */
  show(state) {
    this.#shown = state;
    this.adopt();
  }

  /** What the tab shows. Throws an Error before the first `show`. */
  get #state() {
    return shownBy(this.#shown);
  }

  /** Follows the picture on the stage, which another part of the page has put there. */
  adopt() {
    const texts = this.#texts;
    this.#off = texts.length > 0 && page.picture === withGains(page.picture, texts);
    this.say();
  }

  /** After a change of the edits, which turns the switch if the visitor made it by hand.
   * @param {boolean} byHand */
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
    const { present } = this;
    const { name, pictures, edits } = this.#state;
    present.disabled = !this.#texts.length;
    const chosen = !present.disabled && !pictures.some(({ boxes }) => boxes.length);
    const unnamed = chosen ? t("forget.theMaps") : t("forget.whatBoxed");
    const thing = name === UNNAMED ? unnamed : named(name.charAt(0).toUpperCase() + name.slice(1));
    present.checked = present.disabled || !this.#off;
    present.ariaLabel = this.part("thing").textContent = thing;
    const without = edits.areDrops();
    this.part("present-value").textContent = t(
      present.checked ? "forget.on" : without ? "forget.off" : "forget.changed",
    );
    this.part("present-words").hidden = !present.disabled;
  }

  /** The picture without the edits, and with them. */
  #film() {
    const [text, gains] = [page.picture, this.#texts];
    if (!gains.length) return this.onError(t("forget.nothingDropped"));
    /** @param {number} place */
    const at = (place) => withGains(text, faded(gains, place));
    offer({ name: "edit", title: t("forget.saveVideo"), closed: false, at });
  }

  // --- shelf
  /** @param {string} text */
  #ofModel = (text) => parts(text).model === this.#state.model.name;

  #editShelf() {
    if (!this.#texts.length) this.onError(t("forget.nothingDropped"));
    else if (!page.shelf.some(this.#ofModel)) {
      this.onError(t("forget.nothingOnShelf", { model: named(this.#state.model.name) }));
    } else this.#rewriteShelf(this.#texts);
  }

  /** @param {string[]} gains */
  #rewriteShelf(gains) {
    const shelf = page.shelf.map((text) => (this.#ofModel(text) ? withGains(text, gains) : text));
    page.clearShelf();
    for (const text of shelf) page.pick(text);
  }
}
