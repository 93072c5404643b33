// Pictures from our own routes (dcgan/ui/serving/http.py).

import { Busy, isAborted, Refused, Unavailable } from "../core/errors.js";
import { t } from "../core/language.js";
import { follow } from "../core/tasks.js";

export const ALONE = false; // no: there is a server (static.js is for where there is none)

/** @import { BoxSet, FeaturePage, FilmOptions, Look, Model, Network, Picture, ProbeAnswers,
 *   ProbeDescription, Projection, ProjectionSeen, SheetPicture, TopActivations,
 *   UnitFit } from "../core/types.d.ts" */

const PATIENCE = 5;

/** @param {string} path */
const at = (path) => new URL(`../../${path}`, import.meta.url);

/** What went wrong, as the server says it, or a sentence where there is no server.
 * @param {Promise<Response>} request */
async function answer(request) {
  let response;
  try {
    response = await request;
  } catch (error) {
    if (isAborted(error)) throw error;
    throw new Unavailable(t("engine.serverUnreachable"));
  }
  if (response.ok) return response;
  const said = await response.json().catch(() => ({}));
  const sentence = said.error ?? t("engine.serverAnswered", { status: response.status });
  if (response.status === 429) {
    throw new Busy(sentence, Number(response.headers.get("retry-after")) || 1);
  }
  throw new Refused(sentence, response.status);
}

/** What `ask` gives; while the server is busy it is asked again, PATIENCE times in all.
 * @template T
 * @param {() => Promise<T>} ask
 * @returns {Promise<T>} */
async function patiently(ask) {
  for (let refusals = 1; ; refusals += 1) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof Busy) || refusals === PATIENCE) throw error;
      await new Promise((done) => setTimeout(done, error.wait));
    }
  }
}

/** body: a text, or what is sent as JSON.
 * @type {(path: URL, body: unknown, signal?: AbortSignal) => Promise<Response>} */
const post = (path, body, signal) =>
  answer(
    fetch(path, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: typeof body === "string" ? body : JSON.stringify(body),
      signal: signal ?? null,
    }),
  );

/** @type {(path: string, parameters: Record<string, string | number>) => URL} */
const ask = (path, parameters) => {
  const url = at(path);
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, String(value));
  return url;
};

/** The models that there are, see `describe_models` in dcgan/site/manifest.py.
 * @returns {Promise<Model[]>} */
export async function models() {
  return (await answer(fetch(at("models")))).json();
}

/** The file that an experiment kept of its figures, or null where none did.
 * @param {string} name */
export async function results(name) {
  const response = await fetch(ask("results", { name }));
  return response.ok ? response.json() : null;
}

/** The report on all experiments in a language, as HTML; empty where nothing was measured.
 * @param {string} language */
export async function report(language) {
  return (await answer(fetch(ask("report", { language })))).text();
}

/** Address of a picture, for <img> and downloads.
 * @param {string} spec */
export function address(spec) {
  return ask("picture", { spec }).href;
}

/** A picture that will be asked for in a moment: it will be in the browser's cache then.
 * @param {string} spec */
export function expect(spec) {
  fetch(ask("pixels", { spec })).catch(() => {}); // said where it is asked for
}

/** {image, norm} of one picture: bare pixels spare the coding and decoding of a file. An error
 * with `wait` is for those who drag: after so many ms they may want another.
 * @param {string} spec
 * @returns {Promise<Picture>} */
export async function picture(spec) {
  const response = await answer(fetch(ask("pixels", { spec })));
  const pixels = new Uint8ClampedArray(await response.arrayBuffer());
  const image = new ImageData(pixels, Math.sqrt(pixels.length / 4));
  return { image, norm: Number(response.headers.get("x-z-norm")) };
}

/** {blob, mean, largest}: many pictures in one, and the steps between neighbours.
 * @param {string[]} specs
 * @param {number} columns
 * @param {AbortSignal} [signal]
 * @returns {Promise<SheetPicture>} */
export async function sheet(specs, columns, signal) {
  const response = await patiently(() => post(at("sheet"), { specs, columns }, signal));
  return {
    blob: await response.blob(),
    mean: Number(response.headers.get("x-step-mean")),
    largest: Number(response.headers.get("x-step-max")),
  };
}

/** A film of texts (dcgan/ui/routes/video.py), as a file; options: {seconds, format, size, scaling}.
 * @param {string[]} specs
 * @param {FilmOptions} options */
export async function film(specs, options) {
  const body = { specs, ...options };
  /** @type {Record<string, string>} */
  const found = await follow(t("engine.makingVideo"), (signal) => post(at("film"), body, signal));
  return (await fetch(found[options.format] ?? "")).blob();
}

/** The pictures of texts, with all that draws them again, as a zip (dcgan/ui/routes/shelf.py).
 * @param {string[]} specs */
export async function packed(specs) {
  /** @type {{ zip: string }} */
  const { zip } = await follow(t("engine.packingShelf"), (signal) =>
    post(at("shelf"), { specs }, signal),
  );
  return (await fetch(zip)).blob();
}

// --- Forget (dcgan/ui/routes/forget.py)

/** A set of boxes that is shipped with a model.
 * @param {string} model
 * @param {string} set
 * @returns {Promise<BoxSet>} */
export async function shippedBoxes(model, set) {
  return (await answer(fetch(ask("boxes", { model, set })))).json();
}

/** A set of boxes from the text of a file, checked.
 * @param {string} text
 * @returns {Promise<BoxSet>} */
export async function checkBoxes(text) {
  return (await post(at("boxes"), text)).json();
}

/** {layer, maps, weights, inside, outside, ...} of a set of boxes.
 * @param {BoxSet} set
 * @returns {Promise<UnitFit>} */
export function fitUnits(set) {
  return follow(t("engine.findingMaps"), (signal) => post(at("units"), set, signal));
}

/** {seed, draws, cells}: for each map of a layer the draws that excite it most, and where;
 * network: "generator" or "discriminator".
 * @param {string} model
 * @param {Network} network
 * @param {number} layer
 * @returns {Promise<TopActivations>} */
export function exciting(model, network, layer) {
  const url = ask("exciting", { model, network, layer });
  return follow(t("engine.findingExciting"), (signal) => answer(fetch(url, { signal })));
}

/** A transparent picture of where a map is active, over a sheet of these pictures.
 * @param {string[]} specs
 * @param {number} columns
 * @param {number} layer
 * @param {number} map
 * @param {AbortSignal} [signal] */
export async function activation(specs, columns, layer, map, signal) {
  return (await post(ask("activation", { layer, map }), { specs, columns }, signal)).blob();
}

// --- Discriminator (dcgan/ui/routes/discriminator.py)

/** What D makes of a picture, and what in it a feature and the strongest ones respond to.
 * @param {string} spec
 * @param {number} feature
 * @param {AbortSignal} signal
 * @returns {Promise<Look>} */
export function look(spec, feature, signal) {
  const url = ask("look", { spec, feature });
  return follow(
    t("engine.lookingThroughSamples"),
    (stop) => answer(fetch(url, { signal: stop })),
    signal,
  );
}

/** The same for a file, and `notes`: what had to be done to it. The server keeps nothing of it.
 * @param {Blob} file
 * @param {string} model
 * @param {number} feature
 * @param {AbortSignal} signal
 * @returns {Promise<Look>} */
export function lookAtUpload(file, model, feature, signal) {
  const url = ask("look", { model, feature });
  /** @param {AbortSignal} stop */
  const send = (stop) => answer(fetch(url, { method: "POST", body: file, signal: stop }));
  return follow(t("engine.lookingThroughSamples"), send, signal);
}

/** The draws that some features respond to most, from the first of these features on.
 * @param {string} model
 * @param {number} first
 * @returns {Promise<FeaturePage>} */
export function features(model, first) {
  const url = ask("features", { model, first });
  return follow(t("engine.lookingThroughSamples"), (signal) => answer(fetch(url, { signal })));
}

/** {classes, facts} of the probes that models come with, by the models' names.
 * @returns {Promise<Record<string, ProbeDescription>>} */
export async function probes() {
  return (await answer(fetch(at("probes")))).json();
}

/** {answers} of a model's probe to a picture: the first classes, and what each layer says to it; null without a probe.
 * @param {string} spec
 * @returns {Promise<ProbeAnswers | null>} */
export async function classify(spec) {
  return (await answer(fetch(ask("probe", { spec })))).json();
}

/** The same for a file, of which the server keeps nothing.
 * @param {Blob} file
 * @param {string} model
 * @returns {Promise<ProbeAnswers | null>} */
export async function classifyUpload(file, model) {
  return (await answer(fetch(ask("probe", { model }), { method: "POST", body: file }))).json();
}

// --- Your photo (dcgan/ui/routes/photo.py)

/** {spec, distance, starts, ...}: the picture that comes nearest to a file's. The server keeps
 * nothing of the file. cut: "face" or "middle"; an error's status is 422 where there is no face.
 * onSeen({crop, notes} or a text): what is looked for, and what it is at.
 * @param {Blob} file
 * @param {string} model
 * @param {string} cut
 * @param {AbortSignal} signal
 * @param {(seen: ProjectionSeen) => void} onSeen
 * @returns {Promise<Projection>} */
export function project(file, model, cut, signal, onSeen) {
  const url = ask("project", { model, cut });
  /** @param {AbortSignal} stop */
  const send = (stop) => answer(fetch(url, { method: "POST", body: file, signal: stop }));
  return follow(t("engine.searchingZ"), send, signal, onSeen);
}
