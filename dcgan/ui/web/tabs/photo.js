// Your photo: the picture that comes nearest to a photograph of the visitor's, and what becomes of it.

import { Live } from "../core/live.js";
import { page } from "../core/page.js";
import { join, parts, turn } from "../core/spec.js";
import { project } from "../engine/engine.js";
import { average, shipped } from "../widgets/exemplar.js";
import { uploads } from "../widgets/upload.js";

const NO_FACE = 422;
const ZS = 4; // of either end of a turn
const FROM = "photo";
const state = { file: null, found: null, amounts: {} }; // found: the answer, of `found.model`

export async function mount(root, { largest }) {
  const part = (name) => root.querySelector(`[data-role=${name}]`);
  const button = (name) => root.querySelector(`[data-do=${name}]`);
  const drawn = new Live(button("show"), {
    onClick: (text) => page.show(text, FROM),
    onPaint: () => {},
  });
  drawn.root.ariaLabel = "What is drawn: show it";
  let asked = null; // AbortController of the newest search
  let leading = false; // the stage shows what is found, until the visitor shows something else

  const show = (text) => {
    part("drawn").hidden = false;
    drawn.show(text);
    if (leading) page.show(text, FROM);
  };
  const see = (seen) => {
    if (typeof seen === "string") show(seen);
    else crop(seen);
  };
  const crop = ({ crop: picture, notes }) => {
    part("invite").hidden = true;
    part("cropped").hidden = false;
    part("crop").src = picture;
    part("told").hidden = false;
    part("notes").textContent = notes.join(" ");
  };

  const search = async (file, cut) => {
    asked?.abort();
    asked = new AbortController();
    const { signal } = asked;
    const { model } = page;
    Object.assign(state, { file, found: null, amounts: {} });
    for (const name of ["found", "refused", "drawn"]) part(name).hidden = true;
    part("distance").textContent = part("compared").textContent = "";
    part("drop").ariaBusy = "true";
    leading = true;
    try {
      const found = await project(
        file,
        model.name,
        cut,
        signal,
        (seen) => signal.aborted || see(seen),
      );
      if (signal.aborted) return;
      state.found = { ...found, model };
      state.file = null;
      tell();
    } catch (error) {
      if (signal.aborted) return;
      part("refused").hidden = error.status !== NO_FACE;
      page.caught(error);
    } finally {
      if (asked.signal === signal) part("drop").ariaBusy = "false";
    }
  };

  /** What was found, how far it is, and what can be done with it. */
  const tell = () => {
    const { found } = state;
    if (!found || found.model !== page.model) return;
    crop(found);
    show(current());
    part("distance").textContent = distance(found);
    part("compared").textContent = compared(found);
    part("found").hidden = false;
    part("turns").replaceChildren(...page.model.sets.turns.map(slider));
  };

  /** The found picture, turned as the sliders say. */
  const current = () => {
    const { z, ...rest } = parts(state.found.spec);
    const turned = page.model.sets.turns.reduce((inner, names, index) => {
      const [from, to] = names.map((name) => parts(average(shipped(name, ZS).texts)).z);
      return turn(state.amounts[index] ?? 0, from, to, inner);
    }, z);
    return join({ ...rest, z: turned });
  };

  const slider = ([from, to], index) => {
    const row = document.createElement("label");
    row.className = "dc-slider";
    const name = document.createElement("span");
    name.textContent = `${from} – ${to}`;
    const input = document.createElement("input");
    Object.assign(input, { type: "range", min: -1.5, max: 1.5, step: 0.05 });
    input.value = state.amounts[index] ?? 0;
    const output = document.createElement("output");
    const say = () => (output.textContent = Number(input.value).toFixed(2));
    say();
    input.addEventListener("input", () => {
      state.amounts[index] = Number(input.value);
      say();
      page.show(current(), FROM);
    });
    row.append(name, input, output);
    return row;
  };

  button("shelf").addEventListener("click", () => page.pick(current()));
  button("reset").addEventListener("click", () => {
    state.amounts = {};
    leading = true;
    tell();
  });
  button("middle").addEventListener("click", () => search(state.file, "middle"));

  uploads(part("file"), part("drop"), part("drop"), largest, (file) => search(file, "face"));
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

const distance = ({ distance: { pixels, features } }) =>
  `It is ${pixels.toFixed(1)} grey levels of 255 away from yours (root mean square), and in what the ` +
  `discriminator sees ${features.toFixed(2)} of the distance between two samples.`;

function compared({ starts, samples }) {
  const [nearest] = starts.filter(({ kind }) => kind === "nearest");
  return (
    `The best of ${starts.length} starts; the nearest of ${samples.toLocaleString("en")} samples is ` +
    `${nearest.pixels.toFixed(1)} grey levels away.`
  );
}
