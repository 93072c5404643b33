// The mathematics of z, and the gains of edits, as in dcgan/latents/operations.py, which says why.

import { SpecError } from "./parse.js";

/** @import { Directions, GainEdit, Latent, LayerGains, Prior, Shape } from "./types.d.ts" */

const DRAWS = 0;
const NOISE = 1;
const PARALLEL = 1e-6;
const REMEMBERED = 256; // draws: those of whatever is being dragged, at 60 frames a second

// A 64-bit number is four limbs of 16 bits, least significant first: until Chromium has optimised
// it, this is twice as fast as BigInt, which is no faster afterwards.
const ROUNDS = 10;
/** @param {Iterable<bigint>} words */
const limbs = (words) => new Uint16Array(BigUint64Array.from(words).buffer);
const FIRST = limbs([0xd2e7470ee14c6c93n]);
const SECOND = limbs([0xca5a826395121157n]);
const WEYL = [0x9e3779b97f4a7c15n, 0xbb67ae8584caa73bn];

/** What an array holds at a place that it has: no array here is read beyond its end.
 * @template T
 * @param {ArrayLike<T>} values
 * @param {number} index */
const at = (values, index) => /** @type {T} */ (values[index]);

/** The same for limbs: a function that sees arrays of one type only is as quick as `values[index]`.
 * @param {Uint16Array} values
 * @param {number} index */
const limb = (values, index) => /** @type {number} */ (values[index]);

/** `count` words of Philox4x64-10 with the key (seed, stream) and the counters (1, index, 0, 0), ...
 * @param {number} seed
 * @param {number} index
 * @param {number} count */
export function words(seed, index, count, stream = DRAWS) {
  const found = new BigUint64Array(4 * Math.ceil(count / 4));
  const all = new Uint16Array(found.buffer);
  const key = [BigInt(seed), BigInt(stream)];
  const keys = limbs(
    // two a round
    Array.from({ length: 2 * ROUNDS }, (_, i) => at(key, i % 2) + BigInt(i >> 1) * at(WEYL, i % 2)),
  );
  const p = new Uint16Array(8);
  const q = new Uint16Array(8);
  for (let start = 0; start < found.length; start += 4) {
    found.set([BigInt(start / 4 + 1), BigInt(index)], start);
    const block = all.subarray(4 * start, 4 * start + 16);
    for (let round = 0; round < ROUNDS; round++) {
      multiply(block, 0, FIRST, p);
      multiply(block, 8, SECOND, q);
      for (let i = 0; i < 4; i++) {
        block[i] = limb(q, 4 + i) ^ limb(block, 4 + i) ^ limb(keys, 8 * round + i);
        block[4 + i] = limb(q, i);
        block[8 + i] = limb(p, 4 + i) ^ limb(block, 12 + i) ^ limb(keys, 8 * round + 4 + i);
        block[12 + i] = limb(p, i);
      }
    }
  }
  return found.subarray(0, count);
}

/** product = the number that begins at a[start], times b; every sum stays below 2**32.
 * @param {Uint16Array} a
 * @param {number} start
 * @param {Uint16Array} b
 * @param {Uint16Array} product */
function multiply(a, start, b, product) {
  product.fill(0);
  for (let i = 0; i < 4; i++) {
    let carry = 0;
    for (let j = 0; j < 4; j++) {
      const sum = limb(product, i + j) + limb(a, start + i) * limb(b, j) + carry;
      product[i + j] = sum;
      carry = sum >>> 16;
    }
    product[i + 4] = carry;
  }
}

/** @type {Map<string, Float64Array>} */
const recent = new Map();

/** A z of `size` numbers.
 * @param {number} seed
 * @param {number} index
 * @param {number} size
 * @param {Prior} prior */
export function draw(seed, index, size, prior, stream = DRAWS) {
  const key = `${seed},${index},${size},${prior},${stream}`;
  const z = recent.get(key) ?? drawn(seed, index, size, prior, stream);
  recent.delete(key); // and set again, as the most recent
  recent.set(key, z);
  for (const oldest of recent.keys()) {
    if (recent.size <= REMEMBERED) break;
    recent.delete(oldest);
  }
  return z.slice();
}

/** @type {(seed: number, index: number, size: number, prior: Prior, stream: number) => Float64Array} */
function drawn(seed, index, size, prior, stream) {
  const even = words(seed, index, size + (size % 2), stream);
  const u = Float64Array.from(even, (word) => Number(word >> 11n) / 2 ** 53);
  if (prior === "uniform") return u.map((x) => 2 * x - 1).slice(0, size);
  for (let i = 0; i < u.length; i += 2) {
    const radius = Math.sqrt(-2 * Math.log(1 - at(u, i)));
    const angle = 2 * Math.PI * at(u, i + 1);
    u[i] = radius * Math.cos(angle);
    u[i + 1] = radius * Math.sin(angle);
  }
  return u.slice(0, size);
}

/** The sum of z's, each with its weight.
 * @param {[weight: number, z: Float64Array][]} terms */
function sum(...terms) {
  const total = new Float64Array(at(terms, 0)[1].length);
  for (const [weight, z] of terms) {
    for (let i = 0; i < total.length; i++) total[i] = at(total, i) + weight * at(z, i);
  }
  return total;
}

/** @param {Float64Array} z */
const norm = (z) => Math.sqrt(z.reduce((squares, x) => squares + x * x, 0));

/** @type {(t: number, start: Float64Array, end: Float64Array) => Float64Array} */
const lerp = (t, start, end) => sum([1 - t, start], [t, end]);

/** @type {(t: number, start: Float64Array, end: Float64Array) => Float64Array} */
function slerp(t, start, end) {
  const [startNorm, endNorm] = [norm(start), norm(end)];
  if (t === 0 || t === 1 || startNorm === 0 || endNorm === 0) return lerp(t, start, end);
  const a = start.map((x) => x / startNorm);
  const b = end.map((x) => x / endNorm);
  const angle = 2 * Math.atan2(norm(sum([1, a], [-1, b])), norm(sum([1, a], [1, b])));
  if (Math.sin(angle) < PARALLEL) return lerp(t, start, end);
  const length = ((1 - t) * startNorm + t * endNorm) / Math.sin(angle);
  return sum([length * Math.sin((1 - t) * angle), a], [length * Math.sin(t * angle), b]);
}

/** Throws SpecError for a direction that is not among these, and for other than `size` values: the
 * first in the order of the text.
 * @param {Latent} z
 * @param {number} size
 * @param {Directions} directions */
function checkLatent(z, size, directions) {
  switch (z.name) {
    case "z":
      return;
    case "at":
      if (z.values.length === size) return;
      throw new SpecError(
        `this model's z has ${size} values, not the ${z.values.length} of this at(...)`,
      );
    case "move":
      for (const [name] of z.steps) named(name, directions);
  }
  for (const part of partsOf(z)) checkLatent(part, size, directions);
}

/** The z's that one is made of.
 * @param {Latent} z
 * @returns {Latent[]} */
function partsOf(z) {
  switch (z.name) {
    case "z":
    case "at":
      return [];
    case "mean":
      return z.zs;
    case "sum":
      return z.terms.map(([, part]) => part);
    case "lerp":
    case "slerp":
      return [z.start, z.end];
    case "turn":
      return [z.start, z.end, z.z];
    case "noise":
    case "move":
    case "scale":
      return [z.z];
  }
}

/** The z that a tree of parse.js describes; directions: {name: array}. Throws
 * SpecError as `checkLatent` does.
 * @param {Latent} z
 * @param {{ size: number, prior: Prior, directions: Directions }} model */
export function evaluate(z, { size, prior, directions }) {
  /** @type {(z: Latent) => Float64Array} */
  const value = (z) => {
    switch (z.name) {
      case "z":
        return draw(z.seed, z.index, size, prior);
      case "at":
        return Float64Array.from(z.values);
      case "mean":
        return sum(...z.zs.map(weighted(1))).map((x) => x / z.zs.length);
      case "sum":
        return sum(...z.terms.map(([weight, part]) => weighted(weight)(part)));
      case "lerp":
        return lerp(z.t, value(z.start), value(z.end));
      case "slerp":
        return slerp(z.t, value(z.start), value(z.end));
      case "noise": {
        const noise = draw(z.seed, z.index, size, "uniform", NOISE);
        return sum([1, value(z.z)], [z.amplitude, noise]);
      }
      case "move": {
        const moved = sum(...z.steps.map((step) => along(step, directions)));
        return sum([1, value(z.z)], [1, moved]);
      }
      case "turn": {
        const base = value(z.z);
        return sum([1, base], [z.amount, sum([1, value(z.end)], [-1, value(z.start)])]);
      }
      case "scale":
        return sum([z.factor, value(z.z)]);
    }
  };
  /** @type {(weight: number) => (z: Latent) => [number, Float64Array]} */
  const weighted = (weight) => (z) => [weight, value(z)];
  checkLatent(z, size, directions);
  return value(z);
}

/** A direction with the amount of a step along it.
 * @param {[string, number]} step
 * @param {Directions} directions
 * @returns {[number, Float64Array]} */
function along([name, amount], directions) {
  return [amount, Float64Array.from(named(name, directions))];
}

/** @param {string} name
 * @param {Directions} directions */
function named(name, directions) {
  const found = Object.hasOwn(directions, name) ? directions[name] : undefined;
  if (!found) {
    const known = Object.keys(directions).sort().join(", ") || "none";
    throw new SpecError(`this model has no direction called '${name}'; it has: ${known}`);
  }
  return found;
}

/**
 * Factors in [0, 3] to multiply feature maps with, by layer: of the shape [C, 1, 1], or [C, H, W]
 * where an edit of the layer has a mask. layerShapes: those of layers 1, 2, ... Throws SpecError
 * for a layer, map or length of mask that the network does not have.
 * @param {GainEdit[]} edits
 * @param {Shape[]} layerShapes
 */
export function gains(edits, layerShapes) {
  for (const edit of edits) check(edit, layerShapes);
  /** @type {Map<number, { shape: Shape, factors: Float64Array }>} */
  const found = new Map();
  for (const { layer, gain, maps, mask } of edits) {
    const [count, height, width] = at(layerShapes, layer - 1);
    const masked = edits.some((edit) => edit.layer === layer && edit.mask);
    /** @type {Shape} */
    const shape = masked ? [count, height, width] : [count, 1, 1];
    const cells = shape[1] * shape[2];
    const { factors } = found.get(layer) ?? { factors: new Float64Array(count * cells).fill(1) };
    for (const map of maps) {
      for (let cell = 0; cell < cells; cell++) {
        const applies = !mask || at(mask, cell >> 3) & (128 >> (cell & 7));
        if (applies) factors[map * cells + cell] = at(factors, map * cells + cell) * gain;
      }
    }
    found.set(layer, { shape, factors });
  }
  /** @type {Map<number, LayerGains>} */
  const limited = new Map();
  for (const [layer, { shape, factors }] of found) {
    limited.set(layer, { shape, factors: Float32Array.from(factors, (x) => Math.min(x, 3)) });
  }
  return limited;
}

/** @param {GainEdit} edit
 * @param {Shape[]} layerShapes */
function check({ layer, maps, mask }, layerShapes) {
  const shape = layerShapes[layer - 1];
  if (!shape) {
    throw new SpecError(
      `this model's layers go from 1 to ${layerShapes.length}, so there is no layer ${layer} to edit`,
    );
  }
  const [count, height, width] = shape;
  const missing = maps.findLast((map) => map >= count);
  if (missing !== undefined) {
    throw new SpecError(
      `layer ${layer} has feature maps 0 to ${count - 1}, so there is no map ${missing} to edit`,
    );
  }
  const expected = Math.ceil((height * width) / 8);
  if (mask && mask.length !== expected) {
    throw new SpecError(
      `a mask for layer ${layer} (${height} x ${width}) must have ` +
        `${expected} bytes, one bit per cell, not ${mask.length}`,
    );
  }
}
