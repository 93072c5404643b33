// The dialog that saves what moves as a film: a walk, a turn, a sum, an edit (dcgan/ui/routes/video.py).

import { find } from "../core/dom.js";
import { download } from "../core/download.js";
import { t } from "../core/language.js";
import { duration, frameCount, frames, stills } from "../core/motion.js";
import { page } from "../core/page.js";
import { parts } from "../core/spec.js";
import { fields, read, write } from "../core/store.js";
import { film } from "../engine/engine.js";

const KEPT = "dcgan.film";
const SECONDS = 4;
const SMALLEST = 64; // pixels
const USUAL = 200; // or some more
const LARGEST = 1024;
const PICTURES = { least: 2, most: 24 }; // side by side

/** @import { Moves } from "../core/motion.js" */

/** What is offered, see `offer`.
 * @typedef {Moves & { name: string, title: string, seconds?: number }} Motion */

/** By mount.
 * @type {((motion: Motion) => void) | null} */
let open = null;

/**
 * Offer to save a motion: {name, title, closed, at(place), seconds}.
 * @param {Motion} motion
 */
export const offer = (motion) => open?.(motion);

/** @param {HTMLElement} root
 * @param {{ longest: number }} options seconds of a film, at most */
export function mount(root, { longest }) {
  /** @param {string} name */
  const part = (name) => find(root, `[data-role=${name}]`, HTMLElement);
  /** @param {string} name */
  const number = (name) => find(root, `[data-role=${name}]`, HTMLInputElement);
  const dialog = find(root, "dialog", HTMLDialogElement);
  /** @param {string} name */
  const choice = (name) => find(root, `[data-role=${name}]`, HTMLSelectElement);
  const choices = { format: choice("format"), size: choice("size"), scaling: choice("scaling") };
  /** @type {Motion | null} */
  let motion = null;

  const isStrip = () => choices.format.value === "png";
  const shape = () => {
    part("time").hidden = isStrip();
    part("number").hidden = !isStrip();
  };

  open = (offered) => {
    motion = offered;
    part("title").textContent = motion.title;
    number("seconds").value = String(Math.min(motion.seconds ?? SECONDS, longest));
    const { size } = page.facts(parts(motion.at(0)).model) ?? page.model;
    const offers = sizes(size);
    choices.size.replaceChildren(...offers.map((side) => new Option(String(side))));
    choices.size.value = String(offers.find((side) => side >= USUAL) ?? "");
    const kept = fields(read(KEPT, {}));
    for (const [name, select] of Object.entries(choices)) choose(select, kept[name]);
    shape();
    dialog.showModal();
  };

  const save = async () => {
    if (!motion) return;
    const { name } = motion;
    const [format, size, scaling] = [
      choices.format.value,
      choices.size.value,
      choices.scaling.value,
    ];
    write(KEPT, { format, size, scaling });
    dialog.close();
    try {
      const texts = isStrip() ? strip(motion) : moving(motion);
      const seconds = duration(texts.length);
      download(
        await film(texts, { seconds, format, size: Number(size), scaling }),
        `${name}.${format}`,
      );
    } catch (error) {
      page.caught(error);
    }
  };
  /** @param {Motion} motion */
  const moving = (motion) => {
    const seconds = Number(number("seconds").value);
    if (!(seconds >= 1 && seconds <= longest)) throw new Error(t("video.badSeconds", { longest }));
    return frames(motion, frameCount(seconds));
  };
  /** @param {Motion} motion */
  const strip = (motion) => {
    const count = Math.round(Number(number("pictures").value));
    const { least, most } = PICTURES;
    if (!(count >= least && count <= most)) throw new Error(t("video.badFrames", { least, most }));
    return stills(motion, count);
  };

  choices.format.addEventListener("change", shape);
  find(root, "[data-do=save]", HTMLElement).addEventListener("click", save);
  find(root, "[data-do=close]", HTMLElement).addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close(); // beside it
  });
}

/** Sides of a film whose pixels are all squares of one size, the model's doubled again and again.
 * @param {number} side */
function sizes(side) {
  const found = [];
  for (let size = side; size <= LARGEST; size *= 2) if (size >= SMALLEST) found.push(size);
  return found;
}

/** What was chosen before, where it is offered.
 * @param {HTMLSelectElement} select
 * @param {unknown} kept */
function choose(select, kept) {
  const offered = [...select.options].find(({ value }) => value === kept);
  if (offered) select.value = offered.value;
}
