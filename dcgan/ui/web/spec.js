// Picture texts (dcgan/spec.py): taken apart and put together as text; the engine evaluates them.

const VERSION = "v1";

/** {model, weights, z, edits: [...]} of a text; throws an Error with a sentence for people. */
export function parts(text) {
  const [version, name = "", z, ...edits] = text.trim().split(":");
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
  const rest = String(scaled % 1e6).padStart(6, "0").replace(/0+$/, "");
  return (x < 0 && scaled ? "-" : "") + whole + (rest && "." + rest);
}

export const draw = (seed, index) => `z(${seed},${index})`;

export const scale = (factor, z) => (factor === 1 ? z : `scale(${number(factor)},${z})`);

export function between(spherical, t, start, end) {
  if (t <= 0) return start;
  if (t >= 1) return end;
  return `${spherical ? "slerp" : "lerp"}(${number(t)},${start},${end})`;
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
