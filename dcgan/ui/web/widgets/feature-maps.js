// The maps of a layer: which are dropped, weakened or strengthened, and what excites them.

import { find, targetOf } from "../core/dom.js";
import { message } from "../core/errors.js";
import { t } from "../core/language.js";
import { page } from "../core/page.js";
import { number } from "../core/spec.js";
import { Stopped } from "../core/tasks.js";
import { exciting } from "../engine/engine.js";
import { ExcitingRows } from "./units.js";

/** @import { Key, Model, Network, Shape, TopActivations, UnitFit } from "../core/types.d.ts"
 * @import { Edits } from "./units.js" */

/** What the Forget tab keeps for a model, as far as it is about maps; fits: by layer; looked: the map
 * that is looked at.
 * @typedef {{ model: Model, layer: number, fits: Map<number, UnitFit>, edits: Edits,
 *   looked: number | null }} State */

/** A layer of a network.
 * @typedef {{ network: Network, layer: number, shape: Shape }} Browsed */

const ROWS = 6;
const DROP = 0;
const NEUTRAL = 1;
/** By model, network and layer.
 * @type {Map<string, Promise<TopActivations>>} */
const answers = new Map();

export class Maps {
  /** @type {State | null} */
  #shownState = null;
  /** What each of the two rows shows.
   * @type {Map<ExcitingRows, string>} */
  #showing = new Map();
  #first = 0; // of the rows
  #seen = 0; // the rows' layer of the discriminator; 0 for the generator's chosen one

  /** root: of the tab. onEdit() after a change of gains, onLook() of the map, onLayer().
   * @param {HTMLElement} root
   * @param {{ onEdit: () => void, onLook: () => void, onLayer: () => void,
   *   onClick: (text: string) => void, onError: (sentence: string) => void }} options */
  constructor(root, { onEdit, onLook, onLayer, onClick, onError }) {
    /** @param {string} name */
    this.part = (name) => find(root, `[data-role=${name}]`, HTMLElement);
    /** @param {string} name */
    this.input = (name) => find(root, `[data-role=${name}]`, HTMLInputElement);
    this.layer = find(root, "[data-role=layer]", HTMLSelectElement);
    this.browsed = find(root, "[data-role=browsed]", HTMLSelectElement);
    this.browse = find(root, ".dc-browse", HTMLDetailsElement);
    this.onEdit = onEdit;
    this.onLook = onLook;
    this.onError = onError;
    const best = matchMedia("(max-width: 899px)").matches ? 4 : 8;
    const rows = { best, onClick, onError };
    this.looked = new ExcitingRows(this.part("looked"), rows);
    this.rows = new ExcitingRows(this.part("rows"), rows);

    this.layer.addEventListener("change", () => {
      this.#state.layer = Number(this.layer.value);
      this.#state.looked = null;
      this.#first = 0;
      onLayer();
    });
    const [threshold, gain, own] = [this.input("threshold"), this.input("gain"), this.input("own")];
    threshold.addEventListener("input", () => this.#drop(Number(threshold.value)));
    gain.addEventListener("input", () => {
      for (const map of this.#gains.keys()) this.#gains.set(map, Number(gain.value));
      this.#edited();
    });
    own.addEventListener("input", () => {
      const { looked } = this.#state;
      if (looked === null) return;
      const factor = Number(own.value);
      if (factor === NEUTRAL) this.#gains.delete(looked);
      else this.#gains.set(looked, factor);
      this.#edited();
    });
    for (const list of ["chips", "row-chips"]) {
      this.part(list).addEventListener("click", (event) => {
        const map = targetOf(event)?.closest("button")?.dataset.map;
        if (map === undefined) return;
        this.#press(Number(map));
        const anew = this.part(list).querySelector(`button[data-map="${map}"]`);
        if (anew instanceof HTMLButtonElement) anew.focus(); // it has been drawn anew
      });
    }
    /** @param {number} step */
    const turn = (step) => {
      const [maps] = this.#browsed.shape;
      this.#first = Math.min(Math.max(this.#first + step, 0), maps - 1);
      this.#drawRows();
    };
    find(root, "[data-do=maps-back]", HTMLElement).addEventListener("click", () => turn(-ROWS));
    find(root, "[data-do=maps-forth]", HTMLElement).addEventListener("click", () => turn(ROWS));
    this.browse.addEventListener("toggle", () => this.#drawRows());
    this.browsed.addEventListener("change", () => {
      this.#seen = Number(this.browsed.value);
      this.#first = 0;
      this.#drawRows();
    });
  }

  /** @param {State} state see forget.js */
  show(state) {
    if (state !== this.#shownState) {
      this.#first = this.#seen = 0;
      /** @param {Shape[]} shapes */
      const options = (shapes, key = /** @type {Key} */ ("maps.layer")) =>
        shapes.map(([maps, height, width], index) => {
          const layer = index + 1;
          return new Option(t(key, { layer, maps, height, width }), String(layer));
        });
      this.layer.replaceChildren(...options(state.model.layers));
      this.browsed.replaceChildren(
        new Option(t("maps.generatorLayer"), "0"),
        ...options(state.model.discriminator, "maps.discriminatorLayer"),
      );
    }
    this.#shownState = state;
    this.layer.value = String(state.layer);
    this.#draw();
    this.#drawRows();
  }

  /** What the tab shows. Throws an Error before the first `show`. */
  get #state() {
    if (!this.#shownState) throw new Error(t("maps.notLoaded"));
    return this.#shownState;
  }

  /** {maps, weights} of the layer, empty before a fit.
   * @returns {Pick<UnitFit, "maps" | "weights">} */
  get #fit() {
    return this.#state.fits.get(this.#state.layer) ?? { maps: [], weights: [] };
  }

  get #gains() {
    return this.#state.edits.of(this.#state.layer).gains;
  }

  /** What the rows are of.
   * @returns {Browsed} */
  get #browsed() {
    const { model, layer } = this.#state;
    return this.#seen
      ? {
          network: "discriminator",
          layer: this.#seen,
          shape: layerShape(model.discriminator, this.#seen),
        }
      : { network: "generator", layer, shape: layerShape(model.layers, layer) };
  }

  /** @param {number} count */
  #drop(count) {
    const factor = Number(this.input("gain").value);
    this.#fit.maps.forEach((map, index) => {
      if (index < count) this.#gains.set(map, factor);
      else this.#gains.delete(map);
    });
    this.#edited();
  }

  /** A map is looked at; it is dropped or taken back, too, unless where it is active is shown.
   * @param {number} map */
  #press(map) {
    this.#state.looked = map;
    if (this.input("glow").checked) {
      this.#draw();
      this.#drawRowChips();
    } else {
      const factor = Number(this.input("gain").value);
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
    const [threshold, slider] = [this.input("threshold"), this.input("gain")];
    this.part("threshold-row").hidden = !maps.length;
    threshold.max = String(maps.length);
    threshold.value = String(dropped);
    this.part("threshold-value").textContent = t("maps.countOf", {
      count: dropped,
      all: maps.length,
    });
    const factors = new Set(gains.values());
    const isMixed = factors.size > 1;
    if (!isMixed) for (const factor of factors) slider.value = String(factor);
    const said = isMixed ? t("maps.mixed") : number(Number(slider.value));
    this.part("gain-value").textContent = said;
    slider.setAttribute("aria-valuetext", said);
    const others = [...gains.keys()].filter((map) => !maps.includes(map)).sort((a, b) => a - b);
    const [largest = 1] = weights;
    this.part("chips").replaceChildren(
      ...maps.map((map, index) => this.#chip(map, (weights[index] ?? 0) / largest)),
      ...others.map((map) => this.#chip(map, 0)),
    );
    this.#drawLooked();
  }

  /** @param {number} map
   * @param {number} weight as a share of the largest */
  #chip(map, weight) {
    const item = document.createElement("li");
    const button = document.createElement("button");
    button.type = "button";
    button.className = "dc-chip";
    button.dataset.map = String(map);
    button.textContent = String(map);
    const factor = this.#gains.get(map);
    button.ariaLabel = t("maps.map", { map });
    button.ariaPressed = String(factor !== undefined);
    button.title =
      factor === undefined
        ? t("maps.asItIs")
        : factor === DROP
          ? t("maps.dropped")
          : t("maps.times", { factor: number(factor) });
    button.style.setProperty("--weight", String(weight));
    button.classList.toggle("dc-looked", map === this.#state.looked);
    item.append(button);
    return item;
  }

  #drawLooked() {
    const { looked } = this.#state;
    this.part("looked-row").hidden = looked === null;
    if (looked === null) return;
    const factor = this.#gains.get(looked) ?? NEUTRAL;
    this.part("looked-name").textContent = t("maps.map", { map: looked });
    this.input("own").value = String(factor);
    this.part("own-value").textContent = number(factor);
    const { model, layer } = this.#state;
    const shape = layerShape(model.layers, layer);
    this.#exciting(this.looked, { network: "generator", layer, shape }, [looked]);
  }

  /** What the generator draws with can be edited; what the discriminator sees can not. */
  #drawRowChips() {
    /** @param {number} map */
    const label = (map) => {
      const item = document.createElement("li");
      item.textContent = String(map);
      return item;
    };
    /** @param {number} map */
    const row = (map) => (this.#seen ? label(map) : this.#chip(map, 0));
    this.part("row-chips").replaceChildren(...this.#shown().map(row));
  }

  /** The maps with rows: fitted ones first. */
  #shown() {
    const maps = this.#seen ? [] : this.#fit.maps;
    const fitted = new Set(maps);
    const all = Array.from({ length: this.#browsed.shape[0] }, (_, map) => map);
    const rest = all.filter((map) => !fitted.has(map));
    return [...maps, ...rest].slice(this.#first, this.#first + ROWS);
  }

  #drawRows() {
    if (!this.browse.open || !this.#shownState) return;
    const [maps] = this.#browsed.shape;
    const last = Math.min(this.#first + ROWS, maps);
    this.part("maps-page").textContent = t("maps.range", {
      first: this.#first + 1,
      last,
      count: maps,
    });
    this.#drawRowChips();
    this.#exciting(this.rows, this.#browsed, this.#shown());
  }

  /** @param {ExcitingRows} rows
   * @param {Browsed} browsed
   * @param {number[]} maps */
  async #exciting(rows, { network, layer, shape }, maps) {
    const { model } = this.#state;
    const key = `${model.name}@${model.weights}/${network}/${layer}`;
    const wanted = `${key}/${maps}`;
    if (this.#showing.get(rows) === wanted) return;
    this.#showing.set(rows, wanted);
    try {
      const asked = answers.get(key) ?? exciting(model.name, network, layer);
      answers.set(key, asked);
      const found = await asked;
      if (this.#showing.get(rows) !== wanted) return;
      /** @param {number} index */
      const text = (index) => page.sample(found.seed, index, model);
      rows.show(found, maps, text, shape[1]);
    } catch (error) {
      answers.delete(key);
      if (this.#showing.get(rows) !== wanted) return;
      this.#showing.delete(rows);
      if (error instanceof Stopped)
        rows.offer(() => this.#exciting(rows, { network, layer, shape }, maps));
      else this.onError(message(error));
    }
  }
}

/** The shape of a layer, counted from 1. Throws an Error for one that there is not.
 * @param {Shape[]} shapes
 * @param {number} layer */
export function layerShape(shapes, layer) {
  const shape = shapes[layer - 1];
  if (!shape) throw new Error(t("maps.noSuchLayer", { layer, layers: shapes.length }));
  return shape;
}
