// The presentation: one big picture and few words, for the last row; by arrow keys, a clicker or a finger,
// or as a tour that plays by itself (tour.js). It ends with its last picture on the stage.

import { Painter } from "../widgets/canvas.js";
import { getReady } from "../engine/engine.js";
import { page } from "../core/page.js";
import { scenes as written } from "./tour.js";

const STEP = 0.04; // of a scene, for a press of an arrow
let show = null; // by mount

/** Opens it; playing: with the tour under way. */
export const open = (playing = false) => show(playing);

export function mount(root) {
  const part = (name) => root.querySelector(`[data-role=${name}]`);
  const button = (name) => root.querySelector(`[data-do=${name}]`);
  const dialog = root.querySelector("dialog");
  const hand = part("hand");
  let scenes = [];
  let at = 0; // the scene
  let place = 0; // in it, from 0 to 1
  let text = null; // of the picture
  let playing = false;
  let opening = 0; // how often it was opened: what was asked for an earlier time comes too late

  const painter = new Painter(root.querySelector("canvas"), {
    onPaint: ({ spec }) => (dialog.dataset.shown = spec),
    onError: (sentence) => (part("sentence").textContent = sentence),
  });

  const paint = () => {
    text = scenes[at].at(place);
    hand.value = place;
    painter.show(text);
  };
  const enter = (number) => {
    at = Math.min(Math.max(number, 0), scenes.length - 1);
    place = 0;
    dialog.classList.remove("dc-blank");
    part("title").textContent = scenes[at].title;
    part("sentence").textContent = scenes[at].words;
    for (const [index, dot] of [...part("scenes").children].entries()) {
      dot.toggleAttribute("aria-current", index === at);
    }
    paint();
  };
  const move = (to) => {
    setPlaying(false);
    place = Math.min(Math.max(to, 0), 1);
    paint();
  };
  const turn = (by) => {
    setPlaying(false);
    enter(at + by);
  };

  // --- the tour
  let began = 0; // when the scene did
  const play = (now) => {
    if (!playing) return;
    place = (now - began) / (1000 * scenes[at].seconds);
    if (place < 1) paint();
    else if (at === scenes.length - 1) return setPlaying(false);
    else {
      enter(at + 1);
      began = now;
    }
    requestAnimationFrame(play);
  };
  const setPlaying = (on) => {
    playing = on && dialog.open;
    button("play").textContent = playing ? "❚❚" : "▶";
    button("play").ariaLabel = playing ? "Stop the tour" : "Play the tour";
    if (!playing) return;
    if (at === scenes.length - 1 && place >= 0.99) enter(0);
    began = performance.now() - 1000 * scenes[at].seconds * place;
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

  show = async (start) => {
    const time = ++opening;
    const { yours, tour } = written(page);
    scenes = [...yours, ...tour];
    part("scenes").replaceChildren(...dots());
    dialog.showModal();
    document.documentElement.requestFullscreen?.().catch(() => {}); // refused: as large as the page
    enter(start ? yours.length : 0);
    setPlaying(start);
    delete dialog.dataset.ready;
    await Promise.allSettled(tour.flatMap(({ ready, at }) => [ready?.(), getReady(at(0))]));
    if (time === opening) dialog.dataset.ready = ""; // nothing has to be fetched any more
  };
  dialog.addEventListener("close", () => {
    setPlaying(false);
    if (document.fullscreenElement) document.exitFullscreen();
    page.open(text, "present");
  });
  let wasFull = false;
  document.addEventListener("fullscreenchange", () => {
    if (wasFull && !document.fullscreenElement && dialog.open) dialog.close(); // by Esc
    wasFull = Boolean(document.fullscreenElement);
  });

  // --- by hand
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
  document.addEventListener("keydown", (event) => { // blanked, nothing in the dialog has the focus
    const act = dialog.open && keys[event.key];
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
