// Feature maps: what is done to them (section 6.3.1), and the pictures that excite them most.

import { gain } from "../core/spec.js";
import { Sheet } from "./sheet.js";

/** Gains of feature maps by layer, each layer's everywhere or in a painted region. */
export class Edits {
  #layers = new Map();

  /** {gains: Map from a map's number to its gain, region: array of cells' truths, or null}. */
  of(layer) {
    if (!this.#layers.has(layer)) this.#layers.set(layer, { gains: new Map(), region: null });
    return this.#layers.get(layer);
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

  /** What they do, in a few words. */
  words() {
    const gains = [...this.#layers.values()].flatMap((layer) => [...layer.gains.values()]);
    const changed = gains.filter((factor) => factor !== 1).length;
    if (!changed) return "";
    const maps = changed === 1 ? "1 map" : `${changed} maps`;
    return gains.every((factor) => factor === 0) ? `without ${maps}` : `${maps} changed`;
  }
}

/** For some maps of a layer, a row each of the draws that excite it most; a ring marks where. */
export class ExcitingRows {
  /** best: pictures a map, at most the server's 8. */
  constructor(root, { best, onClick, onError }) {
    this.root = root;
    this.button = null;
    this.best = best;
    this.texts = [];
    this.sheet = new Sheet(root, {
      columns: best,
      label: "Exciting picture",
      onClick: (index) => onClick(this.texts[index]),
      onError,
    });
  }

  /** found: the answer of `exciting`; text(index): of a draw; cells: of the layer, along a side. */
  show(found, maps, text, cells) {
    this.#again(null);
    this.texts = maps.flatMap((map) => found.draws[map].slice(0, this.best).map(text));
    this.sheet.show(this.texts);
    const places = maps.flatMap((map) => found.cells[map].slice(0, this.best));
    places.forEach((cell, index) => {
      const ring = document.createElement("i");
      ring.className = "dc-ring";
      ring.style.left = `${(100 * ((cell % cells) + 0.5)) / cells}%`;
      ring.style.top = `${(100 * (Math.floor(cell / cells) + 0.5)) / cells}%`;
      this.root.children[index].replaceChildren(ring);
    });
  }

  /** In place of the pictures a button that looks for them again. */
  offer(look) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "Look for the pictures";
    button.addEventListener("click", look);
    this.#again(button);
  }

  #again(button) {
    this.button?.remove();
    this.button = button;
    this.root.hidden = button !== null;
    if (button) this.root.after(button);
  }
}
