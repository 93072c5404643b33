// Numbers -> bytes of pixels, rounded to the same as Python's. Without DOM, for the worker.

/** @import { NetworkFacts } from "./types.d.ts" */

const OVERLAY_COLOUR = [10, 190, 255]; // as in dcgan/ui/routes/forget.py
const OVERLAY_OPACITY = 0.85;

/** (C, H, W) in the network's range -> RGBA, as images.to_uint8; grey ones get three channels.
 * @param {Float32Array} values
 * @param {Pick<NetworkFacts, "size" | "output">} network */
export function rgba(values, { size, output }) {
  const cells = size * size;
  const grey = values.length === cells;
  const { low, factor } = output === "tanh" ? { low: -1, factor: 127.5 } : { low: 0, factor: 255 };
  const pixels = new Uint8ClampedArray(4 * cells).fill(255);
  for (let channel = 0; channel < 3; channel++) {
    const from = grey ? 0 : channel * cells;
    for (let i = 0; i < cells; i++) {
      // in single precision, or a value near the middle of two bytes becomes another than there
      pixels[4 * i + channel] = Math.fround(Math.fround((values[from + i] ?? 0) - low) * factor);
    }
  }
  return pixels;
}

/** A map (H, W) on several pictures -> RGBA each, most opaque where it is largest on any: as
 * overlay_pixels in dcgan/ui/routes/forget.py.
 * @param {Float32Array[]} active */
export function overlays(active) {
  const largest = active.map((values) => values.reduce((most, value) => Math.max(most, value), 0));
  const most = Math.max(1e-6, ...largest);
  return active.map((values) => {
    const pixels = new Uint8ClampedArray(4 * values.length);
    values.forEach((value, cell) => {
      pixels.set([...OVERLAY_COLOUR, (value * (255 * OVERLAY_OPACITY)) / most], 4 * cell);
    });
    return pixels;
  });
}

/** RGBA `width` wide -> RGBA `scale` times as wide and as high: every pixel a square.
 * @param {Uint8ClampedArray} pixels
 * @param {number} width
 * @param {number} scale */
export function enlarged(pixels, width, scale) {
  const across = width * scale;
  const high = (pixels.length / 4 / width) * scale;
  const larger = new Uint8ClampedArray(4 * across * high);
  for (let row = 0; row < high; row++) {
    for (let column = 0; column < across; column++) {
      const from = 4 * (Math.floor(row / scale) * width + Math.floor(column / scale));
      larger.set(pixels.subarray(from, from + 4), 4 * (row * across + column));
    }
  }
  return larger;
}

/** Mean and largest difference between neighbours, each RGBA: as step_sizes in
 * dcgan/ui/serving/http.py.
 * @param {Uint8ClampedArray[]} pictures */
export function stepSizes(pictures) {
  const sizes = pictures.slice(1).map((data, index) => {
    const before = pictures[index] ?? data;
    const squares = data.reduce((sum, value, i) => sum + (value - (before[i] ?? value)) ** 2, 0);
    return Math.sqrt(squares / (0.75 * data.length)); // of alpha: 0
  });
  const mean = sizes.reduce((sum, size) => sum + size, 0) / Math.max(sizes.length, 1);
  return { mean, largest: Math.max(0, ...sizes) };
}
