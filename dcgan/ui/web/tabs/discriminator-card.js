// A card of the Discriminator tab: the picture on the stage, or the visitor's.

import { Named, signed } from "../widgets/probe.js";

/** A picture, what D makes of it, and what in it features respond to. */
export class Card {
  constructor(root, template, title, onFeature) {
    this.root = root;
    this.abort = null;
    root.replaceChildren(template.content.cloneNode(true));
    root.querySelector("h2").textContent = title;
    this.named = new Named(root);
    this.#part("strongest").addEventListener("click", ({ target }) => {
      const press = target.closest("button");
      if (press) onFeature(Number(press.dataset.feature));
    });
  }

  say(sentence) {
    this.#part("said").textContent = sentence;
    this.#part("said").hidden = !sentence;
  }

  /** Shows what `ask(signal)` finds and returns it; null where it failed or a newer call came. */
  async show(ask, onError) {
    this.abort?.abort();
    this.abort = new AbortController();
    const { signal } = this.abort;
    this.root.setAttribute("aria-busy", "true");
    try {
      const found = await ask(signal);
      if (signal.aborted) return null;
      this.say("");
      this.#draw(found);
      return found;
    } catch (error) {
      if (signal.aborted) return null;
      if (!this.root.dataset.ready) this.#part("found").hidden = true;
      onError(error);
      return null;
    } finally {
      if (this.abort.signal === signal) this.root.removeAttribute("aria-busy");
    }
  }

  #draw(found) {
    const { feature, trained, random } = found;
    this.#part("found").hidden = false;
    this.#part("picture").src = found.picture;
    const words = (name, { response }) =>
      response > 0 ? `${name}: ${response.toFixed(1)}` : `${name}: no response`;
    this.#figure("trained", trained, words(`feature ${feature}`, trained));
    this.#figure("random", random, words("random weights", random));
    this.#part("score").textContent = score(found);
    this.#part("strongest").replaceChildren(
      ...found.strongest.map((part) => strong(part, part.feature === feature)),
    );
    this.root.dataset.ready = `${feature} ${found.logit}`;
  }

  #figure(name, { gradient }, caption) {
    const image = this.#part(name);
    image.src = gradient;
    image.nextElementSibling.textContent = caption;
  }

  #part(name) {
    return this.root.querySelector(`[data-role=${name}]`);
  }
}

function score({ logit, usual: [low, , high] }) {
  const real = 1 / (1 + Math.exp(-logit));
  return (
    `D's score ${signed(logit)} (sigmoid ${real.toFixed(2)}); ` +
    `eight in ten samples get ${signed(low)} to ${signed(high)}`
  );
}

function strong({ feature, response, gradient }, chosen) {
  const press = document.createElement("button");
  press.type = "button";
  press.dataset.feature = feature;
  press.ariaPressed = String(chosen);
  press.ariaLabel = `Feature ${feature}, response ${response.toFixed(1)}`;
  const image = new Image();
  image.alt = "";
  image.src = gradient;
  const number = document.createElement("span");
  number.textContent = feature;
  press.append(image, number);
  return press;
}
