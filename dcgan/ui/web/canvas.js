// A canvas that shows the newest picture asked for: one request under way, the rest forgotten.

import { picture } from "./engine-server.js";

export class Painter {
  /** onPaint({spec, norm}) after every paint, onError(message) when a picture can't be had. */
  constructor(canvas, { onPaint, onError }) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
    this.onPaint = onPaint;
    this.onError = onError;
    this.wanted = null;
    this.busy = false;
  }

  show(spec) {
    this.wanted = spec;
    if (!this.busy) this.#run();
  }

  async #run() {
    this.busy = true;
    while (this.wanted !== null) {
      const spec = this.wanted;
      try {
        const { bitmap, norm } = await picture(spec);
        this.#paint(bitmap);
        this.onPaint({ spec, norm });
      } catch (error) {
        if (this.wanted === spec) this.onError(error.message);
      }
      if (this.wanted === spec) this.wanted = null;
    }
    this.busy = false;
  }

  #paint(bitmap) {
    if (this.canvas.width !== bitmap.width || this.canvas.height !== bitmap.height) {
      this.canvas.width = bitmap.width;
      this.canvas.height = bitmap.height;
    }
    this.context.drawImage(bitmap, 0, 0);
    bitmap.close();
  }
}
