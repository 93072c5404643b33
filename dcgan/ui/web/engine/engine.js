// Who draws: this browser, where it can and where it pays, else the server. The page asks here.
//
// "auto": the server draws until somebody drags; then the browser gets ready and, if it is quick
// enough, draws what is dragged. Many pictures at once stay with the server, which is quicker at
// them, unless it can't. "browser": the browser draws all, as soon as it is ready. "server": never.

import { Busy, Unavailable } from "../core/errors.js";
import { t } from "../core/language.js";
import { parts } from "../core/spec.js";
import { read, write } from "../core/store.js";
import * as browser from "./browser.js";
import * as server from "./server.js";

// forwarded as they are: what no browser does by itself. On a site static.js stands in their place.
export {
  ALONE,
  address,
  checkBoxes,
  classify,
  classifyUpload,
  exciting,
  expect,
  features,
  film,
  fitUnits,
  look,
  lookAtUpload,
  packed,
  probes,
  project,
  report,
  results,
  shippedBoxes,
} from "./server.js";

/** @import { Model, Picture, SheetPicture } from "../core/types.d.ts" */

/** What is known of how this browser draws a model: how many pictures of it were dragged, and in how
 * many ms one is drawn.
 * @typedef {{ moves: number, state?: string, time?: number }} Trial */

const WAYS = ["auto", "browser", "server"];
const WAY = "dcgan.drawing";
const MOVES = 10; // dragged pictures of a model, before "auto" sets about it
const SLOW = 30; // ms: a browser that needs longer for a picture leaves it to the server
const FEW = 4; // pictures, of which the quickest counts, and
const TRIALS = 12; // at most: WebAssembly gets quicker while it runs, and others use the machine, too
const LOADING = "loading";
const READY = "ready";
const SLOWER = "slower"; // than the server

let way = server.ALONE ? "browser" : (WAYS.find((known) => known === read(WAY, null)) ?? WAYS[0]);
/** @type {Promise<Model[]> | null} */
let reading = null;
/** Models and their stages, by name.
 * @type {Map<string, Model>} */
let described = new Map();
/** By the weights' hash.
 * @type {Map<string, Trial>} */
let trials = new Map();
let hopeless = false; // onnxruntime-web can't be had, or does not run here

/** "change": it may be somebody else now who draws. */
export const drawer = new EventTarget();
const tell = () => drawer.dispatchEvent(new Event("change"));

/** {way, here, time}: whether pictures of a model are drawn here, and in how many ms.
 * @param {Model} model */
export function drawing(model) {
  const { state, time } = trials.get(model.weights) ?? {};
  return { way, here: state === READY, time };
}

/** @param {string} chosen one of WAYS */
export function draw(chosen) {
  way = chosen;
  write(WAY, way);
  hopeless = false;
  trials = new Map();
  if (way === "server") browser.close();
  tell();
}

/** The models that there are, see `describe_models` in dcgan/site/manifest.py. */
export async function models() {
  reading = server.models();
  const found = await reading;
  const all = found.flatMap((model) => [model, ...model.stages]);
  described = new Map(all.map((model) => [model.name, model]));
  return found;
}

/** The model of a text; undefined where only the server can say what is wrong with its name.
 * @param {string} spec */
function modelOf(spec) {
  const { model: name } = parts(spec);
  const model = described.get(name);
  if (!model && server.ALONE) throw new Error(t("page.noSuchModel", { name }));
  return model;
}

/** The same, for what only this browser can do.
 * @param {string} spec */
function knownModelOf(spec) {
  const model = modelOf(spec);
  if (!model) throw new Error(t("page.noSuchModel", { name: parts(spec).model }));
  return model;
}

/** @param {Model} model */
function trialOf(model) {
  const trial = trials.get(model.weights) ?? { moves: 0 };
  trials.set(model.weights, trial);
  return trial;
}

/** Reads the generator and draws a few pictures, so that the next ones come at once.
 * @param {string} spec
 * @param {Model} model
 * @param {Trial} trial */
async function prepare(spec, model, trial) {
  trial.state = LOADING;
  try {
    await browser.picture(spec, model);
    let time = Infinity;
    for (let i = 0; i < FEW || (i < TRIALS && way === "auto" && time > SLOW); i++) {
      const start = performance.now();
      await browser.picture(spec, model);
      time = Math.min(time, performance.now() - start);
      trial.time = time;
    }
    trial.state = way === "auto" && time > SLOW ? SLOWER : READY;
  } catch (error) {
    giveUp(error, model);
  }
  tell();
}

/** What is wrong with a text is said by whoever is asked next; anything else ends drawing here.
 * @param {unknown} error
 * @param {Model} model */
function giveUp(error, model) {
  trials.delete(model.weights);
  if (!(error instanceof browser.NoWay)) return;
  hopeless = true;
  browser.close();
  tell();
}

/** @param {Model} model */
function isReady(model) {
  return server.ALONE || trials.get(model.weights)?.state === READY;
}

/** A finger is on a slider: is this browser to draw for it?
 * @param {string} spec
 * @param {Model} model */
function follows(spec, model) {
  if (isReady(model)) return true;
  if (way === "server" || hopeless) return false;
  const trial = trialOf(model);
  trial.moves += 1;
  if (!trial.state && (way === "browser" || trial.moves > MOVES)) prepare(spec, model, trial);
  return false;
}

/** What the browser draws; null where it turns out that it can't.
 * @template T
 * @param {Model} model
 * @param {Promise<T>} drawn */
async function tryHere(model, drawn) {
  try {
    return await drawn;
  } catch (error) {
    if (server.ALONE || !(error instanceof browser.NoWay)) throw error;
    giveUp(error, model);
    return null;
  }
}

/** Has what draws the pictures of a text's model here, for a time without a connection.
 * @param {string} spec */
export async function getReady(spec) {
  const model = modelOf(spec);
  if (!model || way === "server" || hopeless || isReady(model)) return;
  const trial = trialOf(model);
  if (!trial.state) await prepare(spec, model, trial);
}

/** {image, norm} of one picture, for somebody who is waiting for it.
 * @param {string} spec
 * @returns {Promise<Picture>} */
export async function picture(spec) {
  const model = modelOf(spec);
  if (!model) return server.picture(spec);
  const here = () => tryHere(model, browser.picture(spec, model, { urgent: true }));
  const found = follows(spec, model) && (await here());
  if (found) return found;
  try {
    return await server.picture(spec);
  } catch (error) {
    const trial = error instanceof Unavailable && trials.get(model.weights);
    if (!trial) throw error;
    trial.moves = MOVES; // a crowd, or no connection: time to draw here
    const instead = trial.state === SLOWER && !(error instanceof Busy) && (await here());
    if (instead) return instead;
    throw error;
  }
}

/** {blob, mean, largest}: many pictures in one, and the steps between neighbours.
 * @param {string[]} specs
 * @param {number} columns
 * @param {AbortSignal} [signal]
 * @returns {Promise<SheetPicture>} */
export async function sheet(specs, columns, signal) {
  const model = specs[0] === undefined ? undefined : modelOf(specs[0]);
  if (!model) return server.sheet(specs, columns, signal);
  const here = () => tryHere(model, browser.sheet(specs, columns, model, signal));
  const found = way === "browser" && isReady(model) && (await here());
  if (found) return found;
  try {
    return await server.sheet(specs, columns, signal);
  } catch (error) {
    const instead = error instanceof Unavailable && isReady(model) && (await here());
    if (instead) return instead;
    throw error;
  }
}

/** A PNG of one picture, with its text inside.
 * @param {string} spec */
export async function file(spec) {
  return browser.file(spec, knownModelOf(spec));
}

/** Puts the picture of a text into an <img>, unless it is to show another by then.
 * @param {HTMLImageElement} image
 * @param {string} spec */
export async function fill(image, spec) {
  image.dataset.text = spec;
  if (server.ALONE) await reading; // the shelf is filled before anything else
  const model = modelOf(spec);
  const here = model && way === "browser" && isReady(model);
  const found = here && (await tryHere(model, browser.file(spec, model)));
  if (image.dataset.text !== spec) return;
  const url = found ? URL.createObjectURL(found) : server.address(spec);
  if (found) image.addEventListener("load", () => URL.revokeObjectURL(url), { once: true });
  image.src = url;
}

/** A transparent picture of where a map is active, over a sheet of these pictures.
 * @param {string[]} specs
 * @param {number} columns
 * @param {number} layer
 * @param {number} map
 * @param {AbortSignal} [signal] */
export function activation(specs, columns, layer, map, signal) {
  return server.ALONE
    ? browser.activation(specs, columns, layer, map, knownModelOf(specs[0] ?? ""), signal)
    : server.activation(specs, columns, layer, map, signal);
}
