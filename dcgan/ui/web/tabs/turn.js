// Turn: the vector between two exemplars, added to any head (figure 8).

import { copy } from "../core/clipboard.js";
import { page } from "../core/page.js";
import { join, mean, parts, taken, turn } from "../core/spec.js";
import { sheet } from "../engine/engine.js";
import { bank } from "../widgets/direction-bank.js";
import { average, Exemplar, random, shipped } from "../widgets/exemplar.js";
import { draws, ours, plain } from "../widgets/picker.js";
import { Sheet } from "../widgets/sheet.js";
import { offer } from "../widgets/video-export.js";

const TITLES = ["From", "To"];
const SIZE = 4;
const HEADS = 5;
const POSITIONS = Array.from({ length: 9 }, (_, index) => (index - 4) / 4);
const FORM = '{"model": "faces@01234567", "from": ["z(1,0)"], "to": ["z(1,1)"]}';
const state = { pair: null, heads: null };

export async function mount(root) {
  const part = (name) => root.querySelector(`[data-role=${name}]`);
  const button = (name) => root.querySelector(`[data-do=${name}]`);
  const amount = part("amount");

  const ends = TITLES.map(
    (title, index) =>
      new Exemplar(root.querySelector(`[data-end="${index}"]`), {
        title,
        size: SIZE,
        onChange: (kept) => {
          const { amount: turned, ...head } = held(page.picture);
          part("pair").value = "";
          usePair(state.pair.with(index, kept));
          if (turned && between()) show(turned, head);
        },
      }),
  );

  /** The two mean z's, or null while a side has no picture. */
  const between = () => {
    if (!state.pair) return null; // the page is not ready
    const means = state.pair.map(({ texts }) => average(texts));
    return means.every(Boolean) ? means.map((text) => parts(text).z) : null;
  };

  /** {amount, z, ...}: a picture as a head and how far this pair has turned it. */
  const held = (text) => {
    const { z, ...rest } = parts(text);
    const { name, values } = taken(z);
    const [from, to] = between() ?? [];
    return name === "turn" && values[1] === from && values[2] === to
      ? { ...rest, amount: Number(values[0]), z: values[3] }
      : { ...rest, amount: 0, z };
  };
  const turned = (by, { z, ...rest }) => join({ ...rest, z: turn(by, ...between(), z) });
  const show = (by, head) => page.show(turned(by, head), "turn");

  // --- the head on the stage
  const adopt = (text) => {
    const { amount: by, z } = held(text);
    amount.value = by;
    amount.disabled = !between();
    part("amount-value").textContent = by.toFixed(2);
    button("adopt").hidden = by !== 0 || taken(z).name !== "turn";
  };
  amount.addEventListener("input", () => show(Number(amount.value), held(page.picture)));
  button("reset").addEventListener("click", () => {
    if (between()) show(0, held(page.picture));
  });
  button("film").addEventListener("click", () => {
    if (!between()) return page.fail("Put a picture on both sides of the turn first.");
    const head = held(page.picture);
    const at = (place) => turned(2 * place - 1, head);
    offer({ name: "turn", title: "Save the turn as a film", closed: false, at });
  });
  button("head").addEventListener("click", () => page.show(draws(1)[0], "head"));
  page.on("picture", ({ text }) => adopt(text));

  // --- several heads
  let drawn = []; // the texts in the row; those of a refused one never get there
  const row = new Sheet(part("row"), {
    columns: POSITIONS.length,
    label: "Position",
    onClick: (index) => drawn[index] && page.show(drawn[index], "row"),
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
      page.fail(`Put a picture of ${page.model.name} on the shelf first.`);
      return;
    }
    state.heads = kept;
    fill();
  });

  // --- where the pair comes from; the picture on the stage stays as it is
  const usePair = (pair) => {
    state.pair = pair;
    page.history.touch();
    for (const [index, end] of ends.entries()) end.show(pair[index]);
    adopt(page.picture);
    fill();
  };
  const useShipped = (index) => {
    part("pair").value = index;
    usePair(page.model.sets.turns[index].map((name) => shipped(name, SIZE)));
  };
  const useRandom = () => {
    part("pair").value = "";
    usePair(TITLES.map(() => random(SIZE)));
  };
  part("pair").addEventListener("change", () => useShipped(part("pair").value));
  button("random").addEventListener("click", useRandom);
  button("adopt").addEventListener("click", () => {
    const { z, ...rest } = parts(page.picture);
    const exemplar = (end) => {
      const { name, values } = taken(end);
      const zs = name === "mean" && values.length <= SIZE ? values : [end];
      return { name: "", texts: zs.map((one) => join({ ...rest, z: one })) };
    };
    part("pair").value = "";
    usePair(taken(z).values.slice(1, 3).map(exemplar));
  });

  // --- the pair as one of the visitor's own directions
  button("slider").addEventListener("click", () => {
    if (!between()) return;
    const [from, to] = state.pair.map(({ texts }) => texts.map((text) => parts(text).z));
    const [first, last] = state.pair.map(({ name }) => name);
    try {
      bank.add({ name: first && last && `${first} – ${last}`, from, to });
      page.say("The pair is a slider on the Sample tab now.");
    } catch (error) {
      page.fail(error.message);
    }
  });

  // --- the turn as text
  button("copy").addEventListener("click", () => {
    const { name, weights } = page.model;
    const [from, to] = state.pair.map(({ texts }) => texts.map((text) => parts(text).z));
    copy(JSON.stringify({ model: `${name}@${weights}`, from, to }), "Turn");
  });
  part("paste").placeholder = FORM;
  part("paste").addEventListener("keydown", async (event) => {
    if (event.key !== "Enter") return;
    try {
      const zs = readTurn(part("paste").value);
      const { z, ...rest } = held(page.picture);
      const whole = join({ ...rest, z: turn(1, ...zs.map(mean), z) });
      await sheet([...zs.flat().map(plain), whole], 1); // the server knows what is wrong with a z
      part("pair").value = part("paste").value = "";
      usePair(zs.map((side) => ({ name: "", texts: side.map(plain) })));
      page.say("This turn is in use now.");
    } catch (error) {
      page.fail(error.message);
    }
  });

  const useModel = () => {
    state.heads = draws(HEADS);
    const turns = page.model.sets.turns;
    part("pairs").hidden = !turns.length;
    part("pair").replaceChildren(
      Object.assign(new Option("your own", ""), { hidden: true }),
      ...turns.map(([from, to], index) => new Option(`${from} – ${to}`, index)),
    );
    if (turns.length) useShipped(0);
    else useRandom();
  };
  page.on("model", useModel);
  await page.ready;
  const use = (kept) => {
    part("pair").value = kept.chosen;
    usePair(kept.pair);
  };
  const look = () => ({ pair: state.pair, chosen: part("pair").value });
  const kept = page.history.keep("turn", look, use);
  useModel();
  if (kept) use(kept);
}

/** The z's [[from...], [to...]] of a pasted turn; throws an Error with a sentence for people. */
function readTurn(pasted) {
  let turn;
  try {
    turn = JSON.parse(pasted);
  } catch {
    throw new Error(`This is not the text of a turn; one looks like ${FORM}.`);
  }
  const sides = [turn?.from, turn?.to];
  const fit = (zs) => Array.isArray(zs) && zs.length >= 1 && zs.length <= SIZE;
  if (!sides.every((zs) => fit(zs) && zs.every((z) => typeof z === "string"))) {
    throw new Error(`A turn has 1 to ${SIZE} z's on either side, as in ${FORM}.`);
  }
  const here = `${page.model.name}@${page.model.weights}`;
  if (turn.model !== here) {
    throw new Error(
      `This turn was made with ${turn.model}, the model here is ${here}; ` +
        "write this in its place to see what it does here.",
    );
  }
  return sides;
}
