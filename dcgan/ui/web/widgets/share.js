// A picture is its text: keep it, copy it, paste another.

import { copy } from "../core/clipboard.js";
import { find } from "../core/dom.js";
import { download } from "../core/download.js";
import { t } from "../core/language.js";
import { page } from "../core/page.js";
import { ALONE, address, file } from "../engine/engine.js";
import { python } from "./share-python.js";

/** @param {HTMLElement} root
 * @param {{ spaceId?: string }} options */
export function mount(root, { spaceId }) {
  /** @param {string} name */
  const button = (name) => find(root, `[data-do=${name}]`, HTMLElement);
  const text = find(root, "[data-role=text]", HTMLInputElement);
  const saving = find(root, "[data-do=save]", HTMLAnchorElement);

  /** @param {string} spec */
  const show = (spec) => {
    if (document.activeElement !== text) text.value = spec;
    saving.href = address(spec);
  };

  button("pick").addEventListener("click", () => page.pick(page.picture));
  button("link").addEventListener("click", () =>
    copy(link(page.picture, spaceId), t("share.link")),
  );
  button("text").addEventListener("click", () => copy(page.picture, t("share.text")));
  button("python").addEventListener("click", () =>
    copy(python(page.picture, page.shelf, spaceId), t("share.python")),
  );
  if (ALONE) saving.addEventListener("click", save);
  text.addEventListener("focus", () => text.select());
  text.addEventListener("blur", () => {
    text.value = page.picture;
  });
  text.addEventListener("keydown", (event) => {
    if (event.key === "Escape") text.value = page.picture;
    if (event.key === "Enter") page.open(text.value, "text");
  });
  page.on("picture", (detail) => show(detail.text));
  if (page.picture) show(page.picture);
}

/** @param {Event} event */
async function save(event) {
  event.preventDefault();
  download(await file(page.picture), "dcgan.png");
}

/** A text needs no escaping in a link. On the Hub the page is a frame of the Space's address.
 * @param {string} spec
 * @param {string | undefined} spaceId */
function link(spec, spaceId) {
  const { origin, pathname } = location;
  const page = spaceId ? `https://huggingface.co/spaces/${spaceId}` : origin + pathname;
  return `${page}?spec=${spec}`;
}
