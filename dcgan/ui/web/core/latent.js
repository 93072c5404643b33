// The mathematics of z, and the gains of edits, as in dcgan/latent.py: see there for what and why.

import { SpecError } from "./parse.js";

const DRAWS = 0;
const NOISE = 1;
const PARALLEL = 1e-6;
const REMEMBERED = 256; // draws: those of whatever is being dragged, at 60 frames a second

// A 64-bit number is four limbs of 16 bits, least significant first: until Chromium has optimised
// it, this is twice as fast as BigInt, which is no faster afterwards.
const ROUNDS = 10;
const limbs = (words) => new Uint16Array(BigUint64Array.from(words).buffer);
const MULTIPLIERS = [0xd2e7470ee14c6c93n, 0xca5a826395121157n].map((word) => limbs([word]));
const WEYL = [0x9e3779b97f4a7c15n, 0xbb67ae8584caa73bn];

/** `count` words of Philox4x64-10 with the key (seed, stream) and the counters (1, index, 0, 0), ... */
export function words(seed, index, count, stream = DRAWS) {
  const found = new BigUint64Array(4 * Math.ceil(count / 4));
  const all = new Uint16Array(found.buffer);
  const key = [seed, stream].map(BigInt);
  const keyAt = (i) => key[i % 2] + BigInt(i >> 1) * WEYL[i % 2];
  const keys = limbs(Array.from({ length: 2 * ROUNDS }, (_, i) => keyAt(i))); // two a round
  const p = new Uint16Array(8);
  const q = new Uint16Array(8);
  for (let at = 0; at < found.length; at += 4) {
    found.set([BigInt(at / 4 + 1), BigInt(index)], at);
    const block = all.subarray(4 * at, 4 * at + 16);
    for (let round = 0; round < ROUNDS; round++) {
      multiply(block, 0, MULTIPLIERS[0], p);
      multiply(block, 8, MULTIPLIERS[1], q);
      for (let i = 0; i < 4; i++) {
        block[i] = q[4 + i] ^ block[4 + i] ^ keys[8 * round + i];
        block[4 + i] = q[i];
        block[8 + i] = p[4 + i] ^ block[12 + i] ^ keys[8 * round + 4 + i];
        block[12 + i] = p[i];
      }
    }
  }
  return found.subarray(0, count);
}

/** product = the number that begins at a[at], times b; every sum stays below 2**32. */
function multiply(a, at, b, product) {
  product.fill(0);
  for (let i = 0; i < 4; i++) {
    let carry = 0;
    for (let j = 0; j < 4; j++) {
      const sum = product[i + j] + a[at + i] * b[j] + carry;
      product[i + j] = sum;
      carry = sum >>> 16;
    }
    product[i + 4] = carry;
  }
}

const recent = new Map();

/** A z of `size` numbers; prior: "uniform" or "normal". */
export function draw(seed, index, size, prior, stream = DRAWS) {
  const key = `${seed},${index},${size},${prior},${stream}`;
  const z = recent.get(key) ?? drawn(seed, index, size, prior, stream);
  recent.delete(key); // and set again, as the most recent
  recent.set(key, z);
  if (recent.size > REMEMBERED) recent.delete(recent.keys().next().value);
  return z.slice();
}

function drawn(seed, index, size, prior, stream) {
  const even = words(seed, index, size + (size % 2), stream);
  const u = Float64Array.from(even, (word) => Number(word >> 11n) / 2 ** 53);
  if (prior === "uniform") return u.map((x) => 2 * x - 1).slice(0, size);
  for (let i = 0; i < u.length; i += 2) {
    const radius = Math.sqrt(-2 * Math.log(1 - u[i]));
    const angle = 2 * Math.PI * u[i + 1];
    u[i] = radius * Math.cos(angle);
    u[i + 1] = radius * Math.sin(angle);
  }
  return u.slice(0, size);
}

/** terms: [[weight, z], ...] */
function sum(terms) {
  const total = new Float64Array(terms[0][1].length);
  for (const [weight, z] of terms) {
    for (let i = 0; i < total.length; i++) total[i] += weight * z[i];
  }
  return total;
}

const norm = (z) => Math.sqrt(z.reduce((squares, x) => squares + x * x, 0));

const lerp = (t, start, end) =>
  sum([
    [1 - t, start],
    [t, end],
  ]);

function slerp(t, start, end) {
  const norms = [norm(start), norm(end)];
  if (t === 0 || t === 1 || norms.includes(0)) return lerp(t, start, end);
  const a = start.map((x) => x / norms[0]);
  const b = end.map((x) => x / norms[1]);
  const angle =
    2 *
    Math.atan2(
      norm(
        sum([
          [1, a],
          [-1, b],
        ]),
      ),
      norm(
        sum([
          [1, a],
          [1, b],
        ]),
      ),
    );
  if (Math.sin(angle) < PARALLEL) return lerp(t, start, end);
  const length = ((1 - t) * norms[0] + t * norms[1]) / Math.sin(angle);
  return sum([
    [length * Math.sin((1 - t) * angle), a],
    [length * Math.sin(t * angle), b],
  ]);
}

/** The z that a tree of parse.js describes; directions: {name: array}. Throws
 * SpecError for any other direction, and for other than `size` values. */
export function evaluate(z, { size, prior, directions }) {
  const value = (z) => {
    switch (z.name) {
      case "z":
        return draw(z.seed, z.index, size, prior);
      case "at":
        if (z.values.length !== size) {
          throw new SpecError(
            `this model's z has ${size} values, not the ${z.values.length} of this at(...)`,
          );
        }
        return Float64Array.from(z.values);
      case "mean":
        return sum(z.zs.map((part) => [1, value(part)])).map((x) => x / z.zs.length);
      case "sum":
        return sum(z.terms.map(([weight, part]) => [weight, value(part)]));
      case "lerp":
        return lerp(z.t, value(z.start), value(z.end));
      case "slerp":
        return slerp(z.t, value(z.start), value(z.end));
      case "noise":
        return sum([
          [1, value(z.z)],
          [z.amplitude, draw(z.seed, z.index, size, "uniform", NOISE)],
        ]);
      case "move": {
        const moved = sum(z.steps.map(([name, amount]) => [amount, direction(name, directions)]));
        return sum([
          [1, value(z.z)],
          [1, moved],
        ]);
      }
      case "turn": {
        const base = value(z.z);
        return sum([
          [1, base],
          [
            z.amount,
            sum([
              [1, value(z.end)],
              [-1, value(z.start)],
            ]),
          ],
        ]);
      }
      case "scale":
        return sum([[z.factor, value(z.z)]]);
    }
  };
  return value(z);
}

function direction(name, directions) {
  if (!Object.hasOwn(directions, name)) {
    const known = Object.keys(directions).sort().join(", ") || "none";
    throw new SpecError(`this model has no direction called '${name}'; it has: ${known}`);
  }
  return directions[name];
}

/**
 * Factors in [0, 3] to multiply feature maps with: layer -> {shape, factors: Float32Array}, shape
 * [C, 1, 1], or [C, H, W] where an edit of the layer has a mask. layerShapes: [C, H, W] of layers
 * 1, 2, ... Throws SpecError for a layer, map or length of mask that the network does not have.
 */
export function gains(edits, layerShapes) {
  for (const edit of edits) check(edit, layerShapes);
  const found = new Map();
  for (const { layer, gain, maps, mask } of edits) {
    const [count, height, width] = layerShapes[layer - 1];
    const masked = edits.some((edit) => edit.layer === layer && edit.mask);
    const shape = masked ? [count, height, width] : [count, 1, 1];
    const cells = shape[1] * shape[2];
    const { factors } = found.get(layer) ?? { factors: new Float64Array(count * cells).fill(1) };
    for (const map of maps) {
      for (let cell = 0; cell < cells; cell++) {
        const applies = !mask || mask[cell >> 3] & (128 >> (cell & 7));
        if (applies) factors[map * cells + cell] *= gain;
      }
    }
    found.set(layer, { shape, factors });
  }
  for (const layer of found.values())
    layer.factors = Float32Array.from(layer.factors, (x) => Math.min(x, 3));
  return found;
}

function check({ layer, maps, mask }, layerShapes) {
  if (layer > layerShapes.length) {
    throw new SpecError(
      `this model's layers go from 1 to ${layerShapes.length}, so there is no layer ${layer} to edit`,
    );
  }
  const [count, height, width] = layerShapes[layer - 1];
  if (maps.at(-1) >= count) {
    throw new SpecError(
      `layer ${layer} has feature maps 0 to ${count - 1}, so there is no map ${maps.at(-1)} to edit`,
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
