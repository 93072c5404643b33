// Your photo: the picture that comes nearest to a photograph of the visitor's, and what becomes of it.

import { find } from "../core/dom.js";
import { Refused } from "../core/errors.js";
import { named, t, translated } from "../core/language.js";
import { Live } from "../core/live.js";
import { page } from "../core/page.js";
import { join, parts, turn } from "../core/spec.js";
import { project } from "../engine/engine.js";
import { average, shipped } from "../widgets/exemplar.js";
import { uploads } from "../widgets/upload.js";

/** @import { Model, Projection, ProjectionSeen } from "../core/types.d.ts" */

/** @typedef {Projection & { model: Model }} Found */

const NO_FACE = 422;
const ZS = 4; // of either end of a turn
const FROM = "photo";
/** found: the answer, of `found.model`; amounts: of the model's turns.
 * @type {{ file: File | null, found: Found | null, amounts: Record<number, number> }} */
const state = { file: null, found: null, amounts: {} };

/** @param {HTMLElement} root
 * @param {{ largest: number }} options bytes of a file, at most */
export async function mount(root, { largest }) {
  /** @param {string} name */
  const part = (name) => find(root, `[data-role=${name}]`, HTMLElement);
  /** @param {string} name */
  const button = (name) => find(root, `[data-do=${name}]`, HTMLButtonElement);
  const chosen = find(root, "[data-role=file]", HTMLInputElement);
  const cropped = find(root, "[data-role=crop]", HTMLImageElement);
  const drawn = new Live(button("show"), {
    onClick: (text) => page.show(text, FROM),
    onPaint: () => {},
  });
  drawn.root.ariaLabel = t("photo.showDrawn");
  /** Of the newest search.
   * @type {AbortController | null} */
  let asked = null;
  let leading = false; // the stage shows what is found, until the visitor shows something else

  /** @param {string} text */
  const show = (text) => {
    part("drawn").hidden = false;
    drawn.show(text);
    if (leading) page.show(text, FROM);
  };
  /** @param {ProjectionSeen} seen */
  const see = (seen) => {
    if (typeof seen === "string") show(seen);
    else crop(seen);
  };
  /** @param {Pick<Projection, "crop" | "notes">} cut */
  const crop = ({ crop: picture, notes }) => {
    part("invite").hidden = true;
    part("cropped").hidden = false;
    cropped.src = picture;
    part("told").hidden = false;
    part("notes").textContent = notes.map(translated).join(" ");
  };

  /** @param {File} file
   * @param {"face" | "middle"} cut */
  const search = async (file, cut) => {
    asked?.abort();
    const newest = new AbortController();
    asked = newest;
    const { signal } = newest;
    const { model } = page;
    Object.assign(state, { file, found: null, amounts: {} });
    for (const name of ["found", "refused", "drawn"]) part(name).hidden = true;
    part("distance").textContent = part("compared").textContent = "";
    part("drop").ariaBusy = "true";
    leading = true;
    try {
      const found = await project(file, model.name, cut, signal, (seen) => {
        if (!signal.aborted) see(seen);
      });
      if (signal.aborted) return;
      state.found = { ...found, model };
      state.file = null;
      tell();
    } catch (error) {
      if (signal.aborted) return;
      part("refused").hidden = !(error instanceof Refused && error.status === NO_FACE);
      page.caught(error);
    } finally {
      if (asked === newest) part("drop").ariaBusy = "false";
    }
  };

  /** What was found, how far it is, and what can be done with it. */
  const tell = () => {
    const { found } = state;
    if (!found || found.model !== page.model) return;
    crop(found);
    show(current(found));
    part("distance").textContent = distance(found);
    part("compared").textContent = compared(found);
    part("found").hidden = false;
    part("turns").replaceChildren(
      ...page.model.sets.turns.map((names, index) => slider(found, names, index)),
    );
  };

  /** The found picture, turned as the sliders say.
   * @param {Found} found */
  const current = (found) => {
    const { z, ...rest } = parts(found.spec);
    const turned = page.model.sets.turns.reduce((inner, names, index) => {
      const [from, to] = names.map((name) => average(shipped(name, ZS).texts));
      if (!from || !to) return inner;
      return turn(state.amounts[index] ?? 0, parts(from).z, parts(to).z, inner);
    }, z);
    return join({ ...rest, z: turned });
  };

  /** @param {Found} found
   * @param {[string, string]} names
   * @param {number} index */
  const slider = (found, [from, to], index) => {
    const row = document.createElement("label");
    row.className = "dc-slider";
    const name = document.createElement("span");
    name.textContent = t("turn.pairOf", { from: named(from), to: named(to) });
    const input = document.createElement("input");
    Object.assign(input, { type: "range", min: -1.5, max: 1.5, step: 0.05 });
    input.value = String(state.amounts[index] ?? 0);
    const output = document.createElement("output");
    const say = () => {
      output.textContent = Number(input.value).toFixed(2);
    };
    say();
    input.addEventListener("input", () => {
      state.amounts[index] = Number(input.value);
      say();
      page.show(current(found), FROM);
    });
    row.append(name, input, output);
    return row;
  };

  button("shelf").addEventListener("click", () => {
    if (state.found) page.pick(current(state.found));
  });
  button("reset").addEventListener("click", () => {
    state.amounts = {};
    leading = true;
    tell();
  });
  button("middle").addEventListener("click", () => {
    if (state.file) search(state.file, "middle");
  });

  uploads(chosen, part("drop"), part("drop"), largest, (file) => search(file, "face"));
  page.on("picture", ({ from }) => {
    if (from !== FROM) leading = false;
  });
  page.on("model", () => {
    asked?.abort();
    for (const name of ["found", "refused", "drawn", "cropped", "told"]) part(name).hidden = true;
    part("invite").hidden = false;
    tell();
  });
  await page.ready;
  tell();
}

/** @param {Found} found */
const distance = ({ distance: { pixels, features } }) =>
  t("photo.distance", { pixels: pixels.toFixed(1), features: features.toFixed(2) });

/** @param {Found} found */
function compared({ starts, samples }) {
  const [nearest] = starts.filter(({ kind }) => kind === "nearest");
  if (!nearest) return "";
  return t("photo.starts", {
    starts: starts.length,
    samples: samples.toLocaleString("en"),
    pixels: nearest.pixels.toFixed(1),
  });
}
