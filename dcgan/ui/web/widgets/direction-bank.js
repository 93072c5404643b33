// The bank of sliders as data: what they make of a z, directions of the visitor's own, settings kept
// by name, and both as text.
//
// A setting is {steps: {direction: amount}, turns: [{name, from: [z...], to: [z...], amount}]}: the
// model's directions, and the visitor's own, each the way from one mean to another.

import { t } from "../core/language.js";
import { page } from "../core/page.js";
import { join, mean, move, moves, parts, taken, turn } from "../core/spec.js";
import { fields, read, texts, write } from "../core/store.js";
import { sheet } from "../engine/engine.js";

/** A direction of the visitor's own: from the mean of some z's to that of others.
 * @typedef {{ name: string, from: string[], to: string[] }} Own */

/** How far the sliders are moved; turns: with the visitor's own directions.
 * @typedef {{ steps: Record<string, number>, turns: (Own & { amount: number })[] }} Setting */

/** What is kept for a model; saved: by the settings' names.
 * @typedef {{ own: Own[], saved: Record<string, Setting> }} Kept */

const KEY = "dcgan.bank";
const MOST = 4; // directions of one's own: a z is nested 8 deep at most, and made of 64 draws
const KEPT = 20; // settings
const ZS = 4; // on either side of a direction, as in the Turn tab
const LONGEST = 40; // characters of a name
export const FORM = '{"model": "faces@01234567", "steps": {"pc1": 1.5}}';

/** @type {(one: { from: string[], to: string[] }) => [string, string]} */
const ends = ({ from, to }) => [mean(from), mean(to)];
/** @type {(one: Omit<Own, "name">, other: Omit<Own, "name">) => boolean} */
const alike = (one, other) => String(ends(one)) === String(ends(other));
const here = () => `${page.model.name}@${page.model.weights}`;

class Bank extends EventTarget {
  /** By the weights' hash.
   * @type {Record<string, Kept>} */
  #kept = keptBefore(read(KEY, {}));

  /** The visitor's own directions for the current model, {name, from, to} each. */
  get own() {
    return this.#here().own;
  }

  /** Settings for the current model, by name. */
  get saved() {
    return this.#here().saved;
  }

  /** Throws an Error with a sentence where there is no place for one more.
   * @param {Own} one */
  add({ name, from, to }) {
    if (this.own.some((known) => alike(known, { from, to }))) return;
    if (this.own.length >= MOST) {
      throw new Error(t("directions.full", { most: MOST }));
    }
    const names = [1, 2, 3, 4].map((number) => t("directions.own", { number }));
    const free = names.find((own) => !this.own.some((known) => known.name === own)) ?? "";
    this.#put({ own: [...this.own, { name: name || free, from, to }] });
  }

  /** @param {number} index */
  drop(index) {
    this.#put({ own: this.own.toSpliced(index, 1) });
  }

  /** Keeps a setting; one of the same name is replaced. Throws as `add` does.
   * @param {string} name
   * @param {Setting} setting */
  save(name, setting) {
    const { [name]: _, ...others } = this.saved;
    if (Object.keys(others).length >= KEPT) {
      throw new Error(t("directions.tooManyKept", { most: KEPT }));
    }
    this.#put({ saved: { ...others, [name]: setting } });
  }

  /** @param {string} name */
  forget(name) {
    const { [name]: _, ...others } = this.saved;
    this.#put({ saved: others });
  }

  /** {steps, amounts, z}: how far the sliders have moved a z; amounts are those of `own`.
   * @param {string} z */
  apart(z) {
    const amounts = this.own.map(() => 0);
    /** @type {Record<string, number> | null} */
    let steps = null;
    for (;;) {
      const inner = moves(z);
      if (!steps && inner.z !== z) {
        ({ steps, z } = inner);
        continue;
      }
      const { name, values } = taken(z);
      const [amount, from, to, turned] = values;
      const place =
        name === "turn" ? this.own.findIndex((one) => String(ends(one)) === `${from},${to}`) : -1;
      if (place < 0 || amounts[place] || turned === undefined) {
        return { steps: steps ?? {}, amounts, z };
      }
      amounts[place] = Number(amount);
      z = turned;
    }
  }

  /** The inverse of `apart`.
   * @param {{ steps: Record<string, number>, amounts: number[], z: string }} moved */
  together({ steps, amounts, z }) {
    const ordered = page.model.directions.map((name) => [name, steps[name] ?? 0]);
    return this.own.reduce(
      (inner, one, index) => turn(amounts[index] ?? 0, ...ends(one), inner),
      move(Object.fromEntries(ordered), z),
    );
  }

  /** The setting of the picture on the stage, with all directions of the visitor's own.
   * @returns {Setting} */
  setting() {
    const { steps, amounts } = this.apart(parts(page.picture).z);
    return {
      steps,
      turns: this.own.map((one, index) => ({ ...one, amount: amounts[index] ?? 0 })),
    };
  }

  /** The picture on the stage as this setting has it; directions that it brings become own ones.
   * Throws an Error with a sentence where it can't be drawn.
   * @param {Setting} setting */
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
    return this.#kept[page.model.weights] ?? { own: [], saved: {} };
  }

  /** @param {Partial<Kept>} changed */
  #put(changed) {
    this.#kept = { ...this.#kept, [page.model.weights]: { ...this.#here(), ...changed } };
    write(KEY, this.#kept);
    this.dispatchEvent(new Event("change"));
  }
}

/** @param {Setting} setting */
export const asText = (setting) => JSON.stringify({ model: here(), ...setting });

/** The setting of a pasted text; of that of a turn, the present one with a direction more. Throws an
 * Error with a sentence.
 * @param {string} pasted
 * @returns {Setting} */
export function fromText(pasted) {
  const found = fields(parsed(pasted));
  if (typeof found.model !== "string") {
    throw new Error(t("directions.notASetting", { form: FORM }));
  }
  if (found.model !== here()) {
    throw new Error(t("directions.ofAnotherModel", { model: found.model, here: here() }));
  }
  const alone = found.from !== undefined;
  /** @type {Record<string, number>} */
  const steps = {};
  for (const [name, value] of Object.entries(fields(found.steps))) {
    if (!page.model.directions.includes(name)) throw new Error(t("directions.unknown", { name }));
    if (!isAmount(value)) throw new Error(t("directions.badAmount", { name }));
    steps[name] = value;
  }
  const given = alone ? [found] : (found.turns ?? []);
  const turns = Array.isArray(given) ? given.map(asTurn) : [null];
  const whole = turns.filter((one) => one !== null);
  if (turns.length > MOST || whole.length < turns.length) {
    throw new Error(t("directions.badOwn", { most: MOST, zs: ZS, zs2: ZS }));
  }
  if (!alone) return { steps, turns: whole };
  const present = bank.setting();
  return { steps: present.steps, turns: [...present.turns, ...whole] };
}

/** What a text says in JSON; null where it is none.
 * @param {string} text
 * @returns {unknown} */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** @param {unknown} value
 * @returns {value is number} */
function isAmount(value) {
  return typeof value === "number" && Math.abs(value) <= 100;
}

/** A direction of the visitor's own, with its amount; null for what is none.
 * @param {unknown} given
 * @returns {Own & { amount: number } | null} */
function asTurn(given) {
  const { name = "", from, to, amount = 0 } = fields(given);
  if (!isSide(from) || !isSide(to) || !isAmount(amount)) return null;
  return { name: String(name).slice(0, LONGEST), from, to, amount };
}

/** @param {unknown} given
 * @returns {given is string[]} */
function isSide(given) {
  const zs = texts(given);
  return Array.isArray(given) && zs.length === given.length && zs.length >= 1 && zs.length <= ZS;
}

/** What was written by an earlier visit, less what is no longer of any use.
 * @param {unknown} written
 * @returns {Record<string, Kept>} */
function keptBefore(written) {
  const models = Object.entries(fields(written)).map(([weights, of]) => {
    const { own, saved } = fields(of);
    const settings = Object.entries(fields(saved)).map(([name, setting]) => {
      const { steps, turns } = fields(setting);
      const amounts = Object.entries(fields(steps)).filter(([, value]) => isAmount(value));
      return [name, { steps: Object.fromEntries(amounts), turns: turnsIn(turns) }];
    });
    const directions = turnsIn(own).map(({ name, from, to }) => ({ name, from, to }));
    return [weights, { own: directions, saved: Object.fromEntries(settings) }];
  });
  return Object.fromEntries(models);
}

/** @param {unknown} written */
const turnsIn = (written) =>
  (Array.isArray(written) ? written : []).map(asTurn).filter((one) => one !== null);

export const bank = new Bank();
