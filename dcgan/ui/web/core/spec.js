// Picture texts (dcgan/latents/spec.py) taken apart and put together as strings; parse.js parses them.

export const VERSION = "v1";

/** @import { Parts } from "./types.d.ts" */

/** {model, weights, z, edits: [...]} of a text; throws an Error with a sentence for people.
 * @param {string} text
 * @returns {Parts} */
export function parts(text) {
  const [version, name = "", z, ...edits] = text.trim().split(/\s*:\s*/);
  const [model = "", weights] = name.split("@");
  if (version !== VERSION || !weights || !z) {
    throw new Error("This is not the text of a picture; one looks like v1:faces@01234567:z(1,0).");
  }
  return { model, weights, z, edits };
}

/** Whether a text can be taken apart; not whether it can be drawn.
 * @param {string} text */
export function isText(text) {
  try {
    parts(text);
    return true;
  } catch {
    return false;
  }
}

/** @param {Omit<Parts, "edits"> & { edits?: string[] }} parts */
export function join({ model, weights, z, edits = [] }) {
  return [VERSION, `${model}@${weights}`, z, ...edits].join(":");
}

/** The text inside a link to this page, or the text itself.
 * @param {string} pasted */
export function fromLink(pasted) {
  const text = pasted.trim();
  if (!/^https?:/.test(text)) return text;
  let link;
  try {
    link = new URL(text);
  } catch {
    throw new Error("This link can't be read; copy it again, or paste the picture's text.");
  }
  const spec = link.searchParams.get("spec");
  if (!spec) throw new Error("This link has no picture in it (no spec=...).");
  return spec;
}

/** A number as the canonical text has it: at most 6 decimals, no exponent.
 * @param {number} x */
export function number(x) {
  const scaled = Math.floor(Math.abs(x) * 1e6 + 0.5);
  const whole = Math.floor(scaled / 1e6);
  const rest = String(scaled % 1e6)
    .padStart(6, "0")
    .replace(/0+$/, "");
  return (x < 0 && scaled ? "-" : "") + whole + (rest && `.${rest}`);
}

/** @type {(seed: number, index: number) => string} */
export const draw = (seed, index) => `z(${seed},${index})`;

/** @type {(factor: number, z: string) => string} */
export const scale = (factor, z) => (factor === 1 ? z : `scale(${number(factor)},${z})`);

/** @type {(spherical: boolean, t: number, start: string, end: string) => string} */
export function between(spherical, t, start, end) {
  if (t <= 0) return start;
  if (t >= 1) return end;
  return `${spherical ? "slerp" : "lerp"}(${number(t)},${start},${end})`;
}

/** Places from 0 to 1 and back, ever more slowly at the ends, for t from 0 to 1.
 * @param {number} t */
export const thereAndBack = (t) => (1 - Math.cos(2 * Math.PI * t)) / 2;

/** {index, place}: which of `count` parts of a way a position lies in, and where in it, from 0 to 1;
 * positions before the first part or after the last one are its start or its end.
 * @param {number} position
 * @param {number} count */
export function partAt(position, count) {
  const within = Math.min(Math.max(position, 0), count);
  const index = Math.max(Math.min(Math.floor(within), count - 1), 0);
  return { index, place: within - index };
}

/** The text at a place of a walk: 0 is the first keyframe, 1 the next; on the way to one a picture
 * keeps the edits and the class of the one that it left. A place before the start or after the end
 * is that end. Throws an Error where there are no keyframes.
 * @param {string[]} keyframes
 * @param {number} at
 * @param {{ closed: boolean, spherical: boolean }} how */
export function along(keyframes, at, { closed, spherical }) {
  const { index: leg, place } = partAt(at, keyframes.length - (closed ? 0 : 1));
  const start = keyframes[leg];
  const end = keyframes[(leg + 1) % keyframes.length];
  if (start === undefined || end === undefined) {
    throw new Error("A walk needs at least one keyframe.");
  }
  const t = Number(number(place));
  if (t === 0) return start;
  if (t === 1) return end;
  const { z, ...rest } = parts(start);
  return join({ ...rest, z: between(spherical, t, z, parts(end).z) });
}

/** An exemplar: the mean of z's, of one the z itself.
 * @param {string[]} zs */
export const mean = (zs) =>
  zs[0] !== undefined && zs.length === 1 ? zs[0] : `mean(${zs.join(",")})`;

/** terms: [[weight, z], ...]
 * @param {[number, string][]} terms */
export const sum = (terms) =>
  `sum(${terms.map(([weight, z]) => `${number(weight)},${z}`).join(",")})`;

/** @type {(amplitude: number, seed: number, index: number, z: string) => string} */
export const noise = (amplitude, seed, index, z) =>
  `noise(${number(amplitude)},${seed},${index},${z})`;

/** z + amount * (to - from)
 * @type {(amount: number, from: string, to: string, z: string) => string} */
export const turn = (amount, from, to, z) =>
  number(amount) === "0" ? z : `turn(${number(amount)},${from},${to},${z})`;

/** {name, values} of name(value,value,...), cut at the outermost commas.
 * @param {string} z */
export function taken(z) {
  const open = z.indexOf("(");
  const values = [];
  let value = "";
  let depth = 0;
  for (const character of z.slice(open + 1, -1)) {
    if (character === "(") depth += 1;
    else if (character === ")") depth -= 1;
    if (character === "," && !depth) {
      values.push(value);
      value = "";
    } else value += character;
  }
  values.push(value);
  return { name: z.slice(0, open), values };
}

/** steps: {direction: amount}; amounts of 0 are left out.
 * @param {Record<string, number>} steps
 * @param {string} z */
export function move(steps, z) {
  const moved = Object.entries(steps).filter(([, amount]) => number(amount) !== "0");
  if (!moved.length) return z;
  return `move(${moved.map(([name, amount]) => `${name},${number(amount)}`).join(",")},${z})`;
}

/** The inverse of `move`: {steps, z}, without steps where z is no move.
 * @param {string} z
 * @returns {{ steps: Record<string, number>, z: string }} */
export function moves(z) {
  const [, moved, inner] = /^move\(((?:[a-z0-9_-]+,-?[0-9.]+,)+)(.*)\)$/.exec(z) ?? [];
  if (moved === undefined || inner === undefined) return { steps: {}, z };
  const pairs = Array.from(moved.matchAll(/([^,]+),([^,]+),/g), ([, name, amount]) => [
    name,
    Number(amount),
  ]);
  return { steps: Object.fromEntries(pairs), z: inner };
}

/** Feature maps as the text has them: 1.5.7-9.
 * @param {Iterable<number>} maps */
export function runs(maps) {
  /** @type {{ first: number, last: number }[]} */
  const found = [];
  for (const map of [...maps].sort((a, b) => a - b)) {
    const run = found.at(-1);
    if (run?.last === map - 1) run.last = map;
    else found.push({ first: map, last: map });
  }
  return found.map(({ first, last }) => (first === last ? first : `${first}-${last}`)).join(".");
}

/** @param {Uint8Array} bytes */
export function base64url(bytes) {
  const text = btoa(String.fromCharCode(...bytes));
  return text.replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

/** One bit per cell, row by row, in base64url; cells: an array of truths.
 * @param {boolean[]} cells */
function mask(cells) {
  /** @param {number} byte */
  const bits = (byte) =>
    cells
      .slice(8 * byte, 8 * byte + 8)
      .reduce((set, cell, bit) => set | (cell ? 128 >> bit : 0), 0);
  const length = Math.ceil(cells.length / 8);
  return base64url(Uint8Array.from({ length }, (_, byte) => bits(byte)));
}

/** Feature maps times a gain, everywhere or in the cells of a layer that are true.
 * @param {number} layer
 * @param {number} factor
 * @param {Iterable<number>} maps
 * @param {boolean[] | null} cells */
export function gain(layer, factor, maps, cells = null) {
  return `gain(${[layer, number(factor), runs(maps), ...(cells ? [mask(cells)] : [])].join(",")})`;
}

/** gain(...) texts on the way to them: at 0 nothing is changed, at 1 they are as they stand.
 * @param {string[]} gains
 * @param {number} place */
export function faded(gains, place) {
  if (place <= 0) return [];
  return gains.map((text) => {
    const [layer, factor, ...rest] = taken(text).values;
    return `gain(${[layer, number(1 + (Number(factor) - 1) * place), ...rest].join(",")})`;
  });
}

/** The class of a text's picture; undefined where the text has none.
 * @param {string} text */
export function label(text) {
  const edit = parts(text)
    .edits.map(taken)
    .find(({ name }) => name === "class");
  return edit && Number(edit.values[0]);
}

/** The picture of a text in another class.
 * @param {string} text
 * @param {number} number */
export function withLabel(text, number) {
  const { edits, ...rest } = parts(text);
  return join({
    ...rest,
    edits: [...edits.filter((e) => !e.startsWith("class(")), `class(${number})`],
  });
}

/** The picture of a text with these gains, in place of any that it has.
 * @param {string} text
 * @param {string[]} gains */
export function withGains(text, gains) {
  const { edits, ...rest } = parts(text);
  return join({ ...rest, edits: [...gains, ...edits.filter((e) => !e.startsWith("gain("))] });
}
