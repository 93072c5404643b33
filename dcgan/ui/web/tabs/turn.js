// Turn: the vector between two exemplars, added to any head (figure 8).

import { copy } from "../core/clipboard.js";
import { find } from "../core/dom.js";
import { message } from "../core/errors.js";
import { named, t } from "../core/language.js";
import { page } from "../core/page.js";
import { join, mean, parts, taken, turn } from "../core/spec.js";
import { fields, texts as textsIn } from "../core/store.js";
import { sheet } from "../engine/engine.js";
import { bank } from "../widgets/direction-bank.js";
import { average, Exemplar, random, shipped } from "../widgets/exemplar.js";
import { draws, ours, plain } from "../widgets/picker.js";
import { Sheet } from "../widgets/sheet.js";
import { offer } from "../widgets/video-export.js";

/** @import { Parts } from "../core/types.d.ts"
 * @import { Kept } from "../widgets/exemplar.js" */

const ENDS = /** @type {const} */ (["turn.from", "turn.to"]);
const SIZE = 4;
const HEADS = 5;
const POSITIONS = Array.from({ length: 9 }, (_, index) => (index - 4) / 4);
const FORM = '{"model": "faces@01234567", "from": ["z(1,0)"], "to": ["z(1,1)"]}';
/** pair: what the turn goes from and to, empty before the page is ready; heads: texts.
 * @type {{ pair: Kept[], heads: string[] }} */
const state = { pair: [], heads: [] };

/** @param {HTMLElement} root */
export async function mount(root) {
  /** @param {string} name */
  const part = (name) => find(root, `[data-role=${name}]`, HTMLElement);
  /** @param {string} name */
  const button = (name) => find(root, `[data-do=${name}]`, HTMLButtonElement);
  const amount = find(root, "[data-role=amount]", HTMLInputElement);
  const paste = find(root, "[data-role=paste]", HTMLInputElement);
  const choice = find(root, "[data-role=pair]", HTMLSelectElement);

  const ends = ENDS.map(
    (end, index) =>
      new Exemplar(find(root, `[data-end="${index}"]`, HTMLElement), {
        title: () => t(end),
        size: SIZE,
        onChange: (kept) => {
          const { amount: turned, ...head } = held(page.picture);
          choice.value = "";
          usePair(state.pair.with(index, kept));
          if (turned && between()) show(turned, head);
        },
      }),
  );

  /** The two mean z's, or null while a side has no picture.
   * @returns {[string, string] | null} */
  const between = () => {
    const [from, to] = state.pair.map(({ texts }) => average(texts));
    return from && to ? [parts(from).z, parts(to).z] : null;
  };

  /** {amount, z, ...}: a picture as a head and how far this pair has turned it.
   * @param {string} text
   * @returns {Parts & { amount: number }} */
  const held = (text) => {
    const { z, ...rest } = parts(text);
    const { name, values } = taken(z);
    const [by, start, end, head] = values;
    const [from, to] = between() ?? [];
    return name === "turn" && start === from && end === to && head !== undefined
      ? { ...rest, amount: Number(by), z: head }
      : { ...rest, amount: 0, z };
  };
  /** A head turned by the pair; as it is, while a side has no picture.
   * @type {(by: number, head: Parts) => string} */
  const turned = (by, { z, ...rest }) => {
    const means = between();
    return join({ ...rest, z: means ? turn(by, ...means, z) : z });
  };
  /** @type {(by: number, head: Parts) => void} */
  const show = (by, head) => page.show(turned(by, head), "turn");

  // --- the head on the stage
  /** @param {string} text */
  const adopt = (text) => {
    const { amount: by, z } = held(text);
    amount.value = String(by);
    amount.disabled = !between();
    part("amount-value").textContent = by.toFixed(2);
    button("adopt").hidden = by !== 0 || taken(z).name !== "turn";
  };
  amount.addEventListener("input", () => show(Number(amount.value), held(page.picture)));
  button("reset").addEventListener("click", () => {
    if (between()) show(0, held(page.picture));
  });
  button("film").addEventListener("click", () => {
    if (!between()) return page.fail(t("turn.sideEmpty"));
    const head = held(page.picture);
    /** @param {number} place */
    const at = (place) => turned(2 * place - 1, head);
    offer({ name: "turn", title: t("turn.saveVideo"), closed: false, at });
  });
  button("head").addEventListener("click", () => {
    for (const head of draws(1)) page.show(head, "head");
  });
  page.on("picture", ({ text }) => adopt(text));

  // --- several heads
  /** The texts in the row; those of a refused one never get there.
   * @type {string[]} */
  let drawn = [];
  const row = new Sheet(part("row"), {
    columns: POSITIONS.length,
    label: "sheet.position",
    onClick: (index) => {
      const text = drawn[index];
      if (text) page.show(text, "row");
    },
    onError: (sentence) => page.fail(sentence),
  });
  const fill = async () => {
    if (!between()) return;
    const texts = state.heads.flatMap((head) => POSITIONS.map((by) => turned(by, held(head))));
    if (await row.show(texts)) drawn = texts;
  };
  button("others").addEventListener("click", () => {
    state.heads = draws(HEADS);
    fill();
  });
  button("shelf").addEventListener("click", () => {
    const kept = page.shelf.filter(ours).slice(-HEADS);
    if (!kept.length) {
      page.fail(t("turn.shelfEmpty", { model: named(page.model.name) }));
      return;
    }
    state.heads = kept;
    fill();
  });

  // --- where the pair comes from; the picture on the stage stays as it is
  /** @param {Kept[]} pair */
  const usePair = (pair) => {
    if (pair.length !== ENDS.length) return;
    state.pair = pair;
    page.history.touch();
    pair.forEach((kept, index) => {
      ends[index]?.show(kept);
    });
    adopt(page.picture);
    fill();
  };
  /** @param {number} index */
  const useShipped = (index) => {
    choice.value = String(index);
    const names = page.model.sets.turns[index] ?? [];
    usePair(names.map((name) => shipped(name, SIZE)));
  };
  const useRandom = () => {
    choice.value = "";
    usePair(ENDS.map(() => random(SIZE)));
  };
  choice.addEventListener("change", () => useShipped(Number(choice.value)));
  button("random").addEventListener("click", useRandom);
  button("adopt").addEventListener("click", () => {
    const { z, ...rest } = parts(page.picture);
    /** @param {string} end */
    const exemplar = (end) => {
      const { name, values } = taken(end);
      const zs = name === "mean" && values.length <= SIZE ? values : [end];
      return { name: "", texts: zs.map((one) => join({ ...rest, z: one })) };
    };
    choice.value = "";
    usePair(taken(z).values.slice(1, 3).map(exemplar));
  });

  // --- the pair as one of the visitor's own directions
  button("slider").addEventListener("click", () => {
    const [from, to] = state.pair;
    if (!between() || !from || !to) return;
    const name = from.name && to.name && `${from.name} – ${to.name}`;
    try {
      bank.add({ name, from: zsOf(from), to: zsOf(to) });
      page.say(t("turn.madeSlider"));
    } catch (error) {
      page.fail(message(error));
    }
  });

  // --- the turn as text
  button("copy").addEventListener("click", () => {
    const { name, weights } = page.model;
    const [from, to] = state.pair.map(zsOf);
    copy(JSON.stringify({ model: `${name}@${weights}`, from, to }), t("tab.turn"));
  });
  paste.placeholder = FORM;
  paste.addEventListener("keydown", async (event) => {
    if (event.key !== "Enter") return;
    try {
      const zs = readTurn(paste.value);
      const { z, ...rest } = held(page.picture);
      const whole = join({ ...rest, z: turn(1, mean(zs[0]), mean(zs[1]), z) });
      await sheet([...zs.flat().map(plain), whole], 1); // the server knows what is wrong with a z
      choice.value = paste.value = "";
      usePair(zs.map((side) => ({ name: "", texts: side.map(plain) })));
      page.say(t("turn.inUse"));
    } catch (error) {
      page.fail(message(error));
    }
  });

  const useModel = () => {
    state.heads = draws(HEADS);
    const turns = page.model.sets.turns;
    part("pairs").hidden = !turns.length;
    choice.replaceChildren(
      Object.assign(new Option(t("common.yourOwn"), ""), { hidden: true }),
      ...turns.map(
        ([from, to], index) =>
          new Option(t("turn.pairOf", { from: named(from), to: named(to) }), String(index)),
      ),
    );
    if (turns.length) useShipped(0);
    else useRandom();
  };
  page.on("model", useModel);
  await page.ready;
  /** What was kept, if it fits the model.
   * @param {unknown} kept */
  const use = (kept) => {
    const { pair, chosen } = fields(kept);
    const exemplars = Array.isArray(pair) ? pair.map(asExemplar) : [];
    if (exemplars.length !== ENDS.length) return;
    if (!exemplars.every(({ texts }) => texts.every(ours))) return;
    choice.value = typeof chosen === "string" ? chosen : "";
    usePair(exemplars);
  };
  const look = () => ({ pair: state.pair, chosen: choice.value });
  const kept = page.history.keep("turn", look, use);
  useModel();
  if (kept) use(kept);
}

/** The z's [[from...], [to...]] of a pasted turn; throws an Error with a sentence for people.
 * @param {string} pasted
 * @returns {[string[], string[]]} */
function readTurn(pasted) {
  /** @type {unknown} */
  let turn;
  try {
    turn = JSON.parse(pasted);
  } catch {
    throw new Error(t("turn.notATurn", { form: FORM }));
  }
  const { model, from, to } = fields(turn);
  if (!isSide(from) || !isSide(to)) {
    throw new Error(t("turn.badSides", { most: SIZE, form: FORM }));
  }
  const here = `${page.model.name}@${page.model.weights}`;
  if (model !== here) {
    throw new Error(t("turn.ofAnotherModel", { model: String(model), here }));
  }
  return [from, to];
}

/** @param {unknown} given
 * @returns {given is string[]} */
function isSide(given) {
  const zs = textsIn(given);
  return Array.isArray(given) && zs.length === given.length && zs.length >= 1 && zs.length <= SIZE;
}

/** An exemplar as it was kept.
 * @param {unknown} kept
 * @returns {Kept} */
function asExemplar(kept) {
  const { name, texts } = fields(kept);
  return { name: typeof name === "string" ? name : "", texts: textsIn(texts).slice(0, SIZE) };
}

/** The z's of an exemplar's pictures.
 * @param {Kept} kept */
const zsOf = ({ texts }) => texts.map((text) => parts(text).z);
