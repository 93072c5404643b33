// The presentation: one big picture and few words, for the last row; by arrow keys, a clicker or a finger,
// or as a tour that plays by itself (tour.js). It ends with its last picture on the stage.

import { find } from "../core/dom.js";
import { message } from "../core/errors.js";
import { t } from "../core/language.js";
import { page } from "../core/page.js";
import { getReady } from "../engine/engine.js";
import { Painter } from "../widgets/canvas.js";
import { scenes as written } from "./tour.js";

/** @import { Scene } from "./tour.js" */

const STEP = 0.04; // of a scene, for a press of an arrow
const PAUSE = 3; // seconds of the tour at a scene that can't be shown
/** By mount.
 * @type {((start: boolean) => void) | null} */
let show = null;

/** Opens it; playing: with the tour under way. */
export const open = (playing = false) => show?.(playing);

/** @param {HTMLElement} root */
export function mount(root) {
  /** @param {string} name */
  const part = (name) => find(root, `[data-role=${name}]`, HTMLElement);
  /** @param {string} name */
  const button = (name) => find(root, `[data-do=${name}]`, HTMLButtonElement);
  const dialog = find(root, "dialog", HTMLDialogElement);
  const hand = find(root, "[data-role=hand]", HTMLInputElement);
  /** @type {Scene[]} */
  let scenes = [];
  let at = 0; // the scene
  let place = 0; // in it, from 0 to 1
  /** The text of the newest picture.
   * @type {string | null} */
  let asked = null;
  /** When it turned out that it can't be had; null while it can.
   * @type {number | null} */
  let lostAt = null;
  let playing = false;
  let opening = 0; // how often it was opened: what was asked for an earlier time comes too late

  const painter = new Painter(find(root, "canvas", HTMLCanvasElement), {
    onPaint: ({ spec }) => {
      dialog.dataset.shown = spec;
      if (lostAt !== null && spec === asked) say(); // a busy server has it after all
    },
    onError: (reason) => lose(reason),
  });

  /** The scene's own words, and its pictures. */
  const say = () => {
    lostAt = null;
    dialog.classList.remove("dc-lost");
    part("sentence").textContent = scenes[at]?.words ?? "";
  };
  /** The reason is for the console: the last row reads which scene is missing.
   * @param {string | undefined} reason */
  const lose = (reason) => {
    const { title } = scenes[at] ?? {};
    console.warn(`${title}: ${reason}`);
    lostAt ??= performance.now();
    dialog.classList.add("dc-lost"); // what is on the canvas is of another place or scene
    part("sentence").textContent = t("present.failed", { scene: title ?? "" });
  };
  const paint = () => {
    const scene = scenes[at];
    if (!scene) return;
    hand.value = String(place);
    asked = scene.failure ? null : scene.at(place);
    if (!asked) return lose(scene.failure);
    if (lostAt !== null) say(); // it is tried again
    painter.show(asked);
  };
  /** @param {number} number */
  const enter = (number) => {
    at = Math.min(Math.max(number, 0), scenes.length - 1);
    place = 0;
    dialog.classList.remove("dc-blank");
    part("title").textContent = scenes[at]?.title ?? "";
    say();
    for (const [index, dot] of [...part("scenes").children].entries()) {
      dot.toggleAttribute("aria-current", index === at);
    }
    paint();
  };
  /** @param {number} to */
  const move = (to) => {
    setPlaying(false);
    place = Math.min(Math.max(to, 0), 1);
    paint();
  };
  /** @param {number} by */
  const turn = (by) => {
    setPlaying(false);
    enter(at + by);
  };

  // --- the tour
  let began = 0; // when the scene did
  const seconds = () => scenes[at]?.seconds ?? 0;
  /** @type {(now: number) => void} */
  const play = (now) => {
    if (!playing) return;
    const passed = (now - began) / (1000 * seconds());
    place = Math.min(Math.max(passed, 0), 1); // a frame may be of a time before the press that began
    const isOver = lostAt === null ? place === 1 : now - lostAt >= 1000 * PAUSE;
    if (isOver && at === scenes.length - 1) return setPlaying(false);
    if (isOver) {
      enter(at + 1);
      began = now;
    } else if (lostAt === null) paint();
    requestAnimationFrame(play);
  };
  /** @param {boolean} on */
  const setPlaying = (on) => {
    playing = on && dialog.open;
    button("play").textContent = playing ? "❚❚" : "▶";
    button("play").ariaLabel = playing ? t("present.stop") : t("present.play");
    if (!playing) return;
    if (at === scenes.length - 1 && place >= 0.99) enter(0);
    else if (lostAt !== null) paint();
    began = performance.now() - 1000 * seconds() * place;
    requestAnimationFrame(play);
  };

  // --- opening and ending
  const dots = () =>
    scenes.map(({ title }, index) => {
      const dot = document.createElement("li");
      const press = document.createElement("button");
      press.type = "button";
      press.ariaLabel = title;
      press.addEventListener("click", () => turn(index - at));
      dot.append(press);
      return dot;
    });

  /** Fetches what a scene is made of; without it the scene is said to be missing.
   * @param {Scene} scene */
  const prepare = async (scene) => {
    try {
      await scene.ready?.();
    } catch (error) {
      scene.failure = message(error);
      if (dialog.open && scene === scenes[at]) paint();
    }
  };

  show = async (start) => {
    const time = ++opening;
    const { yours, tour } = written(page);
    scenes = [...yours, ...tour];
    part("scenes").replaceChildren(...dots());
    delete dialog.dataset.ready;
    delete dialog.dataset.shown;
    dialog.showModal();
    document.documentElement.requestFullscreen?.().catch(() => {}); // refused: as large as the page
    enter(start ? yours.length : 0);
    setPlaying(start);
    await Promise.allSettled(tour.flatMap((scene) => [prepare(scene), getReady(scene.at(0))]));
    if (time === opening) dialog.dataset.ready = ""; // nothing has to be fetched any more
  };
  dialog.addEventListener("close", () => {
    setPlaying(false);
    if (document.fullscreenElement) document.exitFullscreen();
    if (dialog.dataset.shown) page.open(dialog.dataset.shown, "present");
  });
  let wasFull = false;
  document.addEventListener("fullscreenchange", () => {
    if (wasFull && !document.fullscreenElement && dialog.open) dialog.close(); // by Esc
    wasFull = Boolean(document.fullscreenElement);
  });

  // --- by hand
  /** @type {Record<string, () => void>} */
  const keys = {
    ArrowRight: () => turn(1),
    PageDown: () => turn(1),
    ArrowLeft: () => turn(-1),
    PageUp: () => turn(-1),
    ArrowUp: () => move(place + STEP),
    ArrowDown: () => move(place - STEP),
    Home: () => turn(-at),
    End: () => turn(scenes.length - 1 - at),
    " ": () => setPlaying(!playing),
    b: () => dialog.classList.toggle("dc-blank"),
    ".": () => dialog.classList.toggle("dc-blank"),
  };
  document.addEventListener("keydown", (event) => {
    // blanked, nothing in the dialog has the focus
    const act = dialog.open ? keys[event.key] : undefined;
    if (!act || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    act();
  });
  hand.addEventListener("input", () => move(Number(hand.value)));
  button("back").addEventListener("click", () => turn(-1));
  button("next").addEventListener("click", () => turn(1));
  button("play").addEventListener("click", () => setPlaying(!playing));
  button("end").addEventListener("click", () => dialog.close());
}
