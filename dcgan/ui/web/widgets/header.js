// The model switch, what of the page is for models with classes only, how pixels are shown, and
// the row of tabs.

import { find, targetOf } from "../core/dom.js";
import * as language from "../core/language.js";
import { page } from "../core/page.js";
import { read, write } from "../core/store.js";
import { draw, drawer, drawing } from "../engine/engine.js";
import * as present from "../present/present.js";

const CRISP = "dcgan.crisp";
const FIGURES = {
  sample: "Figures 2 and 3 of the paper: samples after one and after five epochs",
  walk: "Figure 4 of the paper: walks between draws",
  map: "Figure 4 of the paper, in two dimensions",
  arithmetic: "Figure 7 of the paper: arithmetic with the means of three z's",
  turn: "Figure 8 of the paper: a turn vector from four exemplars of either side",
  photo: "Not in the paper: a photograph's nearest picture",
  forget: "Figure 6 of the paper: rooms without the maps that see windows",
  discriminator: "Figure 5 of the paper: what the discriminator's features respond to",
  results: "Tables 1 and 2 and figures 6 to 8 of the paper, measured here",
};

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
      ? `What you drag is drawn in this browser, in ${(drawn.time ?? 0).toFixed(0)} ms a picture.`
      : "The server draws. When you drag, this browser fetches the network (about 11 MB) and goes " +
        "on by itself, if it is quick enough.";
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
  for (const [name, figure] of Object.entries(FIGURES)) {
    const tab = document.querySelector(`[role=tab][data-tab-id=${name}]`);
    tab?.setAttribute("title", figure);
  }
  keepTabsInSight(find(document, "[role=tablist]", HTMLElement));
  await page.ready;
  const [tour, show] = [button("tour"), button("present")];
  tour.addEventListener("click", () => present.open(true));
  show.addEventListener("click", () => present.open());
  model.replaceChildren(...page.models.map(({ name }) => new Option(name, name)));
  useModel();
}
