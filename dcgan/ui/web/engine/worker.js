// Draws in a thread of the browser, with onnxruntime-web; browser.js asks and is answered.
//
// Asked {id, text, network, layer, urgent}: a picture, or a layer's feature maps; urgent ones, which
// somebody drags, come first. Asked {stop: id}: no longer wanted. Answers {id, pixels, norm}: RGBA;
// {id, maps}: (C, H, W) in a row; {id, refused: sentence}: a text; {id, failed: sentence}: no way here.

import { readFor } from "../core/check.js";
import { message } from "../core/errors.js";
import { evaluate, gains } from "../core/latent.js";
import { SpecError } from "../core/parse.js";
import { rgba } from "../core/pixels.js";

/** @import { InferenceSession, Tensor } from "onnxruntime-web"
 * @import { Backend, Directions, NetworkFacts, RuntimeFacts, WorkerRequest, WorkerResult }
 *   from "../core/types.d.ts" */

/** @typedef {typeof import("onnxruntime-web")} Ort */
/** @typedef {{ session: InferenceSession, directions: Directions }} Opened */

const scope = /** @type {DedicatedWorkerGlobalScope} */ (self); // browser.js starts no other kind

const SESSIONS = 4; // generators kept, the least recently used goes first
/** @param {string} path */
const address = (path) => new URL(`../../${path}`, import.meta.url);
/** By the weights' hash.
 * @type {Map<string, Promise<Opened>>} */
const opened = new Map();
/** @type {{ urgent: WorkerRequest[], patient: WorkerRequest[] }} */
const waiting = { urgent: [], patient: [] };
let working = false;
/** @type {Promise<{ ort: Ort, backend: Backend }> | null} */
let runtime = null;

/** WebGPU where there is a real one; WASM, on one thread, needs nothing of the page's headers.
 * @type {Promise<Backend>} */
const suited = Promise.resolve(navigator.gpu?.requestAdapter())
  .catch(() => null)
  .then((gpu) => (gpu && !gpu.info?.isFallbackAdapter ? "webgpu" : "wasm"));

scope.addEventListener("message", ({ data }) => {
  if ("stop" in data) {
    for (const queue of Object.values(waiting)) {
      const at = queue.findIndex(({ id }) => id === data.stop);
      if (at >= 0) queue.splice(at, 1);
    }
    return;
  }
  waiting[data.urgent ? "urgent" : "patient"].push(data);
  if (!working) work();
});

async function work() {
  working = true;
  for (;;) {
    const asked = waiting.urgent.shift() ?? waiting.patient.shift();
    if (!asked) break;
    try {
      const answer = await draw(asked);
      const content = "pixels" in answer ? answer.pixels : answer.maps;
      scope.postMessage({ id: asked.id, ...answer }, [content.buffer]);
    } catch (error) {
      const kind = error instanceof SpecError ? "refused" : "failed";
      scope.postMessage({ id: asked.id, [kind]: message(error) });
    }
    await breath(); // what has come in the meantime may be urgent
  }
  working = false;
}

const { port1, port2 } = new MessageChannel();
const breath = () =>
  new Promise((resolve) => {
    port1.onmessage = resolve;
    port2.postMessage(null);
  });

/** @param {WorkerRequest} asked
 * @returns {Promise<WorkerResult>} */
async function draw({ text, network, layer }) {
  const spec = readFor(text, network);
  const [{ ort }, { session, directions }] = await Promise.all([ready(), open(network)]);
  const z = evaluate(spec.z, { size: network.z_size, prior: network.prior, directions });
  /** @type {(values: Float32Array, shape: number[]) => Tensor} */
  const tensor = (values, shape) => new ort.Tensor("float32", values, [1, ...shape]);
  /** @type {Record<string, Tensor>} */
  const feeds = { z: tensor(Float32Array.from(z), [z.length]) };
  if (spec.label !== null) {
    const classes = new Float32Array(network.classes);
    classes[spec.label] = 1;
    feeds.classes = tensor(classes, [classes.length]);
  }
  const factors = gains(spec.gains, network.layers);
  network.layers.forEach(([count], index) => {
    const given = factors.get(index + 1);
    feeds[`gain_${index + 1}`] = given
      ? tensor(given.factors, given.shape)
      : tensor(new Float32Array(count).fill(1), [count, 1, 1]);
  });
  const output = layer ? `layer_${layer}` : "pictures";
  const { [output]: found } = await session.run(feeds, [output]);
  const values = await found?.getData();
  if (!(values instanceof Float32Array)) throw new Error(`This network has no output ${output}.`);
  if (layer) return { maps: values.slice() };
  return { pixels: rgba(values, network), norm: Math.hypot(...z) };
}

/** @param {NetworkFacts} network */
function open(network) {
  const { weights } = network;
  const found = opened.get(weights) ?? read(network);
  opened.delete(weights); // and set again, as the most recent
  opened.set(weights, found);
  found.catch(() => opened.delete(weights));
  for (const oldest of [...opened.keys()].slice(0, -SESSIONS)) {
    opened.get(oldest)?.then(({ session }) => session.release());
    opened.delete(oldest);
  }
  return found;
}

/** @param {NetworkFacts} network
 * @returns {Promise<Opened>} */
async function read({ weights, directions_hash: table }) {
  /** @param {string} file */
  const bytes = async (file) => {
    const response = await fetched(address(`generators/${weights}.${file}`));
    return new Uint8Array(await response.arrayBuffer());
  };
  const [{ ort, backend }, graph, tensors, directions] = await Promise.all([
    ready(),
    suited.then((backend) => bytes(`${backend}.onnx`)),
    bytes("tensors"),
    fetched(address(`directions/${table}.json`)).then((response) => response.json()),
  ]);
  /** @type {InferenceSession.SessionOptions} */
  const options = {
    executionProviders: [backend],
    graphOptimizationLevel: "all",
    externalData: [{ path: "tensors", data: tensors }],
  };
  const session = await ort.InferenceSession.create(graph, options);
  return { session, directions };
}

function ready() {
  if (!runtime) {
    runtime = start();
    runtime.catch(() => {
      runtime = null;
    }); // and tried again for the next picture
  }
  return runtime;
}

/** WASM also where WebGPU can't be had after all: the graph for that is good for both.
 * @returns {Promise<{ ort: Ort, backend: Backend }>} */
async function start() {
  /** @type {RuntimeFacts} */
  const facts = await fetched(new URL("onnxruntime.json", import.meta.url)).then((r) => r.json());
  const backend = await suited;
  try {
    return { ort: await load(facts, backend), backend };
  } catch (error) {
    if (backend === "wasm") throw error;
    return { ort: await load(facts, "wasm"), backend: "wasm" };
  }
}

/** @param {RuntimeFacts} facts
 * @param {Backend} backend
 * @returns {Promise<Ort>} */
async function load({ version, cdn, backends, integrity }, backend) {
  const sources = [address(`runtime/${version}/`), ...(cdn ? [cdn] : [])];
  /** @param {string} file */
  const bytes = async (file) => {
    for (const source of sources) {
      // a hash does not cover import(): what is imported below is what was checked here
      const found = fetched(new URL(file, source), { integrity: integrity[file] ?? "" });
      const content = await found.then(unpacked).catch(() => null);
      if (content) return content;
    }
    throw new Error(`${file} of onnxruntime-web can't be had here.`);
  };
  const { module, binary } = backends[backend];
  const [code, wasm] = await Promise.all([bytes(module), bytes(binary)]);
  const url = URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
  const ort = await import(url);
  URL.revokeObjectURL(url);
  Object.assign(ort.env.wasm, { wasmBinary: wasm, numThreads: 1 });
  ort.env.logLevel = "error";
  return ort;
}

/** What a static site keeps as gzip, for servers that do not compress and to be kept small.
 * @param {Response} response */
async function unpacked(response) {
  const content = await response.arrayBuffer();
  const [first, second] = new Uint8Array(content, 0, 2);
  if (first !== 0x1f || second !== 0x8b) return content;
  const whole = new Blob([content]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(whole).arrayBuffer();
}

/** @param {URL} url
 * @param {RequestInit} [options] */
async function fetched(url, options) {
  const response = await fetch(url, options).catch(() => null);
  if (!response) throw new Error("What draws this has to be fetched, and there is no connection.");
  if (!response.ok) throw new Error(`${url} can't be had here (${response.status}).`);
  return response;
}
