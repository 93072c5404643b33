// What a linear classifier of D's features calls a picture, and what each of D's layers says to it
// (table 1). Some models come with one; from the others there is a way to one of these.

import { find } from "../core/dom.js";
import { named, t } from "../core/language.js";
import { page } from "../core/page.js";
import { probes } from "../engine/engine.js";

/** @import { Model, ProbeAnswer, ProbeAnswers, ProbeDescription } from "../core/types.d.ts" */

/** All probes.
 * @type {Promise<Record<string, ProbeDescription>> | null} */
let asked = null;

/** {classes, facts} by the names of the models that come with a probe. */
function all() {
  asked ??= probes().catch((error) => {
    asked = null;
    throw error;
  });
  return asked;
}

/** Says what the model's probe is, or which other model has one.
 * @param {HTMLElement} place */
export async function introduce(place) {
  const found = await all();
  const own = found[page.model.name];
  const others = page.models.filter(({ name }) => name in found);
  place.replaceChildren(...(own ? [explanation(own)] : others.map(offer)));
  place.hidden = !place.childElementCount;
}

/** @param {ProbeDescription} probe */
function explanation({ classes, facts: { data, test, accuracy } }) {
  const share = `${Math.round(100 * accuracy)}%`;
  const pictures = test.toLocaleString("en");
  const text = make("p");
  text.append(
    t("probe.source", { classes: classes.length, data }),
    " ",
    t("probe.accuracy", { share, pictures, classes: listed(classes) }),
    " ",
    t("probe.scoreMeaning"),
  );
  return text;
}

/** @param {Model} model */
function offer({ name }) {
  const row = make("div", t("probe.tryOther", { model: named(name) }));
  const press = make("button", t("probe.use", { name: named(name) }));
  press.type = "button";
  press.addEventListener("click", () => page.useModel(name));
  row.className = "dc-row";
  row.append(press);
  return row;
}

/** @param {string[]} names */
const listed = (names) =>
  t("probe.anyOf", {
    others: names.slice(0, -1).map(named).join(", "),
    last: named(names.at(-1) ?? ""),
  });

/** What a picture is called, in a card of the tab. */
export class Named {
  /** @param {HTMLElement} root */
  constructor(root) {
    this.sentence = find(root, "[data-role=named]", HTMLElement);
    this.table = find(root, "[data-role=parts]", HTMLElement);
    /** Of what stands there.
     * @type {string | null} */
    this.key = null;
  }

  /** Shows `ask()` where this model, or stage of one, comes with a probe, else nothing. key: of
   * what is asked for, which is not asked twice in a row.
   * @param {string} key
   * @param {string} model
   * @param {() => Promise<ProbeAnswers | null>} ask */
  async show(key, model, ask) {
    if (key === this.key) return;
    this.key = key;
    try {
      const found = model in (await all()) ? await ask() : null;
      if (key !== this.key) return; // another was asked for in the meantime
      this.sentence.hidden = this.table.hidden = !found;
      if (!found) return;
      this.sentence.textContent = sentence(found.answers);
      this.table.replaceChildren(...table(found.answers));
    } catch (error) {
      if (key === this.key) this.key = null;
      throw error;
    }
  }
}

/** A number with its sign, to two decimals.
 * @param {number} x */
export const signed = (x) => (x < 0 ? "−" : "+") + Math.abs(x).toFixed(2);

/** @param {ProbeAnswer[]} answers, the best first */
function sentence([first, second]) {
  if (!first) return "";
  const name = named(first.name);
  const known = first.score < 0 ? t("probe.nearestTo", { name }) : name;
  const score = signed(first.score);
  if (!second) return t("probe.answerAlone", { name: known, score });
  const margin = (first.score - second.score).toFixed(2);
  return t("probe.answer", { name: known, score, margin, second: named(second.name) });
}

/** A column for each class: the average picture's score, what each layer adds, the score.
 * @param {ProbeAnswer[]} answers */
function table(answers) {
  const longest = Math.max(...answers.flatMap(({ parts }) => parts.map(Math.abs)));
  /** @param {string} title
   * @param {HTMLElement[]} cells */
  const line = (title, cells) => {
    const row = make("tr");
    const heading = make("th", title);
    heading.scope = "row";
    row.append(heading, ...cells);
    return row;
  };
  /** @param {(answer: ProbeAnswer) => number} of */
  const numbers = (of) => answers.map((answer) => make("td", signed(of(answer))));
  const head = line(
    "",
    answers.map(({ name }) => make("th", named(name))),
  );
  for (const cell of head.querySelectorAll("th")) cell.scope = "col";
  const depth = answers[0]?.parts.length ?? 0;
  const layers = Array.from({ length: depth }, (_, layer) =>
    line(
      t("probe.layer", { number: layer + 1 }),
      answers.map(({ parts }) => bar(parts[layer] ?? 0, longest)),
    ),
  );
  const caption = make("caption", t("probe.perLayer"));
  return [
    caption,
    head,
    line(
      t("probe.average"),
      numbers(({ usual }) => usual),
    ),
    ...layers,
    line(
      t("common.score"),
      numbers(({ score }) => score),
    ),
  ];
}

/** A number, and its bar right or left of zero.
 * @param {number} part
 * @param {number} longest */
function bar(part, longest) {
  const cell = make("td");
  const drawn = make("i");
  drawn.style.setProperty("--part", String(Math.abs(part) / longest));
  cell.classList.toggle("dc-minus", part < 0);
  cell.append(drawn, signed(part));
  return cell;
}

/** @template {keyof HTMLElementTagNameMap} K
 * @param {K} name */
function make(name, text = "") {
  const element = document.createElement(name);
  element.textContent = text;
  return element;
}
