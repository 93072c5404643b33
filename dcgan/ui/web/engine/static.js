// Where there is no server: files beside the page (dcgan/site.py). The map of imports in site.html
// puts this in the place of server.js; what is drawn is rendered by browser.js.

import { Unavailable } from "../core/errors.js";
import { t } from "../core/language.js";
import { parts } from "../core/spec.js";

export const ALONE = true;

/** @import { BoxedPicture, BoxSet, Model, Network, TopActivations, UnitFit } from "../core/types.d.ts" */

/** Why there is nobody to ask. */
const noServer = () => new Unavailable(t("engine.needsServer"));

/** @param {string} path */
const at = (path) => new URL(`../../${path}`, import.meta.url);
/** What files hold, by their paths.
 * @type {Map<string, Promise<unknown>>} */
const found = new Map();

/** @param {string} path
 * @returns {Promise<unknown>} */
async function read(path) {
  const response = await fetch(at(path)).catch(() => null);
  if (response?.ok) return response.json();
  throw new Error(t("engine.siteUnreachable"));
}

/** What a file holds, fetched once.
 * @template T
 * @param {string} path of a file that the site writes with what T has
 * @returns {Promise<T>} */
function kept(path) {
  const content = found.get(path) ?? read(path);
  found.set(path, content);
  content.catch(() => found.delete(path));
  return /** @type {Promise<T>} */ (content);
}

/** The models that there are, see `describe_models` in dcgan/site/manifest.py.
 * @type {() => Promise<Model[]>} */
export const models = () => kept("models.json");

/** The file that an experiment kept of its figures, or null where none did.
 * @param {string} name */
export async function results(name) {
  /** @type {Record<string, unknown>} */
  const all = await kept("results.json");
  return all[name] ?? null;
}

/** A link to a picture: there is no file of it.
 * @param {string} spec */
export function address(spec) {
  return new URL(`?spec=${spec}`, location.origin + location.pathname).href;
}

/** Nothing can be fetched ahead: it is drawn here. */
export const expect = () => {};

const unavailable = async () => {
  throw noServer();
};

export {
  unavailable as activation,
  unavailable as checkBoxes,
  unavailable as classify,
  unavailable as classifyUpload,
  unavailable as features,
  unavailable as film,
  unavailable as look,
  unavailable as lookAtUpload,
  unavailable as packed,
  unavailable as picture,
  unavailable as probes,
  unavailable as project,
  unavailable as report,
  unavailable as sheet,
};

// --- Forget: what comes with the models

/** The weights of a model, by its name.
 * @param {string} model */
async function weightsOf(model) {
  const known = (await models()).find(({ name }) => name === model);
  if (!known) throw new Error(t("page.noSuchModel", { name: model }));
  return known.weights;
}

/** {boxes, units: {layer: fit}} of the sets that come with a network, by their names.
 * @type {(weights: string) => Promise<Record<string, { boxes: BoxSet, units: Record<number, UnitFit> }>>} */
const sets = (weights) => kept(`boxes/${weights}.json`);

/** A set of boxes that comes with a model.
 * @param {string} model
 * @param {string} set */
export async function shippedBoxes(model, set) {
  const known = (await sets(await weightsOf(model)))[set];
  if (!known) throw new Error(t("engine.noBoxSet", { set, model }));
  return known.boxes;
}

/** The fit of a set whose boxes are those that come with the model.
 * @param {BoxSet} set
 * @returns {Promise<UnitFit>} */
export async function fitUnits({ name, layer, pictures }) {
  const [first] = pictures;
  const known = first && (await sets(parts(first.spec).weights))[name];
  /** @param {BoxedPicture[]} all */
  const drawn = (all) => JSON.stringify(all.filter(({ boxes }) => boxes.length));
  if (known && drawn(known.boxes.pictures) === drawn(pictures)) {
    const fit = known.units[layer];
    if (fit) return fit;
    throw new Error(t("engine.boxesTooSmall"));
  }
  throw new Error(t("engine.ownBoxesNeedServer"));
}

/** {seed, draws, cells}: for each map of a layer the draws that excite it most, and where.
 * @param {string} model
 * @param {Network} network
 * @param {number} layer
 * @returns {Promise<TopActivations>} */
export async function exciting(model, network, layer) {
  if (network !== "generator") throw noServer();
  /** @type {TopActivations[]} */
  const layers = await kept(`exciting/${await weightsOf(model)}.json`);
  const found = layers[layer - 1];
  if (!found) throw new Error(t("engine.noSuchLayer", { model, layers: layers.length, layer }));
  return found;
}
