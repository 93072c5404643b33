// The model switch, what of the page is for models with classes only, how pixels are shown, and
// the row of tabs.

import { appears, find, targetOf } from "../core/dom.js";
import * as language from "../core/language.js";
import { named, t } from "../core/language.js";
import { page } from "../core/page.js";
import { read, write } from "../core/store.js";
import { draw, drawer, drawing } from "../engine/engine.js";
import * as present from "../present/present.js";

const CRISP = "dcgan.crisp";
const TABS = /** @type {const} */ ([
  "sample",
  "walk",
  "map",
  "arithmetic",
  "turn",
  "photo",
  "forget",
  "discriminator",
  "results",
]);

/** Their names are those of Gradio, in English, which may write them again.
 * @param {Element} row */
function nameTabs(row) {
  const name = () => {
    for (const id of TABS) {
      const tab = row.querySelector(`[data-tab-id=${id}]`);
      const text = [...(tab?.childNodes ?? [])].find((node) => node instanceof Text);
      if (!tab || !text) continue;
      const words = t(`tab.${id}`);
      if (text.data.trim() !== words) text.data = words;
      tab.setAttribute("title", t(`figure.${id}`));
    }
  };
  new MutationObserver(name).observe(row, { subtree: true, childList: true, characterData: true });
  name();
}

/** Scroll the row of tabs, and never the page, until the whole tab is in sight.
 * @param {Element} row
 * @param {Element} tab */
function reveal(row, tab) {
  const frame = row.getBoundingClientRect();
  const { left, right } = tab.getBoundingClientRect();
  if (left < frame.left) row.scrollLeft -= Math.ceil(frame.left - left);
  else if (right > frame.right) row.scrollLeft += Math.ceil(right - frame.right);
}

/** The selected tab, also after a resize, and the tab that has the focus.
 * @param {Element} row */
function keepTabsInSight(row) {
  const revealSelected = () => {
    const tab = row.querySelector("[aria-selected=true]");
    if (tab) reveal(row, tab);
  };
  // after the selection rather than at the click: the selected tab is bold, so it is wider
  const selection = new MutationObserver(revealSelected);
  selection.observe(row, { subtree: true, attributeFilter: ["aria-selected"] });
  new ResizeObserver(revealSelected).observe(row);
  // a browser leaves a focused tab alone where a part of it is in sight
  row.addEventListener("focusin", (event) => {
    const tab = targetOf(event);
    if (tab) reveal(row, tab);
  });
}

/** @param {HTMLElement} root */
export async function mount(root) {
  /** @param {string} name */
  const select = (name) => find(root, `[data-role=${name}]`, HTMLSelectElement);
  /** @param {string} name */
  const button = (name) => find(root, `[data-do=${name}]`, HTMLButtonElement);
  const [model, way] = [select("model"), select("way")];
  const crisp = find(root, "[data-role=crisp]", HTMLInputElement);

  const apply = () => document.documentElement.classList.toggle("dc-crisp", crisp.checked);
  crisp.checked = read(CRISP, false) === true;
  crisp.addEventListener("change", () => {
    write(CRISP, crisp.checked);
    apply();
  });
  apply();

  language.mount(select("language"));
  const sayDrawer = () => {
    const drawn = drawing(page.model);
    way.value = drawn.way ?? "";
    way.dataset.here = String(drawn.here);
    way.title = drawn.here
      ? t("header.drawnInBrowser", { ms: (drawn.time ?? 0).toFixed(0) })
      : t("header.drawnOnServer");
  };
  way.addEventListener("change", () => draw(way.value));

  const useModel = () => {
    sayDrawer();
    model.value = page.model.name;
    document.documentElement.classList.toggle("dc-classes", page.model.classes > 0);
  };
  page.on("model", useModel);
  drawer.addEventListener("change", sayDrawer);
  model.addEventListener("change", () => page.useModel(model.value));
  appears("[role=tablist]", HTMLElement).then((row) => {
    nameTabs(row);
    keepTabsInSight(row);
  });
  await page.ready;
  const [tour, show] = [button("tour"), button("present")];
  tour.addEventListener("click", () => present.open(true));
  show.addEventListener("click", () => present.open());
  model.replaceChildren(...page.models.map(({ name }) => new Option(named(name), name)));
  useModel();
}
