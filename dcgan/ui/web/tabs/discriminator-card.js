// A card of the Discriminator tab: the picture on the stage, or the visitor's.

import { find, targetOf } from "../core/dom.js";
import { t, translated } from "../core/language.js";
import { Named, signed } from "../widgets/probe.js";

/** @import { Attribution, Key, Look } from "../core/types.d.ts" */

/** A picture, what D makes of it, and what in it features respond to. */
export class Card {
  /** Of the newest call of `show`.
   * @type {AbortController | null} */
  #abort = null;

  /** onFeature(feature) when one of the strongest is pressed.
   * @param {HTMLElement} root
   * @param {HTMLTemplateElement} template
   * @param {Key} title
   * @param {(feature: number) => void} onFeature */
  constructor(root, template, title, onFeature) {
    this.root = root;
    root.replaceChildren(template.content.cloneNode(true));
    find(root, "h2", HTMLElement).textContent = t(title);
    this.named = new Named(root);
    this.#part("strongest").addEventListener("click", (event) => {
      const press = targetOf(event)?.closest("button");
      if (press) onFeature(Number(press.dataset.feature));
    });
  }

  /** @param {string} sentence */
  say(sentence) {
    this.#part("said").textContent = translated(sentence);
    this.#part("said").hidden = !sentence;
  }

  /** Shows what `ask(signal)` finds and returns it; null where it failed or a newer call came.
   * @param {(signal: AbortSignal) => Promise<Look>} ask
   * @param {(error: unknown) => void} onError */
  async show(ask, onError) {
    this.#abort?.abort();
    const abort = new AbortController();
    this.#abort = abort;
    const { signal } = abort;
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
      if (this.#abort === abort) this.root.removeAttribute("aria-busy");
    }
  }

  /** @param {Look} found */
  #draw(found) {
    const { feature, trained, random } = found;
    this.#part("found").hidden = false;
    this.#image("picture").src = found.picture;
    const featureOf = { feature, response: sayResponse(trained) };
    this.#figure("trained", trained, t("discriminator.featureOf", featureOf));
    const randomOf = { response: sayResponse(random) };
    this.#figure("random", random, t("discriminator.randomWeightsOf", randomOf));
    this.#part("score").textContent = score(found);
    this.#part("strongest").replaceChildren(
      ...found.strongest.map((part) => strong(part, part.feature === feature)),
    );
    this.root.dataset.ready = `${feature} ${found.logit}`;
  }

  /** @param {"trained" | "random"} name
   * @param {Attribution} attribution
   * @param {string} caption */
  #figure(name, { gradient }, caption) {
    this.#image(name).src = gradient;
    find(this.root, `[data-role=${name}] + figcaption`, HTMLElement).textContent = caption;
  }

  /** @param {string} name */
  #part(name) {
    return find(this.root, `[data-role=${name}]`, HTMLElement);
  }

  /** @param {string} name */
  #image(name) {
    return find(this.root, `[data-role=${name}]`, HTMLImageElement);
  }
}

/** @param {Attribution} attribution */
const sayResponse = ({ response }) =>
  response > 0 ? response.toFixed(1) : t("discriminator.noResponse");

/** @param {Look} look */
function score({ logit, usual: [low, , high] }) {
  const real = 1 / (1 + Math.exp(-logit));
  return t("discriminator.score", {
    score: signed(logit),
    real: real.toFixed(2),
    low: signed(low),
    high: signed(high),
  });
}

/** @param {Attribution} attribution
 * @param {boolean} chosen */
function strong({ feature, response, gradient }, chosen) {
  const press = document.createElement("button");
  press.type = "button";
  press.dataset.feature = String(feature);
  press.ariaPressed = String(chosen);
  press.ariaLabel = t("discriminator.featureResponse", { feature, response: response.toFixed(1) });
  const image = new Image();
  image.alt = "";
  image.src = gradient;
  const number = document.createElement("span");
  number.textContent = String(feature);
  press.append(image, number);
  return press;
}
