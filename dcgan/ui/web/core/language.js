// What the page says, in the visitor's language. Each sentence has a key in locales/en.json and in
// locales/ko.json; {name} stands for what differs. HTML names its keys in data-i18n (the content of
// an element) and in data-i18n-title, -aria-label, -placeholder and -alt.

import { read, write } from "./store.js";

/** @import { Key } from "./types.d.ts" */

const KEPT = "dcgan.language";
const LANGUAGES = { en: "English", ko: "한국어" };
const ATTRIBUTES = ["aria-label", "title", "placeholder", "alt"];
const REMEMBERED = 5000; // sentences that can be said again in another language
const ENGLISH_ELSEWHERE = /^(server|spec|engine|page)\./;
const PLACE = "((?:(?!\\. [A-Z0-9]).)+?)"; // what differs: no end of a sentence with another after it

/** @typedef {Partial<Record<string, string>>} Table */
/** @typedef {Record<string, string | number>} Values */

/** Names of directions, exemplars and classes, by their English. */
const names = /** @type {Map<string, Key>} */ (new Map());
/** Sentences of the server and of modules that have no language, which come in English: what they
 * look like, their key, and the names of what differs.
 * @type {{ pattern: RegExp, key: Key, places: string[] }[]} */
const foreign = [];
/** What was said, by how it was said: to say it again when the language changes.
 * @type {Map<string, { key: Key, values: Values }>} */
const said = new Map();

/** "change": the page speaks another language. */
export const changes = new EventTarget();

let language = chosenBefore() ?? (globalThis.navigator?.language?.startsWith("ko") ? "ko" : "en");
const [english, first] = await Promise.all([table("en"), table(language)]);
let shown = first;
for (const [key, text] of Object.entries(english)) {
  if (/^(name|direction)\./.test(key)) names.set(text ?? "", /** @type {Key} */ (key));
}

function chosenBefore() {
  const kept = read(KEPT, null);
  return typeof kept === "string" && Object.hasOwn(LANGUAGES, kept) ? kept : null;
}

/** The code of the page's language. */
export const spoken = () => language;

/** @param {string} code
 * @returns {Promise<Table>} */
async function table(code) {
  try {
    return await (await fetch(new URL(`../locales/${code}.json`, import.meta.url))).json();
  } catch {
    return {}; // the page works; it says its keys
  }
}

/** What `translated` recognises; made for the first sentence that is to be in another language. */
function recognise() {
  if (foreign.length) return foreign;
  const literal = (/** @type {string} */ text) => text.replace(/[.*+?^$()|[\]\\]/g, "\\$&");
  for (const [key, text] of /** @type {[Key, string][]} */ (Object.entries(english))) {
    if (!ENGLISH_ELSEWHERE.test(key)) continue;
    const places = [...text.matchAll(/\{(\w+)\}/g)].map(([, name]) => name ?? "");
    const pattern = new RegExp(`^${literal(text).replace(/\{\w+\}/g, PLACE)}$`, "i");
    foreign.push({ pattern, key, places });
  }
  // the longer says more of what it is for
  return foreign.sort((a, b) => b.pattern.source.length - a.pattern.source.length);
}

/** A sentence in the page's language; `values` stand in place of {name} in it.
 * @param {Key} key
 * @param {Values} values
 * @returns {string} */
export function t(key, values = {}) {
  const text = shown[key] ?? english[key] ?? key;
  const filled = text.replace(/\{(\w+)\}/g, (place, name) => String(values[name] ?? place));
  said.delete(filled);
  said.set(filled, { key, values });
  if (said.size > REMEMBERED) said.delete(said.keys().next().value ?? "");
  return filled;
}

/** A name that comes with a model, of a direction, exemplar or class, in the page's language. A name
 * without an entry, as those of other people's models, stays as it is.
 * @param {string} name
 * @returns {string} */
export function named(name) {
  const key = names.get(name);
  return key ? t(key) : name;
}

/** What the server, or a module that has no language, says in English, in the page's language. What
 * has no entry stays as it is.
 * @param {string} sentence
 * @returns {string} */
export function translated(sentence) {
  if (language === "en") return sentence;
  for (const { pattern, key, places } of recognise()) {
    const match = pattern.exec(sentence);
    if (!match) continue;
    const values = places.map((place, index) => [place, translated(match[index + 1] ?? "")]);
    return t(key, Object.fromEntries(values));
  }
  const sentences = sentence.split(/(?<=\.) (?=[A-Z0-9])/);
  return sentences.length > 1 ? sentences.map(translated).join(" ") : named(sentence);
}

/** Say what the keys in the HTML of a part name.
 * @param {ParentNode} root */
export function localize(root) {
  for (const template of root.querySelectorAll("template")) localize(template.content);
  for (const element of root.querySelectorAll("[data-i18n]")) {
    element.textContent = t(keyOf(element, "data-i18n"));
  }
  for (const name of ATTRIBUTES) {
    for (const element of root.querySelectorAll(`[data-i18n-${name}]`)) {
      element.setAttribute(name, t(keyOf(element, `data-i18n-${name}`)));
    }
  }
}

/** @param {Element} element
 * @param {string} attribute */
const keyOf = (element, attribute) => /** @type {Key} */ (element.getAttribute(attribute));

/** A sentence that was said before, in the page's language of now; others stay as they are.
 * @param {string} text
 * @returns {string} */
export function again(text) {
  const what = said.get(text.trim());
  if (!what) return text;
  const values = Object.entries(what.values).map(([name, value]) => [
    name,
    typeof value === "string" ? again(value) : value,
  ]);
  return t(what.key, Object.fromEntries(values));
}

/** Everything that is on the page once more, in another language.
 * @param {string} code */
async function speak(code) {
  shown = code === "en" ? english : await table(code);
  language = code;
  document.documentElement.lang = code;
  const walker = document.createTreeWalker(document.documentElement, NodeFilter.SHOW_ALL);
  for (let node = /** @type {Node | null} */ (walker.root); node; node = walker.nextNode()) {
    if (node instanceof Text) {
      const text = again(node.data);
      if (text !== node.data) node.data = text;
    } else if (node instanceof Element) {
      for (const name of ATTRIBUTES) {
        const now = node.getAttribute(name) ?? "";
        const text = again(now);
        if (text !== now) node.setAttribute(name, text);
      }
    }
  }
  changes.dispatchEvent(new Event("change"));
}

/** @param {HTMLSelectElement} select */
export function mount(select) {
  document.documentElement.lang = language;
  document.title = t("header.title");
  select.replaceChildren(
    ...Object.entries(LANGUAGES).map(([code, name]) => new Option(name, code)),
  );
  for (const option of select.options) option.lang = option.value;
  select.value = language;
  select.addEventListener("change", () => {
    write(KEPT, select.value);
    speak(select.value);
  });
}
