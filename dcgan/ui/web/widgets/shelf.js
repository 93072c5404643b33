// The pictures that the visitor has picked: the same shelf on every tab.

import { find, targetOf } from "../core/dom.js";
import { download } from "../core/download.js";
import { t } from "../core/language.js";
import { page } from "../core/page.js";
import { packed } from "../engine/engine.js";
import { thumb } from "./thumbnail.js";

/** @param {HTMLElement} root */
export function mount(root) {
  const items = find(root, "[data-role=items]", HTMLElement);
  const clear = find(root, "[data-do=clear]", HTMLElement);
  const save = find(root, "[data-do=save]", HTMLElement);

  const draw = () => {
    items.replaceChildren(...page.shelf.map((text, index) => item(text, index + 1)));
    clear.hidden = save.hidden = !page.shelf.length;
    mark();
  };

  const mark = () => {
    for (const element of items.querySelectorAll("li")) {
      element.classList.toggle("dc-shown", element.dataset.text === page.picture);
    }
  };

  items.addEventListener("click", (event) => {
    const pressed = targetOf(event);
    const text = pressed?.closest("li")?.dataset.text;
    if (!text) return;
    if (pressed?.closest("[data-do=drop]")) page.drop(text);
    else page.open(text, "shelf");
  });
  save.addEventListener("click", async () => {
    try {
      download(await packed(page.shelf), "shelf.zip");
    } catch (error) {
      page.caught(error);
    }
  });
  clear.addEventListener("click", () => page.clearShelf());
  page.on("shelf", draw);
  page.on("picture", mark);
  draw();
}

/** @param {string} text
 * @param {number} number */
function item(text, number) {
  const element = document.createElement("li");
  element.dataset.text = text;
  const show = thumb(text, t("shelf.show", { number }));
  const drop = document.createElement("button");
  drop.type = "button";
  drop.className = "dc-drop";
  drop.dataset.do = "drop";
  drop.ariaLabel = t("shelf.takeOff", { number });
  drop.textContent = "×";
  element.append(show, drop);
  return element;
}
