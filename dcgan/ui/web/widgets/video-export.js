// The dialog that saves what moves as a film: a walk, a turn, a sum, an edit (dcgan/ui/routes/video.py).

import { download } from "../core/download.js";
import { page } from "../core/page.js";
import { parts, thereAndBack } from "../core/spec.js";
import { read, write } from "../core/store.js";
import { film } from "../engine/engine.js";

const KEPT = "dcgan.film";
const A_SECOND = 15; // frames, as a walk has on the server
const SECONDS = 4;
const SMALLEST = 64; // pixels
const USUAL = 200; // or some more
const LARGEST = 1024;
const PICTURES = [2, 24]; // side by side
let open = null; // by mount

/**
 * Offer to save a motion: {name, title, closed, at(place), seconds}; at(place): the text of its
 * picture between 0 and 1, which are the same place where it is closed.
 */
export const offer = (motion) => open(motion);

/** The texts of a round: what is not closed goes there and back. */
export function frames({ closed, at }, count) {
  const place = closed ? (t) => t : thereAndBack;
  return Array.from({ length: count }, (_, index) => at(place(index / count)));
}

/** The texts of pictures on the way, evenly spread. */
export function stills({ closed, at }, count) {
  const last = closed ? count : count - 1;
  return Array.from({ length: count }, (_, index) => at(index / last));
}

export function mount(root, { longest }) {
  const part = (name) => root.querySelector(`[data-role=${name}]`);
  const dialog = root.querySelector("dialog");
  const choices = ["format", "size", "scaling"];
  let motion = null;

  const isStrip = () => part("format").value === "png";
  const shape = () => {
    part("time").hidden = isStrip();
    part("number").hidden = !isStrip();
  };

  open = (offered) => {
    motion = offered;
    part("title").textContent = motion.title;
    part("seconds").value = Math.min(motion.seconds ?? SECONDS, longest);
    const { size } = page.facts(parts(motion.at(0)).model);
    const offers = sizes(size);
    part("size").replaceChildren(...offers.map((side) => new Option(side)));
    part("size").value = offers.find((side) => side >= USUAL);
    for (const [name, kept] of Object.entries(read(KEPT, {}))) choose(part(name), kept);
    shape();
    dialog.showModal();
  };

  const save = async () => {
    const { name } = motion;
    const [format, size, scaling] = choices.map((choice) => part(choice).value);
    write(KEPT, { format, size, scaling });
    dialog.close();
    try {
      const texts = isStrip() ? strip() : moving();
      const seconds = texts.length / A_SECOND;
      download(
        await film(texts, { seconds, format, size: Number(size), scaling }),
        `${name}.${format}`,
      );
    } catch (error) {
      page.caught(error);
    }
  };
  const moving = () => {
    const seconds = Number(part("seconds").value);
    if (!(seconds >= 1 && seconds <= longest))
      throw new Error(`A film takes 1 to ${longest} seconds.`);
    return frames(motion, Math.round(seconds * A_SECOND));
  };
  const strip = () => {
    const count = Math.round(Number(part("pictures").value));
    const [least, most] = PICTURES;
    if (!(count >= least && count <= most))
      throw new Error(`${least} to ${most} pictures fit side by side.`);
    return stills(motion, count);
  };

  part("format").addEventListener("change", shape);
  root.querySelector("[data-do=save]").addEventListener("click", save);
  root.querySelector("[data-do=close]").addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close(); // beside it
  });
}

/** Sides of a film whose pixels are all squares of one size, the model's doubled again and again. */
function sizes(side) {
  const found = [];
  for (let size = side; size <= LARGEST; size *= 2) if (size >= SMALLEST) found.push(size);
  return found;
}

/** What was chosen before, where it is offered. */
function choose(select, kept) {
  if ([...(select?.options ?? [])].some(({ value }) => value === kept)) select.value = kept;
}
