// A small picture that can be pressed.

import { fill } from "../engine/engine.js";

const PATIENCE = 5;
/** When pictures have their addresses.
 * @type {WeakMap<HTMLImageElement, Promise<void>>} */
const filled = new WeakMap();

/** @param {string} text
 * @param {string} label */
export function thumb(text, label) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "dc-thumb";
  button.ariaLabel = label;
  const image = new Image();
  image.alt = "";
  const filling = fill(image, text);
  filled.set(image, filling);
  filling.catch(() => {}); // as one of weights that are here no longer: it stays empty
  let failures = 0; // an <img> does not say why: the server may be busy
  image.addEventListener("error", () => {
    failures += 1;
    const wait = 1000 * failures * (1 + Math.random());
    if (failures < PATIENCE) setTimeout(() => fill(image, text), wait);
  });
  button.append(image);
  return button;
}

/** Resolves when the picture of a thumb can be painted; rejects where it can't be had.
 * @param {HTMLImageElement} image */
export async function decoded(image) {
  await filled.get(image);
  return image.decode();
}
