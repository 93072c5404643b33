// A canvas that shows the newest picture asked for: few requests under way, the rest forgotten.

import { context2d } from "../core/dom.js";
import { Busy, message } from "../core/errors.js";
import { picture } from "../engine/engine.js";

const UNDER_WAY = 2; // one is drawn by the server while the one before travels and is painted
const PATIENCE = 5; // refusals in a row, before the page says why nothing comes

export class Painter {
  /** The newest picture asked for.
   * @type {{ spec: string, number: number } | null} */
  #wanted = null;
  #sent = 0; // number of the newest request
  #painted = 0; // number of the newest picture on the canvas
  #underWay = 0;
  #refusals = 0; // in a row
  #resting = false; // the server is busy: nothing is asked for a while

  /** onPaint({spec, norm}) after every paint, onError(message) when the newest can't be had.
   * @param {HTMLCanvasElement} canvas
   * @param {{ onPaint: (painted: { spec: string, norm: number }) => void,
   *   onError: (sentence: string) => void }} options */
  constructor(canvas, { onPaint, onError }) {
    this.canvas = canvas;
    this.context = context2d(canvas);
    this.onPaint = onPaint;
    this.onError = onError;
  }

  /** @param {string} spec */
  show(spec) {
    this.#wanted = { spec, number: (this.#wanted?.number ?? 0) + 1 };
    this.#send();
  }

  async #send() {
    if (!this.#wanted) return;
    const { spec, number } = this.#wanted;
    if (this.#resting || number === this.#sent || this.#underWay === UNDER_WAY) return;
    this.#sent = number;
    this.#underWay += 1;
    try {
      const { image, norm } = await picture(spec);
      this.#refusals = 0;
      if (number > this.#painted) {
        this.#painted = number;
        this.#paint(image);
        this.onPaint({ spec, norm });
      }
    } catch (error) {
      if (error instanceof Busy) this.#rest(error, number);
      else if (number === this.#wanted.number) this.onError(message(error));
    } finally {
      this.#underWay -= 1;
      this.#send();
    }
  }

  /** For as long as a busy server wants it; then asks for the newest picture.
   * @param {Busy} busy
   * @param {number} number */
  #rest(busy, number) {
    if (number === this.#sent) this.#sent = 0;
    if (this.#resting) return;
    this.#resting = true;
    this.#refusals += 1;
    if (this.#refusals % PATIENCE === 0) this.onError(busy.message);
    setTimeout(() => {
      this.#resting = false;
      this.#send();
    }, busy.wait);
  }

  /** @param {ImageData} image */
  #paint(image) {
    if (this.canvas.width !== image.width) this.canvas.width = this.canvas.height = image.width;
    this.context.putImageData(image, 0, 0);
  }
}
