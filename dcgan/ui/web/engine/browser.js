// Pictures that this browser draws by itself, in a worker (worker.js): the same functions as
// the server has, but each with the model, as page.models describes it.

import { context2d } from "../core/dom.js";
import { sentence } from "../core/errors.js";
import { t } from "../core/language.js";
import { enlarged, overlays, stepSizes } from "../core/pixels.js";
import { withText } from "./png.js";

/** @import { Model, NetworkFacts, Picture, SheetPicture, WorkerReply, WorkerResult }
 *   from "../core/types.d.ts" */

/** How a request is made.
 * @typedef {{ urgent?: boolean, signal?: AbortSignal | undefined }} Options */

/** @typedef {{ resolve: (result: WorkerResult) => void, reject: (error: Error) => void }} Waiting */

const SPEC_KEY = "dcgan"; // of the text in a PNG, as in images.py

/** Why this browser can't draw: not the text's fault. */
export class NoWay extends Error {}

/** Who waits for an answer, by the request's number.
 * @type {Map<number, Waiting>} */
const asked = new Map();
let next = 1;
/** @type {Worker | null} */
let worker = null;

/** {pixels, norm} of a text, or {maps} of a layer; urgent ones come first.
 * @param {string} text
 * @param {Model} model
 * @param {Options & { layer?: number }} options
 * @returns {Promise<WorkerResult>} */
function ask(text, model, { layer = 0, urgent = false, signal } = {}) {
  signal?.throwIfAborted();
  worker ??= start();
  const sendTo = worker;
  const id = next++;
  return new Promise((resolve, reject) => {
    asked.set(id, { resolve, reject });
    signal?.addEventListener("abort", () => {
      asked.delete(id);
      worker?.postMessage({ stop: id });
      reject(signal.reason);
    });
    sendTo.postMessage({ id, text, network: factsFor(model), layer, urgent });
  });
}

/** What the worker needs to know of a model.
 * @param {Model} model
 * @returns {NetworkFacts} */
function factsFor(model) {
  const { name, weights, directions_hash, size, classes, z_size, prior, layers, output } = model;
  return { name, weights, directions_hash, size, classes, z_size, prior, layers, output };
}

function start() {
  const started = new Worker(new URL("worker.js", import.meta.url), { type: "module" });
  started.addEventListener("message", ({ data }) => {
    /** @type {WorkerReply} */
    const { id, ...answer } = data;
    const waiting = asked.get(id);
    asked.delete(id);
    if ("refused" in answer) waiting?.reject(new Error(sentence(answer.refused)));
    else if ("failed" in answer) waiting?.reject(new NoWay(answer.failed));
    else waiting?.resolve(answer);
  });
  started.addEventListener("error", (event) => {
    event.preventDefault(); // whoever asked is told, and goes another way
    if (started === worker) close();
  });
  return started;
}

/** Lets go of the worker and of what it holds; the next picture starts another. */
export function close() {
  worker?.terminate();
  worker = null;
  for (const { reject } of asked.values()) reject(new NoWay(t("engine.workerEnded")));
  asked.clear();
}

/** {image, norm} of one picture.
 * @param {string} spec
 * @param {Model} model
 * @param {Options} [options]
 * @returns {Promise<Picture>} */
export async function picture(spec, model, options) {
  const found = await ask(spec, model, options);
  if ("maps" in found) throw new NoWay("The worker has answered with maps for a picture.");
  return { image: new ImageData(found.pixels, model.size), norm: found.norm };
}

/** A layer's feature maps of one picture, (C, H, W) in a row.
 * @param {string} spec
 * @param {Model} model
 * @param {number} layer
 * @param {AbortSignal} [signal] */
async function mapsOf(spec, model, layer, signal) {
  const found = await ask(spec, model, { layer, signal });
  if ("pixels" in found) throw new NoWay("The worker has answered with a picture for maps.");
  return found.maps;
}

/** {blob, mean, largest}: many pictures in one, and the steps between neighbours.
 * @param {string[]} specs
 * @param {number} columns
 * @param {Model} model
 * @param {AbortSignal} [signal]
 * @returns {Promise<SheetPicture>} */
export async function sheet(specs, columns, model, signal) {
  const each = specs.map((spec) => picture(spec, model, { signal }));
  const images = (await Promise.all(each)).map(({ image }) => image);
  return { blob: await joined(images, columns), ...stepSizes(images.map(({ data }) => data)) };
}

/** A PNG of one picture, with its text inside.
 * @param {string} spec
 * @param {Model} model */
export async function file(spec, model) {
  const { image } = await picture(spec, model);
  return withText(await joined([image], 1), SPEC_KEY, spec);
}

/** A transparent picture of where a map is active, over a sheet of pictures.
 * @param {string[]} specs
 * @param {number} columns
 * @param {number} layer
 * @param {number} map
 * @param {Model} model
 * @param {AbortSignal} [signal] */
export async function activation(specs, columns, layer, map, model, signal) {
  const shape = model.layers[layer - 1];
  if (!shape)
    throw new Error(
      t("engine.noSuchLayer", { model: model.name, layers: model.layers.length, layer }),
    );
  const [count, height, width] = shape;
  if (map >= count) throw new Error(t("engine.noSuchMap", { layer, last: count - 1, map }));
  const cells = height * width;
  const each = specs.map((spec) => mapsOf(spec, model, layer, signal));
  const active = (await Promise.all(each)).map((maps) =>
    maps.subarray(map * cells, (map + 1) * cells),
  );
  const scale = Math.floor(model.size / height); // as the server's: each cell a square
  const images = overlays(active).map(
    (pixels) => new ImageData(enlarged(pixels, width, scale), width * scale),
  );
  return joined(images, columns);
}

/** ImageData of one size, row by row, as a PNG.
 * @param {ImageData[]} images
 * @param {number} columns */
function joined(images, columns) {
  const [first] = images;
  if (!first) throw new Error("There are no pictures to put into one.");
  const { width, height } = first;
  const across = Math.min(columns, images.length);
  const canvas = new OffscreenCanvas(across * width, Math.ceil(images.length / across) * height);
  const context = context2d(canvas);
  images.forEach((image, index) => {
    context.putImageData(image, (index % across) * width, Math.floor(index / across) * height);
  });
  return canvas.convertToBlob();
}
