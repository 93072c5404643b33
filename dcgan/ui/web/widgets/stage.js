// The big picture, what it is, and what the page has to say.

import { page } from "../core/page.js";
import { parts } from "../core/spec.js";
import { Painter } from "./canvas.js";

const SAY = 5000;

export async function mount(root) {
  const part = (name) => root.querySelector(`[data-role=${name}]`);
  const message = part("message");
  let fading = 0;

  const say = (sentence, error = false) => {
    message.textContent = sentence;
    message.classList.toggle("dc-error", error);
    clearTimeout(fading);
    fading = setTimeout(() => (message.textContent = ""), error ? 3 * SAY : SAY);
  };

  const painter = new Painter(root.querySelector("canvas"), {
    onPaint: ({ spec, norm }) => {
      part("norm").textContent = `|z| = ${norm.toFixed(2)}`;
      root.dataset.painted = spec;
    },
    onError: (sentence) => say(sentence, true),
  });

  const show = (spec) => {
    painter.show(spec);
    const { model } = parts(spec);
    const seen = page.facts(model)?.images_seen;
    part("model").textContent = seen ? `${model}, ${seen.toLocaleString("en")} images seen` : model;
  };

  page.on("picture", ({ text }) => show(text));
  page.on("error", (sentence) => say(sentence, true));
  page.on("notice", (sentence) => say(sentence));
  if (page.picture) show(page.picture);
  if (page.failure) say(page.failure, true);
  await page.ready.catch((error) => say(error.message, true));
}
