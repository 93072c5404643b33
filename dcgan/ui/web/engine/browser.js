// Pictures that this browser draws by itself, in a worker (worker.js): the same functions as
// the server has, but each with the model, as page.models describes it.

import { withText } from "./png.js";

const NEEDED = [
  "name",
  "weights",
  "directions_hash",
  "size",
  "classes",
  "z_size",
  "prior",
  "layers",
  "output",
];
const SPEC_KEY = "dcgan"; // of the text in a PNG, as in images.py
const GLOW = [10, 190, 255]; // as in forget.py
const OPACITY = 0.85;

/** Why this browser can't draw: not the text's fault. */
export class NoWay extends Error {}

const asked = new Map(); // {resolve, reject}, by number
const networks = new Map(); // what the worker is told of a model, by the model
let next = 1;
let worker = null;

/** {pixels, norm} of a text, or {maps} of a layer; urgent ones come first. */
function ask(text, model, { layer = 0, urgent = false, signal = null } = {}) {
  signal?.throwIfAborted();
  worker ??= start();
  if (!networks.has(model)) {
    networks.set(model, Object.fromEntries(NEEDED.map((key) => [key, model[key]])));
  }
  const id = next++;
  return new Promise((resolve, reject) => {
    asked.set(id, { resolve, reject });
    signal?.addEventListener("abort", () => {
      asked.delete(id);
      worker?.postMessage({ stop: id });
      reject(signal.reason);
    });
    worker.postMessage({ id, text, network: networks.get(model), layer, urgent });
  });
}

function start() {
  const started = new Worker(new URL("worker.js", import.meta.url), { type: "module" });
  started.addEventListener("message", ({ data: { id, refused, failed, ...answer } }) => {
    const { resolve, reject } = asked.get(id) ?? {};
    asked.delete(id);
    if (refused) reject?.(new Error(`${refused[0].toUpperCase()}${refused.slice(1)}.`));
    else if (failed) reject?.(new NoWay(failed));
    else resolve?.(answer);
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
  for (const { reject } of asked.values()) reject(new NoWay("Drawing in this browser has ended."));
  asked.clear();
}

/** {image, norm} of one picture. */
export async function picture(spec, model, options) {
  const { pixels, norm } = await ask(spec, model, options);
  return { image: new ImageData(pixels, model.size), norm };
}

/** {blob, mean, largest}: many pictures in one, and the steps between neighbours. */
export async function sheet(specs, columns, model, signal) {
  const each = specs.map((spec) => picture(spec, model, { signal }));
  const images = (await Promise.all(each)).map(({ image }) => image);
  return { blob: await joined(images, columns), ...steps(images) };
}

/** A PNG of one picture, with its text inside. */
export async function file(spec, model) {
  const { image } = await picture(spec, model);
  return withText(await joined([image], 1), SPEC_KEY, spec);
}

/** A transparent picture of where a map is active, over a sheet of pictures. */
export async function activation(specs, columns, layer, map, model, signal) {
  const [, height, width] = model.layers[layer - 1];
  const cells = height * width;
  const each = specs.map((spec) => ask(spec, model, { layer, signal }));
  const active = (await Promise.all(each)).map(({ maps }) =>
    maps.subarray(map * cells, (map + 1) * cells),
  );
  const most = Math.max(1e-6, ...active.map((values) => Math.max(...values)));
  const images = active.map((values) => {
    const image = new ImageData(width, height);
    values.forEach((value, cell) => {
      image.data.set([...GLOW, (255 * OPACITY * value) / most], 4 * cell);
    });
    return image;
  });
  return joined(images, columns);
}

/** ImageData of one size, row by row, as a PNG. */
function joined(images, columns) {
  const [{ width, height }] = images;
  const across = Math.min(columns, images.length);
  const canvas = new OffscreenCanvas(across * width, Math.ceil(images.length / across) * height);
  const context = canvas.getContext("2d");
  images.forEach((image, index) => {
    context.putImageData(image, (index % across) * width, Math.floor(index / across) * height);
  });
  return canvas.convertToBlob();
}

/** Mean and largest difference between neighbours, as `steps` in server.py. */
function steps(images) {
  const sizes = images.slice(1).map(({ data }, index) => {
    const before = images[index].data;
    let squares = 0;
    for (let i = 0; i < data.length; i++) squares += (data[i] - before[i]) ** 2; // of alpha: 0
    return Math.sqrt(squares / (0.75 * data.length));
  });
  const mean = sizes.reduce((sum, size) => sum + size, 0) / Math.max(sizes.length, 1);
  return { mean, largest: Math.max(0, ...sizes) };
}
