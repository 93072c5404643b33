// Picture texts (dcgan/spec.py): taken apart and put together as text; parse.js reads them strictly.

export const VERSION = "v1";

/** {model, weights, z, edits: [...]} of a text; throws an Error with a sentence for people. */
export function parts(text) {
  const [version, name = "", z, ...edits] = text.trim().split(/\s*:\s*/);
  const [model, weights] = name.split("@");
  if (version !== VERSION || !weights || !z) {
    throw new Error("This is not the text of a picture; one looks like v1:faces@01234567:z(1,0).");
  }
  return { model, weights, z, edits };
}

export function join({ model, weights, z, edits = [] }) {
  return [VERSION, `${model}@${weights}`, z, ...edits].join(":");
}

/** The text inside a link to this page, or the text itself. */
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

/** A number as the canonical text has it: at most 6 decimals, no exponent. */
export function number(x) {
  const scaled = Math.floor(Math.abs(x) * 1e6 + 0.5);
  const whole = Math.floor(scaled / 1e6);
  const rest = String(scaled % 1e6)
    .padStart(6, "0")
    .replace(/0+$/, "");
  return (x < 0 && scaled ? "-" : "") + whole + (rest && `.${rest}`);
}

export const draw = (seed, index) => `z(${seed},${index})`;

export const scale = (factor, z) => (factor === 1 ? z : `scale(${number(factor)},${z})`);

export function between(spherical, t, start, end) {
  if (t <= 0) return start;
  if (t >= 1) return end;
  return `${spherical ? "slerp" : "lerp"}(${number(t)},${start},${end})`;
}

/** Places from 0 to 1 and back, ever more slowly at the ends, for t from 0 to 1. */
export const thereAndBack = (t) => (1 - Math.cos(2 * Math.PI * t)) / 2;

/** {index, place}: which of `count` parts of a way a position lies in, and where in it, from 0 to 1;
 * positions before the first part or after the last one are its start or its end. */
export function partAt(position, count) {
  const within = Math.min(Math.max(position, 0), count);
  const index = Math.max(Math.min(Math.floor(within), count - 1), 0);
  return { index, place: within - index };
}

/** The text at a place of a walk: 0 is the first station, 1 the next; on the way to one a picture
 * keeps the edits and the class of the one that it left. A place before the start or after the end
 * is that end. Throws an Error where there are no stations. */
export function along(stations, at, { closed, spherical }) {
  if (!stations.length) throw new Error("A walk needs at least one station.");
  const { index: leg, place } = partAt(at, stations.length - (closed ? 0 : 1));
  const start = stations[leg];
  const end = stations[(leg + 1) % stations.length];
  const t = Number(number(place));
  if (t === 0) return start;
  if (t === 1) return end;
  const { z, ...rest } = parts(start);
  return join({ ...rest, z: between(spherical, t, z, parts(end).z) });
}

/** An exemplar: the mean of z's, of one the z itself. */
export const mean = (zs) => (zs.length === 1 ? zs[0] : `mean(${zs.join(",")})`);

/** terms: [[weight, z], ...] */
export const sum = (terms) =>
  `sum(${terms.map(([weight, z]) => `${number(weight)},${z}`).join(",")})`;

export const noise = (amplitude, seed, index, z) =>
  `noise(${number(amplitude)},${seed},${index},${z})`;

/** z + amount * (to - from) */
export const turn = (amount, from, to, z) =>
  number(amount) === "0" ? z : `turn(${number(amount)},${from},${to},${z})`;

/** {name, values} of name(value,value,...), cut at the outermost commas. */
export function taken(z) {
  const open = z.indexOf("(");
  const values = [""];
  let depth = 0;
  for (const character of z.slice(open + 1, -1)) {
    depth += { "(": 1, ")": -1 }[character] ?? 0;
    if (character === "," && !depth) values.push("");
    else values[values.length - 1] += character;
  }
  return { name: z.slice(0, open), values };
}

/** steps: {direction: amount}; amounts of 0 are left out. */
export function move(steps, z) {
  const moved = Object.entries(steps).filter(([, amount]) => number(amount) !== "0");
  if (!moved.length) return z;
  return `move(${moved.map(([name, amount]) => `${name},${number(amount)}`).join(",")},${z})`;
}

/** The inverse of `move`: {steps, z}, without steps where z is no move. */
export function moves(z) {
  const match = /^move\(((?:[a-z0-9_-]+,-?[0-9.]+,)+)(.*)\)$/.exec(z);
  if (!match) return { steps: {}, z };
  const words = match[1].split(",");
  const steps = {};
  for (let i = 0; i + 1 < words.length; i += 2) steps[words[i]] = Number(words[i + 1]);
  return { steps, z: match[2] };
}

/** Feature maps as the text has them: 1.5.7-9. */
export function runs(maps) {
  const found = [];
  for (const map of [...maps].sort((a, b) => a - b)) {
    if (found.at(-1)?.[1] === map - 1) found.at(-1)[1] = map;
    else found.push([map, map]);
  }
  return found.map(([first, last]) => (first === last ? first : `${first}-${last}`)).join(".");
}

export function base64url(bytes) {
  const text = btoa(String.fromCharCode(...bytes));
  return text.replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

/** One bit per cell, row by row, in base64url; cells: an array of truths. */
function mask(cells) {
  const bytes = new Uint8Array(Math.ceil(cells.length / 8));
  cells.forEach((cell, index) => {
    if (cell) bytes[index >> 3] |= 128 >> (index & 7);
  });
  return base64url(bytes);
}

/** Feature maps times a gain, everywhere or in the cells of a layer that are true. */
export function gain(layer, factor, maps, cells = null) {
  return `gain(${[layer, number(factor), runs(maps), ...(cells ? [mask(cells)] : [])].join(",")})`;
}

/** gain(...) texts on the way to them: at 0 nothing is changed, at 1 they are as they stand. */
export function faded(gains, place) {
  if (place <= 0) return [];
  return gains.map((text) => {
    const [layer, factor, ...rest] = taken(text).values;
    return `gain(${[layer, number(1 + (factor - 1) * place), ...rest].join(",")})`;
  });
}

/** The class of a text's picture; undefined where the text has none. */
export function label(text) {
  const edit = parts(text)
    .edits.map(taken)
    .find(({ name }) => name === "class");
  return edit && Number(edit.values[0]);
}

/** The picture of a text in another class. */
export function withLabel(text, number) {
  const { edits, ...rest } = parts(text);
  return join({
    ...rest,
    edits: [...edits.filter((e) => !e.startsWith("class(")), `class(${number})`],
  });
}

/** The picture of a text with these gains, in place of any that it has. */
export function withGains(text, gains) {
  const { edits, ...rest } = parts(text);
  return join({ ...rest, edits: [...gains, ...edits.filter((e) => !e.startsWith("gain("))] });
}
