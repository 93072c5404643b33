// The bank of sliders as data: what they make of a z, directions of the visitor's own, settings kept
// by name, and both as text.
//
// A setting is {steps: {direction: amount}, turns: [{name, from: [z...], to: [z...], amount}]}: the
// model's directions, and the visitor's own, each the way from one mean to another.

import { page } from "../core/page.js";
import { join, mean, move, moves, parts, taken, turn } from "../core/spec.js";
import { read, write } from "../core/store.js";
import { sheet } from "../engine/engine.js";

const KEY = "dcgan.bank";
const MOST = 4; // directions of one's own: a z is nested 8 deep at most, and made of 64 draws
const KEPT = 20; // settings
const ZS = 4; // on either side of a direction, as in the Turn tab
const LONGEST = 40; // characters of a name
export const FORM = '{"model": "faces@01234567", "steps": {"pc1": 1.5}}';

const ends = ({ from, to }) => [mean(from), mean(to)];
const alike = (one, other) => String(ends(one)) === String(ends(other));
const here = () => `${page.model.name}@${page.model.weights}`;

class Bank extends EventTarget {
  #kept = read(KEY, {}); // {own, saved} of each model, by its weights' hash

  /** The visitor's own directions for the current model, {name, from, to} each. */
  get own() {
    return this.#here().own;
  }

  /** Settings for the current model, by name. */
  get saved() {
    return this.#here().saved;
  }

  /** Throws an Error with a sentence where there is no place for one more. */
  add({ name, from, to }) {
    if (this.own.some((known) => alike(known, { from, to }))) return;
    if (this.own.length >= MOST) {
      throw new Error(`There is place for ${MOST} directions of your own; take one out first.`);
    }
    const free = [1, 2, 3, 4].find((n) => !this.own.some((known) => known.name === `Own ${n}`));
    this.#put({ own: [...this.own, { name: name || `Own ${free}`, from, to }] });
  }

  drop(index) {
    this.#put({ own: this.own.toSpliced(index, 1) });
  }

  /** Keeps a setting; one of the same name is replaced. Throws as `add` does. */
  save(name, setting) {
    const { [name]: _, ...others } = this.saved;
    if (Object.keys(others).length >= KEPT) {
      throw new Error(`${KEPT} settings are kept at most; forget one first.`);
    }
    this.#put({ saved: { ...others, [name]: setting } });
  }

  forget(name) {
    const { [name]: _, ...others } = this.saved;
    this.#put({ saved: others });
  }

  /** {steps, amounts, z}: how far the sliders have moved a z; amounts are those of `own`. */
  apart(z) {
    const amounts = this.own.map(() => 0);
    let steps = null;
    for (;;) {
      const inner = moves(z);
      if (!steps && inner.z !== z) {
        ({ steps, z } = inner);
        continue;
      }
      const { name, values } = taken(z);
      const place =
        name === "turn"
          ? this.own.findIndex((one) => String(ends(one)) === `${values[1]},${values[2]}`)
          : -1;
      if (place < 0 || amounts[place]) return { steps: steps ?? {}, amounts, z };
      amounts[place] = Number(values[0]);
      z = values[3];
    }
  }

  /** The inverse of `apart`. */
  together({ steps, amounts, z }) {
    const ordered = page.model.directions.map((name) => [name, steps[name] ?? 0]);
    const turned = (inner, one, index) => turn(amounts[index], ...ends(one), inner);
    return this.own.reduce(turned, move(Object.fromEntries(ordered), z));
  }

  /** The setting of the picture on the stage, with all directions of the visitor's own. */
  setting() {
    const { steps, amounts } = this.apart(parts(page.picture).z);
    return { steps, turns: this.own.map((one, index) => ({ ...one, amount: amounts[index] })) };
  }

  /** The picture on the stage as this setting has it; directions that it brings become own ones.
   * Throws an Error with a sentence where it can't be drawn. */
  async use({ steps, turns }) {
    const { z: moved, ...rest } = parts(page.picture);
    const { z } = this.apart(moved);
    const by = turns.reduce(
      (inner, one) => turn(one.amount || 1, ...ends(one), inner),
      move(steps, z),
    );
    await sheet([join({ ...rest, z: by })], 1); // whoever draws knows what is wrong with a z
    for (const one of turns) this.add(one);
    const amounts = this.own.map((one) => turns.find((other) => alike(one, other))?.amount ?? 0);
    page.show(join({ ...rest, z: this.together({ steps, amounts, z }) }), "bank");
  }

  #here() {
    const { own = [], saved = {} } = this.#kept[page.model.weights] ?? {};
    return { own, saved };
  }

  #put(changed) {
    this.#kept = { ...this.#kept, [page.model.weights]: { ...this.#here(), ...changed } };
    write(KEY, this.#kept);
    this.dispatchEvent(new Event("change"));
  }
}

export const bank = new Bank();

export const asText = (setting) => JSON.stringify({ model: here(), ...setting });

/** The setting of a pasted text; of that of a turn, the present one with a direction more. Throws an
 * Error with a sentence. */
export function fromText(pasted) {
  let found = null;
  try {
    found = JSON.parse(pasted);
  } catch {
    // said below
  }
  if (typeof found?.model !== "string") {
    throw new Error(`This is not the text of a bank of sliders; one looks like ${FORM}.`);
  }
  if (found.model !== here()) {
    throw new Error(
      `These sliders are those of ${found.model}, the model here is ${here()}; ` +
        "write this in its place to see what they do here.",
    );
  }
  const alone = found.from !== undefined;
  const { steps = {}, turns = alone ? [found] : [] } = found;
  const amount = (value) => typeof value === "number" && Math.abs(value) <= 100;
  for (const [name, value] of Object.entries(steps)) {
    if (!page.model.directions.includes(name))
      throw new Error(`There is no direction ${name} here.`);
    if (!amount(value)) throw new Error(`The amount of ${name} must be a number from -100 to 100.`);
  }
  const side = (zs) =>
    Array.isArray(zs) &&
    zs.length >= 1 &&
    zs.length <= ZS &&
    zs.every((z) => typeof z === "string");
  const whole = (one) => side(one?.from) && side(one?.to) && amount(one.amount ?? 0);
  if (!Array.isArray(turns) || turns.length > MOST || !turns.every(whole)) {
    throw new Error(
      `A bank has ${MOST} directions of its own at most, each from 1 to ${ZS} z's to 1 to ${ZS} z's.`,
    );
  }
  const named = ({ name = "", from, to, amount: by = 0 }) => ({
    name: String(name).slice(0, LONGEST),
    from,
    to,
    amount: by,
  });
  if (!alone) return { steps, turns: turns.map(named) };
  const present = bank.setting();
  return { steps: present.steps, turns: [...present.turns, ...turns.map(named)] };
}
