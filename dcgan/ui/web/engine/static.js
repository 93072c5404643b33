// Where there is no server: files beside the page (dcgan/site.py). The map of imports in site.html
// puts this in the place of server.js; what is drawn is rendered by browser.js.

import { parts } from "../core/spec.js";

export const ALONE = true;

/** There is nobody to ask. */
export class Unavailable extends Error {
  constructor() {
    super("This is done by the page with its server; here there is none.");
  }
}

const at = (path) => new URL(`../../${path}`, import.meta.url);
const found = new Map(); // promises of what a file holds, by its path

async function read(path) {
  const response = await fetch(at(path)).catch(() => null);
  if (response?.ok) return response.json();
  throw new Error("Part of this site can't be reached; try again when there is a connection.");
}

function kept(path) {
  if (!found.has(path)) {
    found.set(path, read(path));
    found.get(path).catch(() => found.delete(path));
  }
  return found.get(path);
}

/** The models that there are, see `describe` in catalogue.py. */
export const models = () => kept("models.json");

/** The file that an experiment kept of its figures, or null where none did. */
export async function results(name) {
  const all = await kept("results.json");
  return all[name] ?? null;
}

/** A link to a picture: there is no file of it. */
export function address(spec) {
  return new URL(`?spec=${spec}`, location.origin + location.pathname).href;
}

/** Nothing can be fetched ahead: it is drawn here. */
export const expect = () => {};

const unavailable = async () => {
  throw new Unavailable();
};

export { unavailable as picture, unavailable as sheet, unavailable as film, unavailable as packed };

// --- Forget: what comes with the models

/** The weights of a model, by its name. */
async function weightsOf(model) {
  return (await models()).find(({ name }) => name === model).weights;
}

/** {boxes, units: {layer: fit}} of the sets that come with a network, by their names. */
const sets = (weights) => kept(`boxes/${weights}.json`);

/** A set of boxes that comes with a model. */
export async function shippedBoxes(model, set) {
  return (await sets(await weightsOf(model)))[set].boxes;
}

export const checkBoxes = unavailable;

/** The fit of a set whose boxes are those that come with the model. */
export async function fitUnits({ name, layer, pictures }) {
  const known = (await sets(parts(pictures[0].spec).weights))[name];
  const drawn = (all) => JSON.stringify(all.filter(({ boxes }) => boxes.length));
  if (known && drawn(known.boxes.pictures) === drawn(pictures)) {
    if (known.units[layer]) return known.units[layer];
    throw new Error("The boxes are too small for the cells of this layer; choose another one.");
  }
  throw new Error(
    "Finding the maps for boxes of your own takes the page with its server. Save the boxes and load " +
      "them there; here there are the sets that come with a model.",
  );
}

/** {seed, draws, cells}: for each map of a layer the draws that excite it most, and where. */
export async function exciting(model, network, layer) {
  if (network !== "generator") throw new Unavailable();
  return (await kept(`exciting/${await weightsOf(model)}.json`))[layer - 1];
}
