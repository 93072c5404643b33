// Undo and redo of all that the page shows, and the pictures that were on the stage before.

import { find, targetOf } from "../core/dom.js";
import { t } from "../core/language.js";
import { page } from "../core/page.js";
import { thumb } from "./thumbnail.js";

/** @param {HTMLElement} root */
export function mount(root) {
  /** @param {string} name */
  const button = (name) => find(root, `[data-do=${name}]`, HTMLButtonElement);
  const list = find(root, "[data-role=earlier]", HTMLElement);

  const draw = () => {
    button("undo").disabled = !page.history.canUndo;
    button("redo").disabled = !page.history.canRedo;
    if (list.hidden) return;
    const texts = [...new Set(page.history.moments.map(({ picture }) => picture))].reverse();
    const drawn = new Map(
      Array.from(list.querySelectorAll("li"), (item) => [item.dataset.text, item]),
    );
    list.replaceChildren(...texts.map((text) => drawn.get(text) ?? entry(text)));
  };

  button("undo").addEventListener("click", () => page.step(-1));
  button("redo").addEventListener("click", () => page.step(1));
  button("earlier").addEventListener("click", () => {
    list.hidden = !list.hidden;
    button("earlier").ariaExpanded = String(!list.hidden);
    draw();
  });
  addEventListener("keydown", (event) => {
    // of the window: a tab's own Undo comes first
    const typing = targetOf(event)?.matches("input[type=text], input[type=number], textarea");
    if (!root.isConnected || typing || event.defaultPrevented) return;
    if (!(event.ctrlKey || event.metaKey) || event.altKey) return;
    const key = event.key.toLowerCase();
    if (key !== "z" && key !== "y") return;
    event.preventDefault();
    page.step(key === "y" || event.shiftKey ? 1 : -1);
  });
  page.history.addEventListener("change", draw);
  draw();
}

/** @param {string} text */
function entry(text) {
  const item = document.createElement("li");
  item.dataset.text = text;
  const button = thumb(text, t("history.showEarlier"));
  button.addEventListener("click", () => page.open(text, "earlier"));
  item.append(button);
  return item;
}
