// Walk: through 2 to 9 keyframes, straight or on the sphere, by hand or playing.

import { find } from "../core/dom.js";
import { named, t } from "../core/language.js";
import { places, stills, wayThrough } from "../core/motion.js";
import { page } from "../core/page.js";
import { along, isText, number, parts } from "../core/spec.js";
import { fields, texts } from "../core/store.js";
import { draws } from "../widgets/picker.js";
import { Sheet } from "../widgets/sheet.js";
import { thumb } from "../widgets/thumbnail.js";
import { offer } from "../widgets/video-export.js";

/** What the visitor can go back to; keyframes: texts of pictures, none before there are models; place:
 * 0 is the first keyframe, 1 the next.
 * @typedef {{ keyframes: string[], place: number, closed: boolean, spherical: boolean }} Walk */

const FRAMES = 24;
const MIN = 2;
const MAX = 9;
const SWITCHES = /** @type {const} */ (["closed", "spherical"]);
/** speed: keyframes a second.
 * @type {Walk & { speed: number, forwards: boolean }} */
const state = {
  keyframes: [],
  place: 0,
  closed: true,
  spherical: true,
  speed: 0.5,
  forwards: true,
};

/** @param {HTMLElement} root */
export async function mount(root) {
  /** @param {string} name */
  const part = (name) => find(root, `[data-role=${name}]`, HTMLElement);
  /** @param {string} name */
  const input = (name) => find(root, `[data-role=${name}]`, HTMLInputElement);
  /** @param {string} name */
  const button = (name) => find(root, `[data-do=${name}]`, HTMLButtonElement);
  const [place, speed] = [input("place"), input("speed")];
  let playing = false;

  const legs = () => state.keyframes.length - (state.closed ? 0 : 1);
  /** @param {number} at */
  const textAt = (at) => along(state.keyframes, at, state);
  const motion = () => wayThrough(state.keyframes, state);

  const strip = new Sheet(part("strip"), {
    columns: FRAMES / 2,
    label: "sheet.step",
    onClick: (index) => go(frame(index)),
    onError: (sentence) => page.fail(sentence),
  });
  /** @param {number} index */
  const frame = (index) => legs() * (places(FRAMES, state.closed)[index] ?? 0);

  /** Says so, where there are none: before the models are known, there is nothing to walk through. */
  const lacksKeyframes = () => {
    if (state.keyframes.length) return false;
    page.fail(t("walk.badCount", { least: MIN, most: MAX }));
    return true;
  };

  /** @param {number} at */
  const go = (at) => {
    if (lacksKeyframes()) return;
    state.place = at;
    place.value = String(at);
    part("place-value").textContent = at.toFixed(2);
    page.show(textAt(at), "walk");
  };

  const route = async () => {
    if (lacksKeyframes()) return;
    place.max = String(legs());
    state.place = Math.min(state.place, legs());
    part("keyframes").replaceChildren(...state.keyframes.map(keyframe));
    go(state.place);
    const steps = await strip.show(stills(motion(), FRAMES));
    if (!steps) return;
    part("smoothness").textContent = t("walk.smoothness", {
      steps: FRAMES,
      mean: steps.mean.toFixed(1),
      largest: steps.largest.toFixed(1),
    });
  };

  /** @param {string} text
   * @param {number} index */
  const keyframe = (text, index) => {
    const item = document.createElement("li");
    const button = thumb(text, t("walk.goTo", { number: index + 1 }));
    button.addEventListener("click", () => go(index));
    item.append(button);
    return item;
  };

  const random = () => {
    const count = Math.round(Number(input("count").value));
    if (!(count >= MIN && count <= MAX)) {
      page.fail(t("walk.badCount", { least: MIN, most: MAX }));
      return;
    }
    state.keyframes = draws(count);
    state.place = 0;
    route();
  };

  const fromShelf = () => {
    const { model } = parts(page.picture);
    const keyframes = page.shelf.filter((text) => parts(text).model === model).slice(0, MAX);
    if (keyframes.length < MIN) {
      page.fail(t("walk.shelfTooShort", { least: MIN, model: named(model) }));
      return;
    }
    state.keyframes = keyframes;
    state.place = 0;
    route();
  };

  button("random").addEventListener("click", random);
  button("shelf").addEventListener("click", fromShelf);
  place.addEventListener("input", () => go(Number(place.value)));
  for (const name of SWITCHES) {
    const box = input(name);
    box.checked = state[name];
    box.addEventListener("change", () => {
      state[name] = box.checked;
      route();
    });
  }

  // --- playing
  const sayDirection = () => {
    button("turn").textContent = state.forwards ? t("walk.forwards") : t("walk.backwards");
    const direction = state.forwards ? t("walk.goingForwards") : t("walk.goingBackwards");
    button("turn").ariaLabel = t("walk.directionOf", { direction });
  };
  /** @param {number} at */
  const advance = (at) => {
    const end = legs();
    if (state.closed) return ((at % end) + end) % end;
    if (at < 0 || at > end) {
      state.forwards = !state.forwards;
      sayDirection();
    }
    return Math.min(Math.max(at, 0), end);
  };
  /** @type {(now: number, before: number) => void} */
  const play = (now, before) => {
    if (!playing) return;
    if (!root.isConnected || !root.offsetParent) return setPlaying(false); // another tab is open
    const seconds = Math.min((now - before) / 1000, 0.25);
    go(advance(state.place + (state.forwards ? 1 : -1) * state.speed * seconds));
    requestAnimationFrame((next) => play(next, now));
  };
  /** @param {boolean} on */
  const setPlaying = (on) => {
    if (on && lacksKeyframes()) return;
    playing = on;
    button("play").textContent = on ? t("walk.pause") : t("walk.play");
    button("play").ariaPressed = String(on);
    if (on) requestAnimationFrame((now) => play(now, now));
  };
  button("play").addEventListener("click", () => setPlaying(!playing));
  place.addEventListener("pointerdown", () => setPlaying(false));
  button("turn").addEventListener("click", () => {
    state.forwards = !state.forwards;
    sayDirection();
  });
  speed.addEventListener("input", () => {
    state.speed = Number(speed.value);
    part("speed-value").textContent = number(state.speed);
  });

  // --- as a file that takes as long as the walk does when it plays
  button("film").addEventListener("click", () => {
    setPlaying(false);
    if (lacksKeyframes()) return;
    const { closed, speed } = state;
    const seconds = Math.round(((closed ? 1 : 2) * legs()) / speed);
    offer({ name: "walk", title: t("walk.saveVideo"), ...motion(), seconds });
  });

  page.on("picture", ({ from }) => {
    if (from !== "walk") setPlaying(false);
  });
  page.on("model", random);

  await page.ready;
  sayDirection();
  /** @param {unknown} kept */
  const use = (kept) => {
    Object.assign(state, walkIn(kept));
    for (const name of SWITCHES) input(name).checked = state[name];
    if (state.keyframes.length) route();
    else random();
  };
  /** @type {(walk: Walk) => Walk} */
  const look = ({ keyframes, place, closed, spherical }) => ({
    keyframes,
    place,
    closed,
    spherical,
  });
  const kept = page.history.keep("walk", () => look(state), use);
  use(kept ?? state);
}

/** The walk that was kept; a switch that was not is as it is now, and there are no keyframes where
 * there are too few.
 * @param {unknown} kept
 * @returns {Walk} */
function walkIn(kept) {
  const { keyframes, stations, place, closed, spherical } = fields(kept);
  const found = texts(keyframes ?? stations) // as they were called before
    .filter(isText)
    .slice(0, MAX);
  return {
    keyframes: found.length < MIN ? [] : found,
    place: Math.max(Number(place) || 0, 0),
    closed: typeof closed === "boolean" ? closed : state.closed,
    spherical: typeof spherical === "boolean" ? spherical : state.spherical,
  };
}
