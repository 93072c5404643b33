// docs/RESULTS.md, with curves of the figures that its tables are made of.

import { find } from "../core/dom.js";
import { again, changes, spoken, t } from "../core/language.js";
import { page } from "../core/page.js";
import { report, results } from "../engine/engine.js";
import { Chart, legend } from "../widgets/chart.js";
import { words } from "../widgets/chart-words.js";
import { CURVES } from "./results-curves.js";

/** @import { ChartPoint } from "../core/types.d.ts"
 * @import { Figures } from "./results-curves.js" */

/** The files of figures, by experiment.
 * @type {Map<string, Promise<Figures | null>>} */
const files = new Map();

/** @param {HTMLElement} root */
export async function mount(root) {
  const place = find(root, "[data-role=report]", HTMLElement);
  const contents = find(root, "[data-role=contents]", HTMLElement);
  /** Each section has the name of its experiment as an anchor in its h2. */
  const show = async () => {
    const html = await report(spoken());
    if (!html) return;
    delete place.dataset.ready;
    place.lang = spoken();
    place.innerHTML = html;
    place.querySelectorAll("table").forEach(scrolling);
    const headings = [...place.querySelectorAll("h2")];
    contents.replaceChildren(...headings.map(entry));
    await page.ready;
    await Promise.all(headings.map(illustrate));
    place.dataset.ready = "";
  };
  changes.addEventListener("change", () => show().catch((error) => page.caught(error)));
  await show();
}

/** A table as wide as it needs to be, in a box that can be scrolled by keyboard too.
 * @param {HTMLTableElement} table
 * @param {number} index */
function scrolling(table, index) {
  const box = make("div", {
    className: "dc-scroll",
    tabIndex: 0,
    role: "region",
    ariaLabel: t("results.table", {
      number: index + 1,
      name: table.querySelector("th")?.textContent ?? "",
    }),
  });
  table.replaceWith(box);
  box.append(table);
}

/** A heading's question, which leads to its section.
 * @param {HTMLHeadingElement} heading */
function entry(heading) {
  const words = heading.textContent ?? "";
  const [question] = words.match(/^[^?]*\?/) ?? [words];
  const button = make("button", { type: "button", textContent: question });
  button.addEventListener("click", () => {
    heading.tabIndex = -1;
    heading.focus();
    heading.scrollIntoView();
  });
  const item = make("li");
  item.append(button);
  return item;
}

/** Says of which weights a section is, and draws its curves behind its first table.
 * @param {HTMLHeadingElement} heading */
async function illustrate(heading) {
  const name = heading.querySelector("a")?.name;
  if (!name) return;
  const asked = files.get(name) ?? results(name).catch(() => null);
  files.set(name, asked);
  const facts = await asked;
  if (!facts) return;
  if (facts.weights) {
    const model = page.models.find(({ weights }) => weights === facts.weights);
    heading.append(make("small", { textContent: model?.name ?? t("results.otherWeights") }));
  }
  const curves = CURVES[name]?.(facts);
  if (!curves?.charts.length) return;
  const { names, charts } = curves;
  const figures = make("div", { className: "dc-charts" });
  const said = make("p", {
    className: "dc-facts",
    ariaHidden: "true",
    textContent: t("results.hint"),
  });
  const keys = make("ul", { className: "dc-legend", ariaLabel: t("results.lines") });
  keys.append(...legend(names));
  /** @type {Element | null} */
  let box = heading;
  while (box && !box.matches(".dc-scroll")) box = box.nextElementSibling;
  (box ?? heading).after(...(names.length > 1 ? [keys] : []), figures, said);
  for (const { title, x, y, lines } of charts) {
    const [figure, place] = [make("figure"), make("div")];
    figure.append(make("figcaption", { textContent: title }), place);
    figures.append(figure);
    /** @param {ChartPoint | null} point */
    const onSay = (point) => {
      said.textContent = point ? again(point.said) : t("results.hint");
    };
    new Chart(place, { label: title, x, y, onSay, words }).show(lines);
  }
}

/** @template {keyof HTMLElementTagNameMap} K
 * @param {K} name
 * @param {Partial<HTMLElementTagNameMap[K]>} properties */
const make = (name, properties = {}) => Object.assign(document.createElement(name), properties);
