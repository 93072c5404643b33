// The bank of sliders on the Sample tab: the directions with names, one's own, the principal ones.

import { copy } from "../core/clipboard.js";
import { find, targetOf } from "../core/dom.js";
import { message } from "../core/errors.js";
import { t } from "../core/language.js";
import { page } from "../core/page.js";
import { join, parts } from "../core/spec.js";
import { results } from "../engine/engine.js";
import { asText, bank, FORM, fromText } from "../widgets/direction-bank.js";

/** @import { Key } from "../core/types.d.ts" */

/** What a step along a direction was measured to change: `moves`, by the names of what was looked
 * for, in its spreads over samples; `stated`: its own share at 2 and 1 steps to the left, none, and 1
 * and 2 to the right.
 * @typedef {{ moves: Record<string, number>, stated?: number[] }} Effect */

/** results/directions.json, as far as it is shown here, of a model.
 * @typedef {{ weights: string, named: string[], directions: Record<string, Effect> }} Measured */

/** How far the sliders have moved a z.
 * @typedef {ReturnType<typeof bank.apart>} Moved */

const REACH = 3; // standard deviations to either side
const TURN = 2; // to either side, of a direction of one's own, as in the Turn tab
const PRINCIPAL = /^pc(\d+)$/;
/** What directions are called, by their names in the weights.
 * @type {Partial<Record<string, Key>>} */
const CALLED = {
  smile: "direction.smile",
  glasses: "direction.glasses",
  male: "direction.male",
  blond: "direction.blondHair",
  bangs: "direction.bangs",
  age: "direction.age",
  yaw: "direction.lookRight",
  windows: "direction.windows",
};

/** The file, or null where nothing was measured.
 * @type {Promise<{ models: Record<string, Measured> } | null> | null} */
let asked = null;

export class SampleBank {
  /** Of this model.
   * @type {Measured | null} */
  #measured = null;

  /** @param {HTMLElement} root of the tab */
  constructor(root) {
    this.root = root;
    /** @param {string} name */
    this.part = (name) => find(root, `[data-role=${name}]`, HTMLElement);
    this.saved = find(root, "[data-role=saved]", HTMLSelectElement);
    for (const list of this.#lists) {
      list.addEventListener("input", ({ target }) => {
        if (target instanceof HTMLInputElement) this.#drag(target);
      });
      for (const type of ["pointerover", "focusin", "input"]) {
        list.addEventListener(type, (event) => this.#say(targetOf(event)));
      }
    }
    this.part("bank-named").addEventListener("click", (event) => {
      const index = targetOf(event)?.closest("button")?.dataset.drop;
      if (index !== undefined) this.#drop(Number(index));
    });
    this.#onClick("reset", () => {
      const { z } = bank.apart(parts(page.picture).z);
      this.#show({ steps: {}, amounts: bank.own.map(() => 0), z });
      this.adopt(page.picture);
    });
    this.#share();
    bank.addEventListener("change", () => this.useModel());
  }

  get #lists() {
    return [this.part("bank-named"), this.part("directions")];
  }

  get #sliders() {
    return this.#lists.flatMap((list) => [...list.querySelectorAll("input")]);
  }

  /** Sliders for the directions that there are now. */
  useModel() {
    const { directions } = page.model;
    const named = directions.filter((name) => !PRINCIPAL.test(name));
    this.part("bank-named").replaceChildren(
      ...named.map((name) => slider(called(name), REACH, { name })),
      ...bank.own.map(({ name }, index) => own(name, index)),
    );
    this.part("directions").replaceChildren(
      ...directions
        .filter((name) => PRINCIPAL.test(name))
        .map((name) => slider(called(name), REACH, { name })),
    );
    this.part("principal").hidden = named.length === directions.length;
    const saved = Object.keys(bank.saved);
    this.part("saved-row").hidden = !saved.length;
    this.saved.replaceChildren(
      Object.assign(new Option(t("common.choose"), ""), { hidden: true }),
      ...saved.map((name) => new Option(name)),
    );
    this.#measure();
    this.adopt(page.picture);
  }

  /** The sliders as a picture has them.
   * @param {string} text */
  adopt(text) {
    const { steps, amounts } = bank.apart(parts(text).z);
    for (const input of this.#sliders) {
      const { own } = input.dataset;
      set(input, (own ? amounts[Number(own)] : steps[input.name]) ?? 0);
    }
  }

  /** @param {HTMLInputElement} input */
  #drag(input) {
    const found = bank.apart(parts(page.picture).z);
    const amount = Number(input.value);
    if (input.dataset.own) found.amounts[Number(input.dataset.own)] = amount;
    else found.steps[input.name] = amount;
    set(input, amount);
    this.#show(found);
  }

  /** @param {Moved} found */
  #show(found) {
    const { z: _, ...rest } = parts(page.picture);
    page.show(join({ ...rest, z: bank.together(found) }), "directions");
  }

  /** The picture keeps what the slider has made of it.
   * @param {number} index */
  #drop(index) {
    bank.drop(index);
    this.part("bank-named").querySelector("input")?.focus();
  }

  // --- what a step was measured to change
  async #measure() {
    const { model } = page;
    asked ??= results("directions").catch(() => null);
    const found = (await asked)?.models[model.name];
    if (model !== page.model) return;
    this.#measured = found?.weights === model.weights ? found : null;
    this.part("effect").hidden = !this.#measured;
    this.part("effect").textContent = t("directions.effectHint");
  }

  /** Of the slider around an element.
   * @param {Element | null} element */
  #say(element) {
    const name = element?.closest("label")?.querySelector("input")?.name ?? "";
    this.part("effect").textContent =
      (this.#measured && effect(name, this.#measured)) ?? t("directions.effectHint");
  }

  // --- kept, copied, pasted
  #share() {
    const name = find(this.root, "[data-role=bank-name]", HTMLInputElement);
    const paste = find(this.root, "[data-role=bank-paste]", HTMLInputElement);
    /** @param {() => void | Promise<void>} act */
    const attempt = async (act) => {
      try {
        await act();
      } catch (error) {
        page.fail(message(error));
      }
    };
    const save = () =>
      attempt(() => {
        const given = name.value.trim();
        if (!given) throw new Error(t("directions.nameFirst"));
        bank.save(given, bank.setting());
        name.value = "";
        page.say(t("directions.keptAs", { name: given }));
      });
    this.#onClick("save", save);
    name.addEventListener("keydown", ({ key }) => key === "Enter" && save());
    this.saved.addEventListener("change", () => {
      const setting = bank.saved[this.saved.value];
      if (setting) attempt(() => bank.use(setting));
    });
    this.#onClick("forget", () => bank.forget(this.saved.value));
    this.#onClick("copy-bank", () => copy(asText(bank.setting()), t("directions.sliders")));
    paste.placeholder = FORM;
    paste.addEventListener("keydown", ({ key }) => {
      if (key !== "Enter") return;
      attempt(async () => {
        await bank.use(fromText(paste.value));
        paste.value = "";
        page.say(t("directions.inUse"));
      });
    });
  }

  /** @param {string} name
   * @param {() => void} listener */
  #onClick(name, listener) {
    find(this.root, `[data-do=${name}]`, HTMLElement).addEventListener("click", listener);
  }
}

/** One sentence of what `python -m training run directions` has measured; null of what it has not.
 * @param {string} name
 * @param {Measured} measured
 * @returns {string | null} */
function effect(name, { named, directions }) {
  const { moves, stated } = directions[name] ?? {};
  if (!moves) return null;
  /** @param {string} of */
  const size = (of) => Math.abs(moves[of] ?? 0);
  const most = named.filter((other) => other !== name).sort((a, b) => size(b) - size(a))[0];
  if (!stated) {
    if (most === undefined) return null;
    const by = size(most).toFixed(2);
    return t("directions.effectOfMain", { direction: plain(most), share: by });
  }
  const [, before, , after] = stated;
  if (before === undefined || after === undefined) return null;
  if (name === "windows") {
    return t("directions.effectOnWindows", { before: percent(before), after: percent(after) });
  }
  if (most === undefined) return null;
  const rest = percent(size(most) / size(name));
  if (name === "yaw") {
    return t("directions.effectOnNose", {
      before: before.toFixed(2),
      after: after.toFixed(2),
      other: plain(most),
      share: rest,
    });
  }
  return t("directions.effectOnClassifier", {
    before: percent(before),
    after: percent(after),
    other: plain(most),
    share: rest,
  });
}

/** What a direction is called on the page.
 * @param {string} name */
function called(name) {
  const [, number] = PRINCIPAL.exec(name) ?? [];
  if (number) return t("directions.main", { number });
  const key = CALLED[name];
  return key ? t(key) : name;
}

/** @param {string} name */
const plain = (name) => called(name).toLowerCase();
/** @param {number} share */
const percent = (share) => `${Math.round(100 * share)}%`;

/** @param {string} title
 * @param {number} reach
 * @param {{ name?: string, own?: number }} direction of the model, or of one's own
 */
function slider(title, reach, { name = "", own: index }) {
  const label = document.createElement("label");
  label.className = "dc-slider";
  const text = document.createElement("span");
  text.textContent = text.title = title;
  const input = document.createElement("input");
  input.ariaLabel = title;
  Object.assign(input, { type: "range", min: -reach, max: reach, step: 0.05, name });
  if (index !== undefined) input.dataset.own = String(index);
  label.append(text, input, document.createElement("output"));
  set(input, 0);
  return label;
}

/** A slider of a direction of one's own, which can be taken out again.
 * @param {string} name
 * @param {number} index */
function own(name, index) {
  const item = document.createElement("div");
  item.className = "dc-own-direction";
  const drop = document.createElement("button");
  Object.assign(drop, { type: "button", className: "dc-drop", textContent: "×" });
  drop.ariaLabel = t("directions.takeOut", { name });
  drop.dataset.drop = String(index);
  item.append(slider(name, TURN, { own: index }), drop);
  return item;
}

/** @param {HTMLInputElement} input
 * @param {number} amount */
function set(input, amount) {
  input.value = String(amount);
  const output = input.nextElementSibling;
  if (output) output.textContent = amount.toFixed(2);
}
