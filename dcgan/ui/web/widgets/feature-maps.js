// The maps of a layer: which are dropped, weakened or strengthened, and what excites them.

import { page } from "../core/page.js";
import { number } from "../core/spec.js";
import { Stopped } from "../core/tasks.js";
import { exciting } from "../engine/engine.js";
import { ExcitingRows } from "./units.js";

const ROWS = 6;
const DROP = 0;
const NEUTRAL = 1;
const answers = new Map(); // by model, network and layer: promise of the answer of `exciting`

export class Maps {
  #state = null;
  #first = 0; // of the rows
  #seen = 0; // the rows' layer of the discriminator; 0 for the generator's chosen one

  /** root: of the tab. onEdit() after a change of gains, onLook() of the map, onLayer(). */
  constructor(root, { onEdit, onLook, onLayer, onClick, onError }) {
    this.part = (name) => root.querySelector(`[data-role=${name}]`);
    this.browse = root.querySelector(".dc-browse");
    Object.assign(this, { onEdit, onLook, onError });
    const best = matchMedia("(max-width: 899px)").matches ? 4 : 8;
    const rows = { best, onClick, onError };
    this.looked = new ExcitingRows(this.part("looked"), rows);
    this.rows = new ExcitingRows(this.part("rows"), rows);

    this.part("layer").addEventListener("change", ({ target }) => {
      this.#state.layer = Number(target.value);
      this.#state.looked = null;
      this.#first = 0;
      onLayer();
    });
    this.part("threshold").addEventListener("input", ({ target }) =>
      this.#drop(Number(target.value)),
    );
    this.part("gain").addEventListener("input", ({ target }) => {
      for (const map of this.#gains.keys()) this.#gains.set(map, Number(target.value));
      this.#edited();
    });
    this.part("own").addEventListener("input", ({ target }) => {
      const factor = Number(target.value);
      if (factor === NEUTRAL) this.#gains.delete(this.#state.looked);
      else this.#gains.set(this.#state.looked, factor);
      this.#edited();
    });
    for (const list of ["chips", "row-chips"]) {
      this.part(list).addEventListener("click", (event) => {
        const { map } = event.target.closest("button")?.dataset ?? {};
        if (map === undefined) return;
        this.#press(Number(map));
        this.part(list).querySelector(`[data-map="${map}"]`)?.focus(); // it has been drawn anew
      });
    }
    const turn = (step) => {
      const [maps] = this.#browsed.shape;
      this.#first = Math.min(Math.max(this.#first + step, 0), maps - 1);
      this.#drawRows();
    };
    root.querySelector("[data-do=maps-back]").addEventListener("click", () => turn(-ROWS));
    root.querySelector("[data-do=maps-forth]").addEventListener("click", () => turn(ROWS));
    this.browse.addEventListener("toggle", () => this.#drawRows());
    this.part("browsed").addEventListener("change", ({ target }) => {
      this.#seen = Number(target.value);
      this.#first = 0;
      this.#drawRows();
    });
  }

  /** state: {model, layer, fits, edits, looked}, see forget.js. */
  show(state) {
    if (state !== this.#state) {
      this.#first = this.#seen = 0;
      const options = (shapes, prefix = "") =>
        shapes.map(
          ([count, height, width], index) =>
            new Option(`${prefix}${index + 1}: ${count} maps of ${height} × ${width}`, index + 1),
        );
      this.part("layer").replaceChildren(...options(state.model.layers));
      this.part("browsed").replaceChildren(
        new Option("the generator's layer above", 0),
        ...options(state.model.discriminator, "the discriminator's layer "),
      );
    }
    this.#state = state;
    this.part("layer").value = state.layer;
    this.#draw();
    this.#drawRows();
  }

  /** {maps, weights} of the layer, empty before a fit. */
  get #fit() {
    return this.#state.fits.get(this.#state.layer) ?? { maps: [], weights: [] };
  }

  get #gains() {
    return this.#state.edits.of(this.#state.layer).gains;
  }

  /** The network, layer and shape that the rows are of. */
  get #browsed() {
    const { model, layer } = this.#state;
    const network = this.#seen ? "discriminator" : "generator";
    const number = this.#seen || layer;
    return {
      network,
      layer: number,
      shape: (this.#seen ? model.discriminator : model.layers)[number - 1],
    };
  }

  #drop(count) {
    const factor = Number(this.part("gain").value);
    this.#fit.maps.forEach((map, index) => {
      if (index < count) this.#gains.set(map, factor);
      else this.#gains.delete(map);
    });
    this.#edited();
  }

  /** A map is looked at; it is dropped or taken back, too, unless where it is active is shown. */
  #press(map) {
    this.#state.looked = map;
    if (this.part("glow").checked) {
      this.#draw();
      this.#drawRowChips();
    } else {
      const factor = Number(this.part("gain").value);
      if (!this.#gains.delete(map)) this.#gains.set(map, factor);
      this.#edited();
    }
    this.onLook();
  }

  #edited() {
    this.#draw();
    this.#drawRowChips();
    this.onEdit();
  }

  #draw() {
    const { maps, weights } = this.#fit;
    const gains = this.#gains;
    const dropped = maps.filter((map) => gains.has(map)).length;
    const [threshold, slider] = [this.part("threshold"), this.part("gain")];
    this.part("threshold-row").hidden = !maps.length;
    threshold.max = maps.length;
    threshold.value = dropped;
    this.part("threshold-value").textContent = `${dropped} of ${maps.length}`;
    const factors = new Set(gains.values());
    if (factors.size === 1) slider.value = [...factors][0];
    this.part("gain-value").textContent = factors.size > 1 ? "mixed" : number(Number(slider.value));
    slider.setAttribute("aria-valuetext", this.part("gain-value").textContent);
    const others = [...gains.keys()].filter((map) => !maps.includes(map)).sort((a, b) => a - b);
    this.part("chips").replaceChildren(
      ...maps.map((map, index) => this.#chip(map, weights[index] / weights[0])),
      ...others.map((map) => this.#chip(map, 0)),
    );
    this.#drawLooked();
  }

  #chip(map, weight) {
    const item = document.createElement("li");
    const button = document.createElement("button");
    button.type = "button";
    button.className = "dc-chip";
    button.dataset.map = map;
    button.textContent = map;
    const factor = this.#gains.get(map);
    button.ariaLabel = `Map ${map}`;
    button.ariaPressed = String(factor !== undefined);
    button.title =
      factor === undefined ? "as it is" : factor === DROP ? "dropped" : `times ${number(factor)}`;
    button.style.setProperty("--weight", weight);
    button.classList.toggle("dc-looked", map === this.#state.looked);
    item.append(button);
    return item;
  }

  #drawLooked() {
    const { looked } = this.#state;
    this.part("looked-row").hidden = looked === null;
    if (looked === null) return;
    const factor = this.#gains.get(looked) ?? NEUTRAL;
    this.part("looked-name").textContent = `Map ${looked}`;
    this.part("own").value = factor;
    this.part("own-value").textContent = number(factor);
    const { model, layer } = this.#state;
    this.#exciting(this.looked, { network: "generator", layer, shape: model.layers[layer - 1] }, [
      looked,
    ]);
  }

  /** What the generator draws with can be edited; what the discriminator sees can not. */
  #drawRowChips() {
    const label = (map) => {
      const item = document.createElement("li");
      item.textContent = map;
      return item;
    };
    const row = (map) => (this.#seen ? label(map) : this.#chip(map, 0));
    this.part("row-chips").replaceChildren(...this.#shown().map(row));
  }

  /** The maps with rows: fitted ones first. */
  #shown() {
    const { maps } = this.#seen ? { maps: [] } : this.#fit;
    const fitted = new Set(maps);
    const all = Array.from({ length: this.#browsed.shape[0] }, (_, map) => map);
    const rest = all.filter((map) => !fitted.has(map));
    return [...maps, ...rest].slice(this.#first, this.#first + ROWS);
  }

  #drawRows() {
    if (!this.browse.open || !this.#state) return;
    const [maps] = this.#browsed.shape;
    const last = Math.min(this.#first + ROWS, maps);
    this.part("maps-page").textContent = `${this.#first + 1} to ${last} of ${maps}`;
    this.#drawRowChips();
    this.#exciting(this.rows, this.#browsed, this.#shown());
  }

  async #exciting(rows, { network, layer, shape }, maps) {
    const { model } = this.#state;
    const key = `${model.name}@${model.weights}/${network}/${layer}`;
    if (rows.showing === `${key}/${maps}`) return;
    rows.showing = `${key}/${maps}`;
    try {
      if (!answers.has(key)) answers.set(key, exciting(model.name, network, layer));
      const found = await answers.get(key);
      if (rows.showing !== `${key}/${maps}`) return;
      const text = (index) => page.sample(found.seed, index, model);
      rows.show(found, maps, text, shape[1]);
    } catch (error) {
      answers.delete(key);
      if (rows.showing !== `${key}/${maps}`) return;
      rows.showing = null;
      if (error instanceof Stopped)
        rows.offer(() => this.#exciting(rows, { network, layer, shape }, maps));
      else this.onError(error.message);
    }
  }
}
