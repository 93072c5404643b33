// The page in the visitor's language. All texts are written in English, in the code and in the parts;
// ko.json has each in Korean, with {1}, {2} for what differs, and what stands on the page is exchanged
// as it comes. What has no entry, as the report on the Results tab, stays as it is.

import { read, write } from "./store.js";

const KEPT = "dcgan.language";
const LANGUAGES = { en: "English", ko: "한국어" };
const ATTRIBUTES = ["aria-label", "title", "placeholder"];
const WATCHED = {
  subtree: true,
  childList: true,
  characterData: true,
  attributeFilter: ATTRIBUTES,
};
const REMEMBERED = 500; // texts without an entry
const PLACE = "((?:(?!\\. [A-Z0-9]).)+?)"; // what differs: no end of a sentence with another after it

/** A text as it was written, and as it is shown.
 * @typedef {{ text: string, shown: string }} Exchanged */

let language = chosenBefore() ?? (navigator.language?.startsWith("ko") ? "ko" : "en");
/** Entries without places, by their texts.
 * @type {Map<string, string>} */
let exact = new Map();
/** Entries with places, and their Korean.
 * @type {[RegExp, string][]} */
let patterns = [];
/** @type {Set<string>} */
const unknown = new Set();
/** @type {WeakMap<Text, Exchanged>} */
const englishTexts = new WeakMap();
/** Of elements, by the attribute.
 * @type {WeakMap<Element, Record<string, Exchanged>>} */
const englishAttributes = new WeakMap();

function chosenBefore() {
  const kept = read(KEPT, null);
  return typeof kept === "string" && Object.hasOwn(LANGUAGES, kept) ? kept : null;
}

/** A text in the language of the page, itself where there is no entry.
 * @param {string} text
 * @returns {string} */
function said(text) {
  const words = text.trim().replace(/\s+/g, " ");
  if (language === "en" || !/[A-Za-z]{2}/.test(words) || unknown.has(words)) return text;
  const found = exact.get(words) ?? filled(words) ?? inSentences(words);
  if (found === null) {
    if (unknown.size === REMEMBERED) unknown.clear();
    unknown.add(words);
    return text;
  }
  const before = text.length - text.trimStart().length;
  const after = text.trimEnd().length;
  return text.slice(0, before) + found + text.slice(after);
}

/** By an entry with places for what differs; or null.
 * @param {string} words */
function filled(words) {
  for (const [pattern, korean] of patterns) {
    const values = pattern.exec(words);
    if (values) return korean.replace(/\{(\d)\}/g, (_, number) => said(values[number] ?? ""));
  }
  return null;
}

/** Several sentences, one by one; null for a single one.
 * @param {string} words */
function inSentences(words) {
  const sentences = words.split(/(?<=\.) (?=[A-Z0-9])/);
  return sentences.length > 1 ? sentences.map(said).join(" ") : null;
}

/** kept: of the last time; now: what stands there.
 * @param {Exchanged | undefined} kept
 * @param {string} now
 * @param {(text: string) => void} put
 * @returns {Exchanged} */
function exchange(kept, now, put) {
  const text = kept && now === kept.shown ? kept.text : now; // else somebody has written it anew
  const shown = said(text);
  if (shown !== now) put(shown);
  return { text, shown };
}

/** @param {Text} node */
function ofNode(node) {
  const around = node.parentElement;
  if (around?.closest("script, style, .dc-report, .dc-contents, [lang]:not(html)")) return;
  if (around instanceof HTMLOptionElement && !around.hasAttribute("value"))
    around.value = node.data;
  const put = (/** @type {string} */ text) => {
    node.data = text;
  };
  englishTexts.set(node, exchange(englishTexts.get(node), node.data, put));
}

/** @param {Element} element
 * @param {string} name */
function ofAttribute(element, name) {
  const now = element.getAttribute(name);
  if (now === null) return;
  const all = englishAttributes.get(element) ?? {};
  all[name] = exchange(all[name], now, (text) => element.setAttribute(name, text));
  englishAttributes.set(element, all);
}

/** @param {Node} root */
function ofTree(root) {
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_ELEMENT | NodeFilter.SHOW_TEXT);
  for (let node = /** @type {Node | null} */ (root); node; node = walker.nextNode()) {
    if (node instanceof Text) ofNode(node);
    else if (node instanceof Element) for (const name of ATTRIBUTES) ofAttribute(node, name);
  }
}

const observer = new MutationObserver((changes) => {
  for (const { target, attributeName, addedNodes } of changes) {
    if (target instanceof Text) ofNode(target);
    else if (attributeName && target instanceof Element) ofAttribute(target, attributeName);
    else addedNodes.forEach(ofTree);
  }
});

async function speak() {
  document.documentElement.lang = language;
  if (language === "en")
    observer.disconnect(); // what is written stays: nothing to watch for
  else observer.observe(document.body, WATCHED);
  if (language !== "en" && !exact.size) {
    const response = await fetch(new URL(`../locales/${language}.json`, import.meta.url));
    /** @type {Record<string, string>} */
    const table = await response.json();
    /** @param {string} text */
    const escaped = (text) => text.replace(/[.*+?^$()|[\]\\]/g, "\\$&");
    const open = Object.entries(table).filter(([text]) => text.includes("{1}"));
    open.sort(([a], [b]) => b.length - a.length); // the longer says more of what it is for
    exact = new Map(Object.entries(table));
    patterns = open.map(([text, korean]) => [
      new RegExp(`^${escaped(text).replace(/\{\d\}/g, PLACE)}$`),
      korean,
    ]);
  }
  unknown.clear();
  ofTree(document.body);
}

/** @param {HTMLSelectElement} select */
export function mount(select) {
  select.replaceChildren(
    ...Object.entries(LANGUAGES).map(([code, name]) => new Option(name, code)),
  );
  for (const option of select.options) option.lang = option.value;
  select.value = language;
  select.addEventListener("change", () => {
    language = select.value;
    write(KEPT, language);
    speak();
  });
  if (language !== "en") speak();
}
