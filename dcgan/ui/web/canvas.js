// A canvas that shows the newest picture asked for: few requests under way, the rest forgotten.

import { picture } from "./engine-server.js";

const UNDER_WAY = 2; // one is drawn by the server while the one before travels and is painted

export class Painter {
  #wanted = null; // {spec, number} of the newest picture asked for
  #sent = 0; // number of the newest request
  #painted = 0; // number of the newest picture on the canvas
  #underWay = 0;

  /** onPaint({spec, norm}) after every paint, onError(message) when the newest can't be had. */
  constructor(canvas, { onPaint, onError }) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
    this.onPaint = onPaint;
    this.onError = onError;
  }

  show(spec) {
    this.#wanted = { spec, number: (this.#wanted?.number ?? 0) + 1 };
    this.#send();
  }

  async #send() {
    const { spec, number } = this.#wanted;
    if (number === this.#sent || this.#underWay === UNDER_WAY) return;
    this.#sent = number;
    this.#underWay += 1;
    try {
      const { image, norm } = await picture(spec);
      if (number > this.#painted) {
        this.#painted = number;
        this.#paint(image);
        this.onPaint({ spec, norm });
      }
    } catch (error) {
      if (number === this.#wanted.number) this.onError(error.message);
    } finally {
      this.#underWay -= 1;
      this.#send();
    }
  }

  #paint(image) {
    if (this.canvas.width !== image.width) this.canvas.width = this.canvas.height = image.width;
    this.context.putImageData(image, 0, 0);
  }
}
