// Edits in a painted region only: what is boxed goes from there, or is put there.

import { find } from "../core/dom.js";
import { page } from "../core/page.js";
import { withGains } from "../core/spec.js";
import { Brush } from "../widgets/brush.js";
import { cellsOf, shownBy } from "./forget-state.js";

/** @import { State } from "./forget-state.js" */

export class Painting {
  /** @type {State | null} */
  #shown = null;

  /** root: of the tab; onRegion() after a change of the region, onPut(whether to put it there).
   * @param {HTMLElement} root
   * @param {{ onRegion: () => void, onPut: (puts: boolean) => void }} options */
  constructor(root, { onRegion, onPut }) {
    this.painting = find(root, "[data-role=painting]", HTMLElement);
    this.painted = find(root, "[data-role=painted]", HTMLInputElement);
    this.put = find(root, "[data-role=put]", HTMLSelectElement);
    this.onRegion = onRegion;
    this.brush = new Brush(find(root, "[data-role=region]", HTMLElement), {
      onChange: (region) => this.#keep(region),
    });
    const size = find(root, "[data-role=brush]", HTMLSelectElement);
    const measure = () => {
      this.brush.size = Number(size.value);
    };
    measure();
    size.addEventListener("change", measure);
    this.put.addEventListener("change", () => onPut(this.put.value === "put"));
    this.painted.addEventListener("change", () => {
      const region = this.painted.checked ? this.#nowhere() : null;
      if (!region && this.#state.puts) onPut(false);
      this.#keep(region);
      this.draw();
    });
    find(root, "[data-do=wipe]", HTMLElement).addEventListener("click", () => {
      this.#keep(this.#nowhere());
      this.draw();
    });
  }

  /** @param {State} state see forget.js */
  show(state) {
    this.#shown = state;
    this.draw();
  }

  /** What the tab shows. Throws an Error before the first `show`. */
  get #state() {
    return shownBy(this.#shown);
  }

  draw() {
    const { edits, layer, fits, puts } = this.#state;
    const { region } = edits.of(layer);
    this.painted.checked = region !== null;
    this.painting.hidden = region === null;
    this.put.value = puts === layer ? "put" : "take";
    this.put.disabled = !fits.has(layer);
    if (region) this.brush.show(withGains(page.picture, []), this.#cells(layer), region);
  }

  /** @param {number} layer */
  #cells(layer) {
    return cellsOf(this.#state.model, layer);
  }

  /** @returns {boolean[]} */
  #nowhere() {
    return Array(this.#cells(this.#state.layer) ** 2).fill(false);
  }

  /** Keeps the region; what is put somewhere is put there in the layer before as well.
   * @param {boolean[] | null} region */
  #keep(region) {
    const { edits, layer, puts } = this.#state;
    edits.of(layer).region = region;
    if (region && puts === layer && layer > 1) {
      edits.of(layer - 1).region = coarse(region, this.#cells(layer), this.#cells(layer - 1));
    }
    this.onRegion();
  }
}

/** A region of `from` x `from` cells on a grid of to x to: each cell that any of it lies in.
 * @param {boolean[]} region
 * @param {number} from
 * @param {number} to */
export function coarse(region, from, to) {
  /** @type {boolean[]} */
  const found = Array(to ** 2).fill(false);
  region.forEach((painted, index) => {
    /** @param {number} at */
    const cell = (at) => Math.floor((at * to) / from);
    if (painted) found[cell(Math.floor(index / from)) * to + cell(index % from)] = true;
  });
  return found;
}
