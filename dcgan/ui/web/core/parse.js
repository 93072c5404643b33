// Picture texts as trees, read as strictly, and refused with the same sentences, as by dcgan/spec.py.

import { base64url, join, number, runs, VERSION } from "./spec.js";

const MAX_TEXT = 4096;
const MAX_DEPTH = 8;
const MAX_DRAWS = 64;
const MAX_MAP = 4095;
const MAX_MASK_BYTES = 2048;
const MAX_VALUES = 1024;
const STEPS = 4096;

/** A text that describes no picture; the message says which and why. */
export class SpecError extends Error {}

/** The text of a list of words and nodes, short enough for a sentence. */
function shown(values) {
  const text = `'${values.map((value) => (typeof value === "string" ? value : write(value)))}'`;
  return text.length > 30 ? `${text.slice(0, 13)}...${text.slice(-14)}` : text;
}

const unfit = (what, expected, ...values) =>
  new SpecError(`${what} must be ${expected}, not ${shown(values)}`);

// What may stand in one place: read(what, argument) gives the value of a word, of a node or of a list
// of them; its sentences call the place `what`.

/** value: null for a word that does not fit. */
const word = (expected, value, write = String) => ({
  write,
  read(what, argument) {
    const found = typeof argument === "string" ? value(argument) : null;
    if (found === null) throw unfit(what, expected, argument);
    return found;
  },
});

const matching = (pattern, expected) =>
  word(expected, (text) => (pattern.test(text) ? text : null));

const within = (low, value, high) => (low <= value && value <= high ? value : null);

const whole = (low, high) =>
  word(`a whole number from ${low} to ${high}`, (text) =>
    /^-?[0-9]+$/.test(text) ? within(low, Number(text) + 0, high) : null,
  ); // + 0: no -0

const decimal = (low, high) =>
  word(
    `a number from ${low} to ${high} with at most 6 decimals`,
    (text) =>
      /^-?[0-9]+(\.[0-9]{1,6}0*)?$/.test(text)
        ? within(low, Number(number(Number(text))), high)
        : null,
    number,
  );

const pair = (first, second, expected) => ({
  pair: true,
  read(what, both) {
    if (both.length !== 2) throw unfit(what, expected, ...both);
    return [first.read(what, both[0]), second.read(what, both[1])];
  },
  write: (both) => `${first.write(both[0])},${second.write(both[1])}`,
});

const inPairs = (values) =>
  Array.from({ length: Math.ceil(values.length / 2) }, (_, i) => values.slice(2 * i, 2 * i + 2));

const many = (field, low, high, items) => ({
  many: true,
  read(what, values) {
    const found = field.pair ? inPairs(values) : values;
    if (within(low, found.length, high) === null) {
      throw new SpecError(`${what} must be ${low} to ${high} ${items}, not ${found.length}`);
    }
    return found.map((item, i) => field.read(`item ${i + 1} of ${what}`, item));
  },
  write: (values) => values.map((value) => field.write(value)).join(","),
});

const LATENT = {
  write,
  read(what, argument) {
    if (typeof argument === "string") throw unfit(what, "a z such as z(1,0)", argument);
    return argument;
  },
};

const MAPS = word(
  `feature maps from 0 to ${MAX_MAP}, as in 1.5.7-9`,
  (text) => {
    const maps = new Set();
    for (const run of text.split(".")) {
      const ends = /^([0-9]+)(?:-([0-9]+))?$/.exec(run);
      const [first, last] = ends ? [Number(ends[1]), Number(ends[2] ?? ends[1])] : [];
      if (!(first <= last && last <= MAX_MAP)) return null;
      for (let map = first; map <= last; map++) maps.add(map);
    }
    return [...maps].sort((a, b) => a - b);
  },
  runs,
);

/** Bytes, or null for a text that is none in base64url. */
function fromBase64(text) {
  if (!/^[A-Za-z0-9_-]+$/.test(text) || text.length % 4 === 1) return null;
  const bytes = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(bytes, (byte) => byte.charCodeAt(0));
}

const MASK = word(
  `1 to ${MAX_MASK_BYTES} bytes, as text in base64url`,
  (text) => {
    const bytes = fromBase64(text);
    return bytes && within(1, bytes.length, MAX_MASK_BYTES) && bytes;
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
const GAINS = many({ read: (_, gain) => gain }, 0, 32, "gains");

// the fields of every node, in the order of the text
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
const EDITS = {
  gain: { layer: whole(1, 64), gain: decimal(0, 3), maps: MAPS, mask: { ...MASK, optional: true } },
  class: { label: whole(0, 9999) },
};

/**
 * {model, weights, z, gains, label} of a text; throws SpecError, whose sentence counts characters
 * from 1. z: a tree of {name, ...} with the fields above, such as {name: "z", seed, index}.
 * gains: [{name: "gain", layer, gain, maps, mask}], mask bytes or null. label: null without one.
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
  const z = reader.node(LATENTS);
  const edits = [];
  while (reader.accept(":")) edits.push(reader.node(EDITS));
  reader.expect("", "':' or the end of the text");
  const classes = edits.filter(({ name }) => name === "class");
  if (classes.length > 1) {
    throw new SpecError(`a picture has one class(...) at most, not ${classes.length}`);
  }
  return {
    model: MODEL.read("picture's model", model),
    weights: WEIGHTS.read("picture's weights", weights),
    z,
    gains: GAINS.read(
      "picture's gains",
      edits.filter(({ name }) => name === "gain"),
    ),
    label: classes[0]?.label ?? null,
  };
}

/** The canonical text of what `parse` gives; throws SpecError where it is too long to be read. */
export function print({ model, weights, z, gains, label }) {
  const edits = label === null ? gains : [...gains, { name: "class", label }];
  const text = join({ model, weights, z: write(z), edits: edits.map(write) });
  if (text.length > MAX_TEXT) {
    throw new SpecError(
      `this picture's text has ${text.length} characters, and at most ` +
        `${MAX_TEXT} fit: use fewer draws, gains or masks`,
    );
  }
  return text;
}

function write(node) {
  const fields = Object.entries(LATENTS[node.name] ?? EDITS[node.name]);
  const given = fields.filter(([name]) => node[name] !== null);
  return `${node.name}(${given.map(([name, field]) => field.write(node[name])).join(",")})`;
}

/** A text's words and other characters, one after the other. */
class Reader {
  #tokens;
  #next = 0;

  constructor(text) {
    const tokens = text.matchAll(/[A-Za-z0-9_./-]+|[^ \t\r\n]/gu);
    const end = { at: text.length + 1, token: "" };
    this.#tokens = [...Array.from(tokens, (t) => ({ at: t.index + 1, token: t[0] })), end, end];
  }

  accept(token) {
    if (this.#tokens[this.#next].token !== token) return false;
    this.#next += 1;
    return true;
  }

  expect(token, called = `'${token}'`) {
    if (!this.accept(token)) throw this.#unexpected(called);
  }

  word(called) {
    const { token } = this.#tokens[this.#next];
    if (!/^[A-Za-z0-9_./-]/.test(token)) throw this.#unexpected(called);
    this.#next += 1;
    return token;
  }

  node(types, depth = 1) {
    const { at, token: name } = this.#tokens[this.#next];
    if (!Object.hasOwn(types, name)) {
      throw this.#unexpected(
        Object.keys(types)
          .map((type) => `${type}(...)`)
          .join(" or "),
      );
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
      return build(name, types[name], values);
    } catch (error) {
      if (error instanceof SpecError) error.message = `at character ${at}: ${error.message}`;
      throw error;
    }
  }

  #value(depth) {
    const nested = this.#tokens[this.#next + 1].token === "(";
    return nested ? this.node(LATENTS, depth + 1) : this.word("a value");
  }

  #unexpected(expected) {
    const { at, token } = this.#tokens[this.#next];
    const found = token ? shown([token]) : "the end of the text";
    return new SpecError(`at character ${at}: expected ${expected}, found ${found}`);
  }
}

/** A node from what stands between its brackets: words, and nodes already built. */
function build(name, types, values) {
  const fields = Object.entries(types);
  const split = Math.max(values.length - fields.length + 1, 0);
  const found = fields[0][1].many ? [values.slice(0, split), ...values.slice(split)] : values;
  const required = fields.filter(([, field]) => !field.optional).length;
  if (within(required, found.length, fields.length) === null) {
    const form = `${name}(${Object.keys(types).join(",")})`;
    throw new SpecError(`expected the values of ${form}, found ${found.length}`);
  }
  const node = { name };
  fields.forEach(([part, field], i) => {
    node[part] = i < found.length ? field.read(`${name}'s ${part}`, found[i]) : null;
  });
  if (draws(node) > MAX_DRAWS) {
    throw new SpecError(`this ${name} is made of more than ${MAX_DRAWS} draws: use fewer`);
  }
  return node;
}

function draws(node) {
  const parts = Object.values(node)
    .flat(2)
    .filter((part) => part?.name);
  return parts.reduce((sum, part) => sum + draws(part), 0) || 1;
}
