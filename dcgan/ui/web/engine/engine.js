// Who draws: this browser, where it can and where it pays, else the server. The page asks here.
//
// "auto": the server draws until somebody drags; then the browser gets ready and, if it is quick
// enough, draws what is dragged. Many pictures at once stay with the server, which is quicker at
// them, unless it can't. "browser": the browser draws all, as soon as it is ready. "server": never.

import { parts } from "../core/spec.js";
import { read, write } from "../core/store.js";
import * as browser from "./browser.js";
import * as server from "./server.js";

export * from "./server.js";

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
let reading = null; // promise of the models
let described = new Map(); // these and their stages, by name
let trials = new Map(); // {moves, state, time}, by the weights' hash
let hopeless = false; // onnxruntime-web can't be had, or does not run here

/** "change": it may be somebody else now who draws. */
export const drawer = new EventTarget();
const tell = () => drawer.dispatchEvent(new Event("change"));

/** {way, here, time}: whether pictures of a model are drawn here, and in how many ms. */
export function drawing(model) {
  const { state, time } = trials.get(model.weights) ?? {};
  return { way, here: state === READY, time };
}

export function draw(chosen) {
  way = chosen;
  write(WAY, way);
  hopeless = false;
  trials = new Map();
  if (way === "server") browser.close();
  tell();
}

/** The models that there are, see `describe` in catalogue.py. */
export async function models() {
  reading = server.models();
  const found = await reading;
  const all = found.flatMap((model) => [model, ...model.stages]);
  described = new Map(all.map((model) => [model.name, model]));
  return found;
}

function modelOf(spec) {
  const { model: name } = parts(spec);
  const model = described.get(name);
  if (!model && server.ALONE) throw new Error(`There is no model called ${name} on this page.`);
  return model;
}

/** Reads the generator and draws a few pictures, so that the next ones come at once. */
async function prepare(spec, model, trial) {
  trial.state = LOADING;
  try {
    await browser.picture(spec, model);
    trial.time = Infinity;
    for (let i = 0; i < FEW || (i < TRIALS && way === "auto" && trial.time > SLOW); i++) {
      const start = performance.now();
      await browser.picture(spec, model);
      trial.time = Math.min(trial.time, performance.now() - start);
    }
    trial.state = way === "auto" && trial.time > SLOW ? SLOWER : READY;
  } catch (error) {
    giveUp(error, model);
  }
  tell();
}

/** What is wrong with a text is said by whoever is asked next; anything else ends drawing here. */
function giveUp(error, model) {
  trials.delete(model.weights);
  if (!(error instanceof browser.NoWay)) return;
  hopeless = true;
  browser.close();
  tell();
}

function isReady(model) {
  return server.ALONE || trials.get(model?.weights)?.state === READY;
}

/** A finger is on a slider: is this browser to draw for it? */
function follows(spec, model) {
  if (isReady(model)) return true;
  if (!model || way === "server" || hopeless) return false;
  if (!trials.has(model.weights)) trials.set(model.weights, { moves: 0 });
  const trial = trials.get(model.weights);
  trial.moves += 1;
  if (!trial.state && (way === "browser" || trial.moves > MOVES)) prepare(spec, model, trial);
  return false;
}

/** What the browser draws; null where it turns out that it can't. */
async function tryHere(model, drawn) {
  try {
    return await drawn;
  } catch (error) {
    if (server.ALONE || !(error instanceof browser.NoWay)) throw error;
    giveUp(error, model);
    return null;
  }
}

/** Has what draws the pictures of a text's model here, for a time without a connection. */
export async function getReady(spec) {
  const model = modelOf(spec);
  if (!model || way === "server" || hopeless || isReady(model)) return;
  if (!trials.has(model.weights)) trials.set(model.weights, { moves: 0 });
  const trial = trials.get(model.weights);
  if (!trial.state) await prepare(spec, model, trial);
}

/** {image, norm} of one picture, for somebody who is waiting for it. */
export async function picture(spec) {
  const model = modelOf(spec);
  const here = () => tryHere(model, browser.picture(spec, model, { urgent: true }));
  const found = follows(spec, model) && (await here());
  if (found) return found;
  try {
    return await server.picture(spec);
  } catch (error) {
    const trial = error instanceof server.Unavailable && trials.get(model?.weights);
    if (!trial) throw error;
    trial.moves = MOVES; // a crowd, or no connection: time to draw here
    const instead = trial.state === SLOWER && !error.wait && (await here());
    if (instead) return instead;
    throw error;
  }
}

/** {blob, mean, largest}: many pictures in one, and the steps between neighbours. */
export async function sheet(specs, columns, signal) {
  const model = modelOf(specs[0]);
  const here = () => tryHere(model, browser.sheet(specs, columns, model, signal));
  const found = way === "browser" && isReady(model) && (await here());
  if (found) return found;
  try {
    return await server.sheet(specs, columns, signal);
  } catch (error) {
    const instead = error instanceof server.Unavailable && isReady(model) && (await here());
    if (instead) return instead;
    throw error;
  }
}

/** A PNG of one picture, with its text inside. */
export async function file(spec) {
  return browser.file(spec, modelOf(spec));
}

/** Puts the picture of a text into an <img>, unless it is to show another by then. */
export async function fill(image, spec) {
  image.dataset.text = spec;
  if (server.ALONE) await reading; // the shelf is filled before anything else
  const model = modelOf(spec);
  const found =
    way === "browser" && isReady(model) && (await tryHere(model, browser.file(spec, model)));
  if (image.dataset.text !== spec) return;
  const url = found ? URL.createObjectURL(found) : server.address(spec);
  if (found) image.addEventListener("load", () => URL.revokeObjectURL(url), { once: true });
  image.src = url;
}

/** A transparent picture of where a map is active, over a sheet of these pictures. */
export function activation(specs, columns, layer, map, signal) {
  return server.ALONE
    ? browser.activation(specs, columns, layer, map, modelOf(specs[0]), signal)
    : server.activation(specs, columns, layer, map, signal);
}
