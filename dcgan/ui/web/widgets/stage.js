// The big picture, what it is, and what the page has to say.

import { find } from "../core/dom.js";
import { message as sentenceOf } from "../core/errors.js";
import { named, t, translated } from "../core/language.js";
import { page } from "../core/page.js";
import { parts } from "../core/spec.js";
import { Painter } from "./canvas.js";

const SAY = 5000;

/** @param {HTMLElement} root */
export async function mount(root) {
  /** @param {string} name */
  const part = (name) => find(root, `[data-role=${name}]`, HTMLElement);
  const message = part("message");
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let fading;

  /** @param {string} sentence */
  const say = (sentence, error = false) => {
    message.textContent = translated(sentence);
    message.classList.toggle("dc-error", error);
    clearTimeout(fading);
    const wipe = () => {
      message.textContent = "";
    };
    fading = setTimeout(wipe, error ? 3 * SAY : SAY);
  };

  const painter = new Painter(find(root, "canvas", HTMLCanvasElement), {
    onPaint: ({ spec, norm }) => {
      part("norm").textContent = `|z| = ${norm.toFixed(2)}`;
      root.dataset.painted = spec;
    },
    onError: (sentence) => say(sentence, true),
  });

  /** @param {string} spec */
  const show = (spec) => {
    painter.show(spec);
    const { model } = parts(spec);
    const seen = page.facts(model)?.images_seen;
    const [name = "", ...stage] = model.split("/");
    const shown = [named(name), ...stage].join("/");
    part("model").textContent = seen
      ? t("stage.modelFacts", { model: shown, seen: seen.toLocaleString("en") })
      : shown;
  };

  page.on("picture", ({ text }) => show(text));
  page.on("error", (sentence) => say(sentence, true));
  page.on("notice", (sentence) => say(sentence));
  if (page.picture) show(page.picture);
  if (page.failure) say(page.failure, true);
  await page.ready.catch((error) => say(sentenceOf(error), true));
}
