// Which place of a motion each frame of a film shows, as dcgan/latents/interpolation.py has it.

import { along, thereAndBack } from "./spec.js";

const FRAMES_PER_SECOND = 15;

/** What moves: at(place) is the text of its picture between 0 and 1, which are the same place where
 * it is closed.
 * @typedef {{ closed: boolean, at: (place: number) => string }} Moves */

/** A walk.
 * @param {string[]} keyframes
 * @param {{ closed: boolean, spherical: boolean }} how
 * @returns {Moves} */
export function wayThrough(keyframes, { closed, spherical }) {
  const legs = keyframes.length - (closed ? 0 : 1);
  return { closed, at: (place) => along(keyframes, legs * place, { closed, spherical }) };
}

/** Of a film that takes so long.
 * @param {number} seconds */
export const frameCount = (seconds) => Math.max(Math.round(seconds * FRAMES_PER_SECOND), 1);

/** Of a film of so many frames.
 * @param {number} frames */
export const duration = (frames) => frames / FRAMES_PER_SECOND;

/** The texts of a round: what is not closed goes there and back.
 * @param {Moves} motion
 * @param {number} count */
export function frames({ closed, at }, count) {
  const texts = Array.from({ length: count }, (_, index) => index / count);
  return texts.map((t) => at(closed ? t : thereAndBack(t)));
}

/** The texts of pictures on the way, evenly spread; what is closed does not show its start again.
 * @param {Moves} motion
 * @param {number} count */
export const stills = ({ closed, at }, count) => places(count, closed).map(at);

/** Where these are.
 * @param {number} count
 * @param {boolean} closed */
export function places(count, closed) {
  const last = Math.max(closed ? count : count - 1, 1);
  return Array.from({ length: count }, (_, index) => index / last);
}
