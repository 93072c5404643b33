// Feature maps: what is done to them (section 6.3.1), and the pictures that excite them most.

import { t } from "../core/language.js";
import { gain } from "../core/spec.js";
import { Sheet } from "./sheet.js";

/** @import { TopActivations } from "../core/types.d.ts" */

/** Gains of a layer by the map's number, and in which cells they are; everywhere where it is null.
 * @typedef {{ gains: Map<number, number>, region: boolean[] | null }} LayerEdits */

/** Gains of feature maps by layer, each layer's everywhere or in a painted region. */
export class Edits {
  /** @type {Map<number, LayerEdits>} */
  #layers = new Map();

  /** The edits of a layer, to be changed.
   * @param {number} layer
   * @returns {LayerEdits} */
  of(layer) {
    const edits = this.#layers.get(layer) ?? { gains: new Map(), region: null };
    this.#layers.set(layer, edits);
    return edits;
  }

  /** The gain(...) texts. */
  texts() {
    const texts = [];
    for (const [layer, { gains, region }] of [...this.#layers].sort(([a], [b]) => a - b)) {
      if (region && !region.some(Boolean)) continue;
      const factors = [...new Set(gains.values())].sort((a, b) => a - b);
      for (const factor of factors.filter((factor) => factor !== 1)) {
        const maps = [...gains.keys()].filter((map) => gains.get(map) === factor);
        texts.push(gain(layer, factor, maps, region));
      }
    }
    return texts;
  }

  get #gains() {
    return [...this.#layers.values()].flatMap((layer) => [...layer.gains.values()]);
  }

  /** Whether all that is edited is dropped. */
  areDrops() {
    return this.#gains.length > 0 && this.#gains.every((factor) => factor === 0);
  }

  /** What they do, in a few words. */
  words() {
    const gains = this.#gains;
    const changed = gains.filter((factor) => factor !== 1).length;
    if (!changed) return "";
    const maps = t(changed === 1 ? "units.map" : "units.maps", { count: changed });
    return this.areDrops() ? t("units.without", { maps }) : t("units.changed", { maps });
  }
}

/** For some maps of a layer, a row each of the draws that excite it most; a ring marks where. */
export class ExcitingRows {
  /** best: pictures a map, at most the server's 8.
   * @param {HTMLElement} root
   * @param {{ best: number, onClick: (text: string) => void,
   *   onError: (sentence: string) => void }} options */
  constructor(root, { best, onClick, onError }) {
    this.root = root;
    /** @type {HTMLButtonElement | null} */
    this.button = null;
    this.best = best;
    /** @type {string[]} */
    this.texts = [];
    this.sheet = new Sheet(root, {
      columns: best,
      label: "sheet.excitingPicture",
      onClick: (index) => {
        const text = this.texts[index];
        if (text) onClick(text);
      },
      onError,
    });
  }

  /** found: the answer of `exciting`; text(index): of a draw; cells: of the layer, along a side.
   * @param {TopActivations} found
   * @param {number[]} maps
   * @param {(index: number) => string} text
   * @param {number} cells */
  show(found, maps, text, cells) {
    this.#again(null);
    this.texts = maps.flatMap((map) => this.#best(found.draws[map]).map(text));
    this.sheet.show(this.texts);
    const places = maps.flatMap((map) => this.#best(found.cells[map]));
    places.forEach((cell, index) => {
      const ring = document.createElement("i");
      ring.className = "dc-ring";
      ring.style.left = `${(100 * ((cell % cells) + 0.5)) / cells}%`;
      ring.style.top = `${(100 * (Math.floor(cell / cells) + 0.5)) / cells}%`;
      this.root.children[index]?.replaceChildren(ring);
    });
  }

  /** In place of the pictures a button that looks for them again.
   * @param {() => void} look */
  offer(look) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = t("units.look");
    button.addEventListener("click", look);
    this.#again(button);
  }

  /** As many of a map's draws, or cells, as a row has.
   * @param {number[] | undefined} all */
  #best(all = []) {
    return all.slice(0, this.best);
  }

  /** @param {HTMLButtonElement | null} button */
  #again(button) {
    this.button?.remove();
    this.button = button;
    this.root.hidden = button !== null;
    if (button) this.root.after(button);
  }
}
