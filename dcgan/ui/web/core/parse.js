// Parses picture texts into trees, with the checks and the sentences of dcgan/latents/spec.py.

import { base64url, join, number, runs, VERSION } from "./spec.js";

/** @import { Argument, ClassEdit, Field, Fields, GainEdit, Latent, NodeTypes, Spec } from "./types.d.ts" */

const MAX_TEXT = 4096;
const MAX_DEPTH = 8;
const MAX_DRAWS = 64;
const MAX_MAP = 4095;
const MAX_MASK_BYTES = 2048;
const MAX_VALUES = 1024;
const STEPS = 4096;

/** A text that describes no picture; the message says which and why. */
export class SpecError extends Error {}

/** The text of a list of words and nodes, short enough for a sentence.
 * @param {Argument[]} values */
function shown(values) {
  const text = `'${values.map((value) => (typeof value === "string" ? value : write(value)))}'`;
  return text.length > 30 ? `${text.slice(0, 13)}...${text.slice(-14)}` : text;
}

/** @type {(argument: Argument | Argument[]) => Argument[]} */
const listed = (argument) => (Array.isArray(argument) ? argument : [argument]);

/** @type {(what: string, expected: string, argument: Argument | Argument[]) => SpecError} */
const unfit = (what, expected, argument) =>
  new SpecError(`${what} must be ${expected}, not ${shown(listed(argument))}`);

// What may stand in one place: read(what, argument) gives the value of a word, of a node or of a list
// of them; its sentences call the place `what`.

/** value: null for a word that does not fit.
 * @template T
 * @param {string} expected
 * @param {(text: string) => T | null} value
 * @param {(value: T) => string} write
 * @returns {Field<T>} */
const word = (expected, value, write = String) => ({
  write,
  read(what, argument) {
    const found = typeof argument === "string" ? value(argument) : null;
    if (found === null) throw unfit(what, expected, argument);
    return found;
  },
});

/** @type {(pattern: RegExp, expected: string) => Field<string>} */
const matching = (pattern, expected) =>
  word(expected, (text) => (pattern.test(text) ? text : null));

/** @type {(low: number, value: number, high: number) => number | null} */
const within = (low, value, high) => (low <= value && value <= high ? value : null);

/** @type {(low: number, high: number) => Field<number>} */
const whole = (low, high) =>
  word(`a whole number from ${low} to ${high}`, (text) =>
    /^-?[0-9]+$/.test(text) ? within(low, Number(text) + 0, high) : null,
  ); // + 0: no -0

/** @type {(low: number, high: number) => Field<number>} */
const decimal = (low, high) =>
  word(
    `a number from ${low} to ${high} with at most 6 decimals`,
    (text) =>
      /^-?[0-9]+(\.[0-9]{1,6}0*)?$/.test(text)
        ? within(low, Number(number(Number(text))), high)
        : null,
    number,
  );

/** @template A, B
 * @param {Field<A>} first
 * @param {Field<B>} second
 * @param {string} expected
 * @returns {Field<[A, B]>} */
const pair = (first, second, expected) => ({
  pair: true,
  read(what, argument) {
    const [one, other, ...more] = listed(argument);
    if (one === undefined || other === undefined || more.length) {
      throw unfit(what, expected, argument);
    }
    return [first.read(what, one), second.read(what, other)];
  },
  write: (both) => `${first.write(both[0])},${second.write(both[1])}`,
});

/** @type {(values: Argument[]) => Argument[][]} */
const inPairs = (values) =>
  Array.from({ length: Math.ceil(values.length / 2) }, (_, i) => values.slice(2 * i, 2 * i + 2));

/** @template T
 * @param {Field<T>} field
 * @param {number} low
 * @param {number} high
 * @param {string} items
 * @returns {Field<T[]>} */
const many = (field, low, high, items) => ({
  many: true,
  read(what, argument) {
    const values = listed(argument);
    const found = field.pair ? inPairs(values) : values;
    if (within(low, found.length, high) === null) {
      throw new SpecError(`${what} must be ${low} to ${high} ${items}, not ${found.length}`);
    }
    return found.map((item, i) => field.read(`item ${i + 1} of ${what}`, item));
  },
  write: (values) => values.map((value) => field.write(value)).join(","),
});

/** @type {Field<Latent>} */
const LATENT = {
  write,
  read(what, argument) {
    if (typeof argument === "string" || Array.isArray(argument)) {
      throw unfit(what, "a z such as z(1,0)", argument);
    }
    return argument;
  },
};

const MAPS = word(
  `feature maps from 0 to ${MAX_MAP}, as in 1.5.7-9`,
  (text) => {
    const maps = new Set();
    for (const run of text.split(".")) {
      const [, start, end = start] = /^([0-9]+)(?:-([0-9]+))?$/.exec(run) ?? [];
      const [first, last] = [Number(start), Number(end)]; // NaN where it is no run
      if (!(first <= last && last <= MAX_MAP)) return null;
      for (let map = first; map <= last; map++) maps.add(map);
    }
    return [...maps].sort((a, b) => a - b);
  },
  runs,
);

/** Bytes, or null for a text that is none in base64url.
 * @param {string} text */
function fromBase64(text) {
  if (!/^[A-Za-z0-9_-]+$/.test(text) || text.length % 4 === 1) return null;
  const bytes = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(bytes, (byte) => byte.charCodeAt(0));
}

const MASK = word(
  `1 to ${MAX_MASK_BYTES} bytes, as text in base64url`,
  (text) => {
    const bytes = fromBase64(text);
    return bytes && within(1, bytes.length, MAX_MASK_BYTES) ? bytes : null;
  },
  base64url,
);

const VALUES = word(
  `1 to ${MAX_VALUES} numbers from -8 to 8, as text in base64url`,
  (text) => {
    const bytes = fromBase64(text);
    if (!bytes || bytes.length % 2 || !within(2, bytes.length, 2 * MAX_VALUES)) return null;
    const view = new DataView(bytes.buffer);
    return Array.from({ length: bytes.length / 2 }, (_, i) => view.getInt16(2 * i, true) / STEPS);
  },
  (values) => {
    const view = new DataView(new ArrayBuffer(2 * values.length));
    values.forEach((x, i) => {
      view.setInt16(2 * i, x * STEPS, true);
    });
    return base64url(new Uint8Array(view.buffer));
  },
);

const CHARACTERS = "of the characters a-z, 0-9, _ and -";
const MODEL = matching(
  /^[a-z0-9_-]{1,64}(\/[a-z0-9_-]{1,64})?$/,
  `one or two names ${CHARACTERS}, with /`,
);
const WEIGHTS = matching(/^[0-9a-f]{8}$/, "8 hexadecimal digits (0-9, a-f)");
const DIRECTION = matching(/^[a-z0-9_-]{1,64}$/, `a name ${CHARACTERS}`);
const SEED = whole(0, 2 ** 53 - 1);
const INDEX = whole(0, 2 ** 32 - 1);
const FRACTION = decimal(0, 1);
const FACTOR = decimal(-100, 100);
const TERM = pair(FACTOR, LATENT, "a weight and a z");
const STEP = pair(DIRECTION, FACTOR, "a direction and an amount");
const MAX_GAINS = 32;

// the fields of every node, in the order of the text
/** @satisfies {NodeTypes} */
const LATENTS = {
  z: { seed: SEED, index: INDEX },
  at: { values: VALUES },
  mean: { zs: many(LATENT, 2, 16, "z's") },
  sum: { terms: many(TERM, 1, 64, "weighted z's") },
  lerp: { t: FRACTION, start: LATENT, end: LATENT },
  slerp: { t: FRACTION, start: LATENT, end: LATENT },
  noise: { amplitude: decimal(0, 10), seed: SEED, index: INDEX, z: LATENT },
  move: { steps: many(STEP, 1, 16, "steps"), z: LATENT },
  turn: { amount: FACTOR, start: LATENT, end: LATENT, z: LATENT },
  scale: { factor: FACTOR, z: LATENT },
};
/** @satisfies {NodeTypes} */
const EDITS = {
  gain: { layer: whole(1, 64), gain: decimal(0, 3), maps: MAPS, mask: { ...MASK, optional: true } },
  class: { label: whole(0, 9999) },
};

/**
 * {model, weights, z, gains, label} of a text; throws SpecError, whose sentence counts characters
 * from 1. z: a tree of {name, ...} with the fields above, such as {name: "z", seed, index}.
 * gains: [{name: "gain", layer, gain, maps, mask}], mask bytes or null. label: null without one.
 * @param {string} text
 * @returns {Spec}
 */
export function parse(text) {
  if (typeof text !== "string" || text.length > MAX_TEXT) {
    throw new SpecError(`a picture's text must be a string of at most ${MAX_TEXT} characters`);
  }
  const reader = new Reader(text);
  reader.expect(VERSION);
  reader.expect(":");
  const model = reader.word("the model's name");
  reader.expect("@");
  const weights = reader.word("8 digits of the weights' hash");
  reader.expect(":");
  const z = reader.latent();
  /** @type {GainEdit[]} */
  const gains = [];
  /** @type {ClassEdit[]} */
  const classes = [];
  while (reader.accept(":")) {
    const edit = reader.edit();
    if (edit.name === "gain") gains.push(edit);
    else classes.push(edit);
  }
  reader.expect("", "':' or the end of the text");
  if (classes.length > 1) {
    throw new SpecError(`a picture has one class(...) at most, not ${classes.length}`);
  }
  const spec = {
    model: MODEL.read("picture's model", model),
    weights: WEIGHTS.read("picture's weights", weights),
    z,
    gains,
    label: classes[0]?.label ?? null,
  };
  if (gains.length > MAX_GAINS) {
    throw new SpecError(`picture's gains must be 0 to ${MAX_GAINS} gains, not ${gains.length}`);
  }
  return spec;
}

/** The canonical text of what `parse` gives; throws SpecError where it is too long to be read.
 * @param {Spec} spec */
export function print({ model, weights, z, gains, label }) {
  const edits = gains.map(write);
  if (label !== null) edits.push(write({ name: "class", label }));
  const text = join({ model, weights, z: write(z), edits });
  if (text.length > MAX_TEXT) {
    throw new SpecError(
      `this picture's text has ${text.length} characters, and at most ` +
        `${MAX_TEXT} fit: use fewer draws, gains or masks`,
    );
  }
  return text;
}

/** @param {Latent | GainEdit | ClassEdit} node
 * @returns {string} */
function write(node) {
  /** @type {NodeTypes} */
  const types = { ...LATENTS, ...EDITS };
  /** @type {Record<string, unknown>} */
  const values = { ...node };
  const given = Object.entries(types[node.name] ?? {}).filter(([part]) => values[part] !== null);
  return `${node.name}(${given.map(([part, field]) => field.write(values[part])).join(",")})`;
}

/** A text's words and other characters, one after the other. */
class Reader {
  #tokens;
  #end;
  #next = 0;

  /** @param {string} text */
  constructor(text) {
    const tokens = text.matchAll(/[A-Za-z0-9_./-]+|[^ \t\r\n]/gu);
    this.#tokens = Array.from(tokens, (t) => ({ at: t.index + 1, token: t[0] }));
    this.#end = { at: text.length + 1, token: "" };
  }

  /** The token that is `further` tokens ahead. */
  #ahead(further = 0) {
    return this.#tokens[this.#next + further] ?? this.#end;
  }

  /** @param {string} token */
  accept(token) {
    if (this.#ahead().token !== token) return false;
    this.#next += 1;
    return true;
  }

  /** @param {string} token */
  expect(token, called = `'${token}'`) {
    if (!this.accept(token)) throw this.#unexpected(called);
  }

  /** @param {string} called */
  word(called) {
    const { token } = this.#ahead();
    if (!/^[A-Za-z0-9_./-]/.test(token)) throw this.#unexpected(called);
    this.#next += 1;
    return token;
  }

  latent(depth = 1) {
    return /** @type {Latent} */ (this.#node(LATENTS, depth)); // it has the fields that LATENTS names
  }

  edit() {
    return /** @type {GainEdit | ClassEdit} */ (this.#node(EDITS, 1)); // those that EDITS names
  }

  /** @param {NodeTypes} types
   * @param {number} depth
   * @returns {unknown} */
  #node(types, depth) {
    const { at, token: name } = this.#ahead();
    const fields = Object.hasOwn(types, name) ? types[name] : undefined;
    if (!fields) {
      const forms = Object.keys(types).map((type) => `${type}(...)`);
      throw this.#unexpected(forms.join(" or "));
    }
    if (depth > MAX_DEPTH) {
      throw new SpecError(`at character ${at}: a z may be nested ${MAX_DEPTH} deep at most`);
    }
    this.#next += 1;
    this.expect("(");
    const values = [this.#value(depth)];
    while (this.accept(",")) values.push(this.#value(depth));
    this.expect(")", "',' or ')'");
    try {
      return build(name, fields, values);
    } catch (error) {
      if (error instanceof SpecError) error.message = `at character ${at}: ${error.message}`;
      throw error;
    }
  }

  /** @param {number} depth */
  #value(depth) {
    const nested = this.#ahead(1).token === "(";
    return nested ? this.latent(depth + 1) : this.word("a value");
  }

  /** @param {string} expected */
  #unexpected(expected) {
    const { at, token } = this.#ahead();
    const found = token ? shown([token]) : "the end of the text";
    return new SpecError(`at character ${at}: expected ${expected}, found ${found}`);
  }
}

/** A node from what stands between its brackets.
 * @param {string} name
 * @param {Fields} types
 * @param {Argument[]} values */
function build(name, types, values) {
  const fields = Object.entries(types);
  const split = Math.max(values.length - fields.length + 1, 0);
  const takesRest = fields[0]?.[1].many;
  const found = takesRest ? [values.slice(0, split), ...values.slice(split)] : values;
  const required = fields.filter(([, field]) => !field.optional).length;
  if (within(required, found.length, fields.length) === null) {
    const form = `${name}(${Object.keys(types).join(",")})`;
    throw new SpecError(`expected the values of ${form}, found ${found.length}`);
  }
  const parts = fields.map(([part, field], i) => {
    const argument = found[i];
    return [part, argument === undefined ? null : field.read(`${name}'s ${part}`, argument)];
  });
  const node = { name, ...Object.fromEntries(parts) };
  if (draws(node) > MAX_DRAWS) {
    throw new SpecError(`this ${name} is made of more than ${MAX_DRAWS} draws: use fewer`);
  }
  return node;
}

/** How many draws a node is made of.
 * @param {object} node
 * @returns {number} */
function draws(node) {
  let count = 0;
  for (const part of Object.values(node).flat(2)) if (part?.name) count += draws(part);
  return count || 1;
}
