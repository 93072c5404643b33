// A picture that can be pressed and is redrawn whenever its text changes, the newest text winning.

import { Painter } from "../widgets/canvas.js";
import { page } from "./page.js";

export class Live {
  text = null; // of the picture on it: a text that was refused never gets here

  /** root: a button; onClick(text), onPaint(norm) after every paint. */
  constructor(root, { onClick, onPaint }) {
    this.root = root;
    root.type = "button";
    root.classList.add("dc-live");
    const canvas = document.createElement("canvas");
    root.replaceChildren(canvas);
    this.painter = new Painter(canvas, {
      onPaint: ({ spec, norm }) => {
        this.text = root.dataset.ready = spec;
        onPaint(norm);
      },
      onError: (sentence) => page.fail(sentence),
    });
    root.addEventListener("click", () => this.text && onClick(this.text));
  }

  /** Draws a text; nothing is shown, and nothing can be pressed, without one. */
  show(text) {
    this.root.disabled = !text;
    if (text) this.painter.show(text);
  }
}

export const sayNorm = (norm) => `|z| = ${norm.toFixed(2)}`;
