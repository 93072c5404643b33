// What takes seconds: how much of it is done, and a button that stops it, here and on the server
// (dcgan/ui/serving/streaming.py).

import { find } from "./dom.js";
import { t } from "./language.js";

const SOON = 400; // ms: of what is done by then, nothing is shown

/** done: from 0 to 1; null while it waits for its turn.
 * @typedef {{ words: string, done: number | null, stop: AbortController }} Job */

/** @type {Set<Job>} */
const jobs = new Set();
/** What stands for all jobs of the same words, by these.
 * @type {Map<string, { element: Element, bar: HTMLProgressElement }>} */
const rows = new Map();
/** @type {HTMLElement | null} */
let place = null;

/** @param {HTMLElement} root */
export function mount(root) {
  place = find(root, "[data-role=jobs]", HTMLElement);
  rows.clear();
  draw();
}

/** The visitor has pressed Cancel. */
export class Stopped extends Error {
  constructor() {
    super(t("tasks.stopped"));
  }
}

/** The result of a request, `ask(signal)`, that is answered in lines; words: what is being done.
 * onSeen(seen): what there is to see on the way, if anything.
 * @template T, [S=unknown]
 * @param {string} words
 * @param {(signal: AbortSignal) => Promise<Response>} ask
 * @param {AbortSignal | null} signal
 * @param {(seen: S) => void} onSeen
 * @returns {Promise<T>} */
export async function follow(words, ask, signal = null, onSeen = () => {}) {
  const stop = new AbortController();
  /** @type {Job} */
  const job = { words, done: null, stop };
  const soon = setTimeout(() => {
    jobs.add(job);
    draw();
  }, SOON);
  signal?.addEventListener("abort", () => stop.abort());
  try {
    const response = await ask(stop.signal);
    for await (const line of lines(response)) {
      if ("result" in line) return line.result;
      job.done = line.done;
      if ("seen" in line) onSeen(line.seen);
      draw();
    }
    throw new Error(t("tasks.serverWentAway"));
  } catch (error) {
    if (stop.signal.aborted && !signal?.aborted) throw new Stopped();
    throw error;
  } finally {
    clearTimeout(soon);
    jobs.delete(job);
    draw();
  }
}

/** What each line of an answer says: the server's `Progress`, and at last a result.
 * @param {Response} response */
async function* lines(response) {
  if (!response.body) return;
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const found = (rest + value).split("\n");
    rest = found.pop() ?? "";
    for (const line of found) yield JSON.parse(line);
  }
}

/** A line for all jobs of the same words, as far as the one that is furthest. */
function draw() {
  if (!place) return;
  const words = new Set([...jobs].map((job) => job.words));
  for (const [known, { element }] of rows) {
    if (words.has(known)) continue;
    element.remove();
    rows.delete(known);
  }
  for (const said of words) {
    const { bar } = rows.get(said) ?? row(said, place);
    const done = Math.max(...of(said).map((job) => job.done ?? -1));
    if (done >= 0) bar.value = done;
  }
}

/** @param {string} words */
const of = (words) => [...jobs].filter((job) => job.words === words);

/** @param {string} words
 * @param {HTMLElement} place */
function row(words, place) {
  const element = document.createElement("div");
  const label = document.createElement("label");
  const bar = document.createElement("progress"); // without a value: waiting for its turn
  label.append(words, bar);
  const cancel = document.createElement("button");
  cancel.type = "button";
  cancel.textContent = t("tasks.cancel");
  cancel.addEventListener("click", () => {
    for (const { stop } of of(words)) stop.abort();
  });
  element.append(label, cancel);
  place.append(element);
  const added = { element, bar };
  rows.set(words, added);
  return added;
}
