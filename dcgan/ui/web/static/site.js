// The page without Gradio and without a server: its parts, its tabs, and that it stays when the
// connection goes. All modules are here from the start: later there may be a newer site's.

import { find } from "../core/dom.js";
import { message } from "../core/errors.js";
import { localize } from "../core/language.js";
import { page } from "../core/page.js";
import * as tasks from "../core/tasks.js";
import * as present from "../present/present.js";
import * as arithmetic from "../tabs/arithmetic.js";
import * as forget from "../tabs/forget.js";
import * as map from "../tabs/map.js";
import * as sample from "../tabs/sample.js";
import * as turn from "../tabs/turn.js";
import * as walk from "../tabs/walk.js";
import * as header from "../widgets/header.js";
import * as historyList from "../widgets/history-list.js";
import * as picker from "../widgets/picker.js";
import * as share from "../widgets/share.js";
import * as shelf from "../widgets/shelf.js";
import * as stage from "../widgets/stage.js";

/** A module of the page; mount(root, options) brings its part of the page to life.
 * @typedef {{ mount: (root: HTMLElement, options: {}) => void | Promise<void> }} Part */

/** @type {Record<string, Part>} */
const AROUND = {
  tasks,
  header,
  stage,
  share,
  "history-list": historyList,
  shelf,
  picker,
  present,
};
/** @type {Record<string, Part>} */
const TABS = { sample, walk, map, arithmetic, turn, forget };
/** @type {Record<string, string>} */
const FORMER = { plane: "map" }; // addresses that were shared before a tab's name changed
const PATIENCE = 3000; // ms that a first visit waits for the service worker, to lose nothing

/** @param {string} name */
const rootOf = (name) => find(document, `[data-part=${name}]`, HTMLElement);

/** @param {string} name
 * @param {Part} part */
async function bring(name, { mount }) {
  const root = rootOf(name);
  root.inert = true;
  try {
    await mount(root, {});
  } catch (error) {
    page.fail(message(error));
  } finally {
    root.inert = false;
  }
}

localize(document);

// --- tabs; a part comes to life when its tab is first opened
const buttons = [...document.querySelectorAll("[role=tab]")].filter(
  (tab) => tab instanceof HTMLElement,
);
/** @param {HTMLElement | undefined} button */
const nameOf = (button) => button?.dataset.tabId ?? "";
/** @type {Set<string>} */
const opened = new Set();

/** @param {string} name */
function open(name) {
  for (const button of buttons) {
    const selected = nameOf(button) === name;
    button.ariaSelected = String(selected);
    button.classList.toggle("selected", selected);
    button.tabIndex = selected ? 0 : -1;
    const panel = document.getElementById(button.getAttribute("aria-controls") ?? "");
    if (panel) panel.hidden = !selected;
  }
  const part = TABS[name];
  if (!part || opened.has(name)) return;
  opened.add(name);
  bring(name, part);
}

/** @param {HTMLElement} button */
function choose(button) {
  history.replaceState(history.state, "", `#${nameOf(button)}`);
  open(nameOf(button));
}

/** @type {Record<string, number>} */
const STEPS = { ArrowRight: 1, ArrowLeft: -1, Home: -Infinity, End: Infinity };

/** @param {KeyboardEvent} event
 * @param {HTMLElement} button */
function onKey(event, button) {
  const step = STEPS[event.key];
  if (!step || event.ctrlKey || event.altKey || event.metaKey) return;
  event.preventDefault();
  const count = buttons.length;
  const at = buttons.indexOf(button) + step;
  const next = Number.isFinite(at) ? buttons[(at + count) % count] : buttons.at(step > 0 ? -1 : 0);
  if (!next) return;
  next.focus();
  choose(next);
}

function openByAddress() {
  const hash = location.hash.slice(1);
  const asked = Object.hasOwn(FORMER, hash) ? FORMER[hash] : hash;
  open(asked !== undefined && Object.hasOwn(TABS, asked) ? asked : nameOf(buttons[0]));
}

// --- without a connection

/** Resolves when what is fetched from now on is kept; at once where it can't be, or is already. */
async function keeping() {
  const { serviceWorker } = navigator; // none without https
  try {
    const registration = await serviceWorker.register("service-worker.js");
    if (serviceWorker.controller || registration.active) return; // or a reload that passes it by
    await Promise.race([
      new Promise((done) =>
        serviceWorker.addEventListener("controllerchange", done, { once: true }),
      ),
      new Promise((done) => setTimeout(done, PATIENCE)),
    ]);
  } catch {
    // refused, as in a private window: the page works, as long as there is a connection
  }
}

/** Keeps the rest of the page, when the visitor has a picture. */
async function keepAll() {
  const channel = new MessageChannel();
  channel.port1.onmessage = () => {
    document.documentElement.dataset.kept = "";
  };
  const registration = await navigator.serviceWorker?.getRegistration();
  registration?.active?.postMessage("keep", [channel.port2]);
}

/** @param {() => void} act */
function oncePainted(act) {
  const root = rootOf("stage");
  const observer = new MutationObserver(() => {
    observer.disconnect();
    act();
  });
  observer.observe(root, { attributeFilter: ["data-painted"] });
}

await keeping();
for (const button of buttons) {
  button.addEventListener("click", () => choose(button));
  button.addEventListener("keydown", (event) => onKey(event, button));
}
addEventListener("hashchange", openByAddress);
oncePainted(() => keepAll().catch(() => {}));
for (const [name, part] of Object.entries(AROUND)) bring(name, part);
openByAddress();
