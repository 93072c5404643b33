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

let language = read(KEPT, null);
if (!(language in LANGUAGES)) language = navigator.language?.startsWith("ko") ? "ko" : "en";
let exact = new Map();
let patterns = []; // [RegExp, Korean]
const unknown = new Set();
const english = new WeakMap(); // {text, shown} of a text node, {[attribute]: {text, shown}} of an element

/** A text in the language of the page, itself where there is no entry. */
function said(text) {
  const words = text.trim().replace(/\s+/g, " ");
  if (language === "en" || !/[A-Za-z]{2}/.test(words) || unknown.has(words)) return text;
  const found = exact.get(words) ?? filled(words) ?? inSentences(words);
  if (found === null) {
    if (unknown.size === REMEMBERED) unknown.clear();
    unknown.add(words);
    return text;
  }
  const [before] = /^\s*/.exec(text);
  const [after] = /\s*$/.exec(text);
  return before + found + after;
}

/** By an entry with places for what differs; or null. */
function filled(words) {
  for (const [pattern, korean] of patterns) {
    const values = pattern.exec(words);
    if (values) return korean.replace(/\{(\d)\}/g, (_, number) => said(values[number]));
  }
  return null;
}

/** Several sentences, one by one; null for a single one. */
function inSentences(words) {
  const sentences = words.split(/(?<=\.) (?=[A-Z0-9])/);
  return sentences.length > 1 ? sentences.map(said).join(" ") : null;
}

/** kept: {text, shown} of the last time; put(text). */
function exchange(kept, now, put) {
  const text = kept && now === kept.shown ? kept.text : now; // else somebody has written it anew
  const shown = said(text);
  if (shown !== now) put(shown);
  return { text, shown };
}

function ofNode(node) {
  const around = node.parentElement;
  if (around?.closest("script, style, .dc-report, .dc-contents, [lang]:not(html)")) return;
  if (around instanceof HTMLOptionElement && !around.hasAttribute("value"))
    around.value = node.data;
  english.set(
    node,
    exchange(english.get(node), node.data, (text) => (node.data = text)),
  );
}

function ofAttribute(element, name) {
  const all = english.get(element) ?? {};
  all[name] = exchange(all[name], element.getAttribute(name), (text) =>
    element.setAttribute(name, text),
  );
  english.set(element, all);
}

function ofTree(root) {
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_ELEMENT | NodeFilter.SHOW_TEXT);
  for (let node = root; node; node = walker.nextNode()) {
    if (node.nodeType === Node.TEXT_NODE) ofNode(node);
    else for (const name of ATTRIBUTES) if (node.hasAttribute?.(name)) ofAttribute(node, name);
  }
}

const observer = new MutationObserver((changes) => {
  for (const { type, target, attributeName, addedNodes } of changes) {
    if (type === "characterData") ofNode(target);
    else if (type === "attributes" && target.hasAttribute(attributeName))
      ofAttribute(target, attributeName);
    else addedNodes.forEach(ofTree);
  }
});

async function speak() {
  document.documentElement.lang = language;
  if (language === "en")
    observer.disconnect(); // what is written stays: nothing to watch for
  else observer.observe(document.body, WATCHED);
  if (language !== "en" && !exact.size) {
    const table = await fetch(new URL(`../locales/${language}.json`, import.meta.url)).then((r) =>
      r.json(),
    );
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
