// The pictures that the visitor has picked: the same shelf on every tab.

import { download } from "../core/download.js";
import { page } from "../core/page.js";
import { packed } from "../engine/engine.js";
import { thumb } from "./thumbnail.js";

export function mount(root) {
  const items = root.querySelector("[data-role=items]");
  const clear = root.querySelector("[data-do=clear]");
  const save = root.querySelector("[data-do=save]");

  const draw = () => {
    items.replaceChildren(...page.shelf.map((text, index) => item(text, index + 1)));
    clear.hidden = save.hidden = !page.shelf.length;
    mark();
  };

  const mark = () => {
    for (const element of items.children) {
      element.classList.toggle("dc-shown", element.dataset.text === page.picture);
    }
  };

  items.addEventListener("click", (event) => {
    const { text } = event.target.closest("li")?.dataset ?? {};
    if (!text) return;
    if (event.target.closest("[data-do=drop]")) page.drop(text);
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

function item(text, number) {
  const element = document.createElement("li");
  element.dataset.text = text;
  const show = thumb(text, `Show picture ${number} of the shelf`);
  const drop = document.createElement("button");
  drop.type = "button";
  drop.className = "dc-drop";
  drop.dataset.do = "drop";
  drop.ariaLabel = `Take picture ${number} off the shelf`;
  drop.textContent = "×";
  element.append(show, drop);
  return element;
}
