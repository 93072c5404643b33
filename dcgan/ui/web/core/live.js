// A picture that can be pressed and is redrawn whenever its text changes, the newest text winning.

import { Painter } from "../widgets/canvas.js";
import { page } from "./page.js";

export class Live {
  /** Of the picture on it: a text that was refused never gets here.
   * @type {string | null} */
  text = null;

  /** onClick(text), onPaint(norm) after every paint.
   * @param {HTMLButtonElement} root
   * @param {{ onClick: (text: string) => void, onPaint: (norm: number) => void }} options */
  constructor(root, { onClick, onPaint }) {
    this.root = root;
    root.type = "button";
    root.classList.add("dc-live");
    const canvas = document.createElement("canvas");
    root.replaceChildren(canvas);
    this.painter = new Painter(canvas, {
      onPaint: ({ spec, norm }) => {
        this.text = spec;
        root.dataset.ready = spec;
        onPaint(norm);
      },
      onError: (sentence) => page.fail(sentence),
    });
    root.addEventListener("click", () => this.text && onClick(this.text));
  }

  /** Draws a text; nothing is shown, and nothing can be pressed, without one.
   * @param {string | null} text */
  show(text) {
    this.root.disabled = !text;
    if (text) this.painter.show(text);
  }
}

/** @param {number} norm */
export const sayNorm = (norm) => `|z| = ${norm.toFixed(2)}`;
