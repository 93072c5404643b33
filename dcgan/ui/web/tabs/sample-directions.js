// The bank of sliders on the Sample tab: the directions with names, one's own, the principal ones.

import { copy } from "../core/clipboard.js";
import { page } from "../core/page.js";
import { join, parts } from "../core/spec.js";
import { results } from "../engine/engine.js";
import { asText, bank, FORM, fromText } from "../widgets/direction-bank.js";

const REACH = 3; // standard deviations to either side
const TURN = 2; // to either side, of a direction of one's own, as in the Turn tab
const PRINCIPAL = /^pc(\d+)$/;
const PLAIN = {
  smile: "Smile",
  glasses: "Glasses",
  male: "Male",
  blond: "Blond hair",
  bangs: "Bangs",
  age: "Age",
  yaw: "Look right",
  windows: "Windows",
};
const HINT = "Move or point at a slider to read what a step of it was measured to change.";

let asked = null; // promise of the file, or of null where nothing was measured

export class SampleBank {
  #measured = null; // what results/directions.json says of this model

  /** root: of the tab. */
  constructor(root) {
    this.root = root;
    this.part = (name) => root.querySelector(`[data-role=${name}]`);
    for (const list of this.#lists) {
      list.addEventListener("input", ({ target }) => this.#drag(target));
      for (const event of ["pointerover", "focusin", "input"]) {
        list.addEventListener(event, ({ target }) => this.#say(target.closest("label")));
      }
    }
    this.part("bank-named").addEventListener("click", ({ target }) => {
      const index = target.closest("[data-drop]")?.dataset.drop;
      if (index !== undefined) this.#drop(Number(index));
    });
    this.#on("reset", "click", () => {
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
      ...named.map((name) => slider(PLAIN[name] ?? name, REACH, { name })),
      ...bank.own.map(({ name }, index) => own(name, index)),
    );
    this.part("directions").replaceChildren(
      ...directions
        .filter((name) => PRINCIPAL.test(name))
        .map((name) => slider(`Direction ${PRINCIPAL.exec(name)[1]}`, REACH, { name })),
    );
    this.part("principal").hidden = named.length === directions.length;
    const saved = Object.keys(bank.saved);
    this.part("saved-row").hidden = !saved.length;
    this.part("saved").replaceChildren(
      Object.assign(new Option("choose…", ""), { hidden: true }),
      ...saved.map((name) => new Option(name)),
    );
    this.#measure();
    this.adopt(page.picture);
  }

  /** The sliders as a picture has them. */
  adopt(text) {
    const { steps, amounts } = bank.apart(parts(text).z);
    for (const input of this.#sliders) {
      set(input, input.dataset.own ? amounts[input.dataset.own] : (steps[input.name] ?? 0));
    }
  }

  #drag(input) {
    const found = bank.apart(parts(page.picture).z);
    const amount = Number(input.value);
    if (input.dataset.own) found.amounts[input.dataset.own] = amount;
    else found.steps[input.name] = amount;
    set(input, amount);
    this.#show(found);
  }

  #show(found) {
    const { z: _, ...rest } = parts(page.picture);
    page.show(join({ ...rest, z: bank.together(found) }), "directions");
  }

  /** The picture keeps what the slider has made of it. */
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
    this.part("effect").textContent = HINT;
  }

  #say(label) {
    const name = label?.querySelector("input").name;
    const found = this.#measured?.directions[name];
    const { named } = this.#measured ?? {};
    this.part("effect").textContent = found ? effect(name, found, named) : HINT;
  }

  // --- kept, copied, pasted
  #share() {
    const name = this.part("bank-name");
    const paste = this.part("bank-paste");
    const attempt = async (act) => {
      try {
        await act();
      } catch (error) {
        page.fail(error.message);
      }
    };
    const save = () =>
      attempt(() => {
        const called = name.value.trim();
        if (!called) throw new Error("Give these sliders a name first.");
        bank.save(called, bank.setting());
        name.value = "";
        page.say(`Kept as ${called}.`);
      });
    this.#on("save", "click", save);
    name.addEventListener("keydown", ({ key }) => key === "Enter" && save());
    this.part("saved").addEventListener("change", ({ target }) =>
      attempt(() => bank.use(bank.saved[target.value])),
    );
    this.#on("forget", "click", () => bank.forget(this.part("saved").value));
    this.#on("copy-bank", "click", () => copy(asText(bank.setting()), "Sliders"));
    paste.placeholder = FORM;
    paste.addEventListener("keydown", ({ key }) => {
      if (key !== "Enter") return;
      attempt(async () => {
        await bank.use(fromText(paste.value));
        paste.value = "";
        page.say("These sliders are in use now.");
      });
    });
  }

  #on(name, event, listener) {
    this.root.querySelector(`[data-do=${name}]`).addEventListener(event, listener);
  }
}

/** One sentence of what `python -m training run directions` has measured. */
function effect(name, { moves, stated }, named) {
  const others = named.filter((other) => other !== name);
  const most = others.sort((a, b) => Math.abs(moves[b]) - Math.abs(moves[a]))[0];
  if (!stated) {
    const strongest = [...named].sort((a, b) => Math.abs(moves[b]) - Math.abs(moves[a]))[0];
    const by = Math.abs(moves[strongest]).toFixed(2);
    return `Nobody named it. What a step moves most: ${plain(strongest)}, by ${by} of its spread over samples.`;
  }
  const [before, after] = [stated[1], stated[3]];
  if (name === "windows") {
    return `From a step to the left to a step to the right, windows go from ${percent(before)} to ${percent(after)} of the picture.`;
  }
  const rest = percent(Math.abs(moves[most] / moves[name]));
  if (name === "yaw") {
    return `From a step to the left to a step to the right, the nose goes from ${before.toFixed(2)} to ${after.toFixed(2)} (0 is the middle of the face, 1 its right side). Of all else ${plain(most)} moves most: ${rest} as much.`;
  }
  return `From a step to the left to a step to the right, a classifier that had no part in finding it goes from ${percent(before)} to ${percent(after)}. Of all else ${plain(most)} moves most: ${rest} as much.`;
}

const plain = (name) => (PLAIN[name] ?? name).toLowerCase();
const percent = (share) => `${Math.round(100 * share)}%`;

function slider(called, reach, { name = "", own: index }) {
  const label = document.createElement("label");
  label.className = "dc-slider";
  const text = document.createElement("span");
  text.textContent = text.title = called;
  const input = document.createElement("input");
  input.ariaLabel = called;
  Object.assign(input, { type: "range", min: -reach, max: reach, step: 0.05, name });
  if (index !== undefined) input.dataset.own = index;
  label.append(text, input, document.createElement("output"));
  set(input, 0);
  return label;
}

/** A slider of a direction of one's own, which can be taken out again. */
function own(name, index) {
  const item = document.createElement("div");
  item.className = "dc-own-direction";
  const drop = document.createElement("button");
  Object.assign(drop, { type: "button", className: "dc-drop", textContent: "×" });
  drop.ariaLabel = `Take the slider ${name} out`;
  drop.dataset.drop = index;
  item.append(slider(name, TURN, { own: index }), drop);
  return item;
}

function set(input, amount) {
  input.value = amount;
  input.nextElementSibling.textContent = amount.toFixed(2);
}
