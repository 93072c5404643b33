// The model switch, what of the page is for models with classes only, and how pixels are shown.

import { page, read, write } from "./page.js";

const CRISP = "dcgan.crisp";

export async function mount(root) {
  const model = root.querySelector("[data-role=model]");
  const crisp = root.querySelector("[data-role=crisp]");

  const apply = () => document.documentElement.classList.toggle("dc-crisp", crisp.checked);
  crisp.checked = read(CRISP, false) === true;
  crisp.addEventListener("change", () => {
    write(CRISP, crisp.checked);
    apply();
  });
  apply();

  const useModel = () => {
    model.value = page.model.name;
    document.documentElement.classList.toggle("dc-classes", page.model.classes > 0);
  };
  page.on("model", useModel);
  model.addEventListener("change", () => page.useModel(model.value));
  await page.ready;
  model.replaceChildren(...page.models.map(({ name }) => new Option(name, name)));
  useModel();
}
