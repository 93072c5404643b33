// Edits in a painted region only: what is boxed goes from there, or is put there.

import { page } from "../core/page.js";
import { withGains } from "../core/spec.js";
import { Brush } from "../widgets/brush.js";

export class Painting {
  #state = null;

  /** root: of the tab; onRegion() after a change of the region, onPut(whether to put it there). */
  constructor(root, { onRegion, onPut }) {
    this.part = (name) => root.querySelector(`[data-role=${name}]`);
    this.onRegion = onRegion;
    this.brush = new Brush(this.part("region"), { onChange: (region) => this.#keep(region) });
    this.brush.size = Number(this.part("brush").value);
    this.part("brush").addEventListener(
      "change",
      ({ target }) => (this.brush.size = Number(target.value)),
    );
    this.part("put").addEventListener("change", ({ target }) => onPut(target.value === "put"));
    this.part("painted").addEventListener("change", ({ target }) => {
      const region = target.checked ? this.#nowhere() : null;
      if (!region && this.#state.puts) onPut(false);
      this.#keep(region);
      this.draw();
    });
    root.querySelector("[data-do=wipe]").addEventListener("click", () => {
      this.#keep(this.#nowhere());
      this.draw();
    });
  }

  /** state: {layer, model, edits, fits, puts}, see forget.js. */
  show(state) {
    this.#state = state;
    this.draw();
  }

  draw() {
    const { edits, layer, fits, puts } = this.#state;
    const { region } = edits.of(layer);
    this.part("painted").checked = region !== null;
    this.part("painting").hidden = region === null;
    this.part("put").value = puts === layer ? "put" : "take";
    this.part("put").disabled = !fits.has(layer);
    if (region) this.brush.show(withGains(page.picture, []), this.#cells(layer), region);
  }

  #cells(layer) {
    return this.#state.model.layers[layer - 1][1];
  }

  #nowhere() {
    return Array(this.#cells(this.#state.layer) ** 2).fill(false);
  }

  /** Keeps the region; what is put somewhere is put there in the layer before as well. */
  #keep(region) {
    const { edits, layer, puts } = this.#state;
    edits.of(layer).region = region;
    if (puts === layer && layer > 1) {
      edits.of(layer - 1).region = coarse(region, this.#cells(layer), this.#cells(layer - 1));
    }
    this.onRegion();
  }
}

/** A region of `from` x `from` cells on a grid of to x to: each cell that any of it lies in. */
export function coarse(region, from, to) {
  const found = Array(to ** 2).fill(false);
  region.forEach((painted, index) => {
    const cell = (at) => Math.floor((at * to) / from);
    if (painted) found[cell(Math.floor(index / from)) * to + cell(index % from)] = true;
  });
  return found;
}
