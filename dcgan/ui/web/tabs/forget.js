// Forget: boxes on samples, the maps that see what is in them, the same pictures without.

import { find } from "../core/dom.js";
import { named, t } from "../core/language.js";
import { page } from "../core/page.js";
import { withGains } from "../core/spec.js";
import { fitUnits } from "../engine/engine.js";
import { layerShape, Maps } from "../widgets/feature-maps.js";
import { Sheet } from "../widgets/sheet.js";
import { Edits } from "../widgets/units.js";
import { Measured } from "./forget-measured.js";
import { coarse, Painting } from "./forget-paint.js";
import { Samples, SEED } from "./forget-samples.js";
import { Sets, UNNAMED } from "./forget-sets.js";
import { Stage } from "./forget-stage.js";
import { cellsOf, shownBy } from "./forget-state.js";

/** @import { BoxSet, Model } from "../core/types.d.ts"
 * @import { Fit, State } from "./forget-state.js" */

const MOST = 3; // of a gain
/** By the model's name.
 * @type {Map<string, State>} */
const states = new Map();

/** @param {Model} model
 * @returns {State} */
const fresh = (model) => ({
  model,
  pictures: [], // [{spec, boxes}], those looked at so far; replaced, never changed
  before: [], // earlier `pictures`, for Undo
  first: 0, // of the pictures shown
  label: null, // the class of further samples; null for all in turn
  name: UNNAMED,
  layer: Math.max(model.layers.length - 1, 1), // the second-highest
  fits: new Map(), // by layer: the server's answer, and the boxes it was asked with
  edits: new Edits(),
  puts: 0, // the layer whose painted region the thing is put in
  looked: null, // the map whose activation is shown
});

/** @param {HTMLElement} root */
export async function mount(root) {
  /** @param {string} name */
  const part = (name) => find(root, `[data-role=${name}]`, HTMLElement);
  /** @param {string} sentence */
  const fail = (sentence) => page.fail(sentence);
  const fitting = find(root, "[data-do=fit]", HTMLButtonElement);
  const threshold = find(root, "[data-role=threshold]", HTMLInputElement);
  /** @param {string} text */
  const show = (text) => page.show(text, "sample");
  const columns = matchMedia("(max-width: 899px)").matches ? 3 : 4;
  /** @type {State | null} */
  let shown = null;
  root.inert = true; // until there is a state that a press could change
  let drawn = ""; // the edited texts on their sheet

  const samples = new Samples(root, {
    columns,
    onChange: () => onSamples(),
    onClick: show,
    onError: fail,
  });
  const edited = new Sheet(part("without"), {
    columns,
    label: "sheet.editedSample",
    onClick: (index) => {
      const picture = samples.shown[index];
      if (picture) show(withGains(picture.spec, current().edits.texts()));
    },
    onError: fail,
  });
  const sets = new Sets(root, {
    onAdopt: (set) => adopt(set),
    onName: () => stage.say(),
    onError: fail,
  });
  const stage = new Stage(root, { onError: fail });
  const painting = new Painting(root, { onRegion: () => onEdit(true), onPut: (puts) => put(puts) });
  const maps = new Maps(root, {
    onEdit: () => onEdit(true),
    onLook: () => samples.glow(),
    onLayer: () => drawAll(),
    onClick: show,
    onError: fail,
  });
  const measured = new Measured(root, {
    onPress: (k) => {
      const { fits, layer } = current();
      if (!measured.isAbout(fits.get(layer))) {
        fail(t("forget.otherSet"));
        return;
      }
      threshold.value = String(Math.min(k, Number(threshold.max)));
      threshold.dispatchEvent(new Event("input"));
    },
  });

  /** The state of the model that is shown. Throws an Error where there is none yet. */
  const current = () => shownBy(shown);
  const boxed = () => current().pictures.filter(({ boxes }) => boxes.length);

  /** How many fitted maps are dropped, from the first one on; null for any other edit. */
  const dropped = () => {
    const { fits, layer, edits } = current();
    const fit = fits.get(layer);
    const { gains, region } = edits.of(layer);
    const first = fit?.maps.slice(0, gains.size) ?? [];
    const dropping = first.length === gains.size && first.every((map) => gains.get(map) === 0);
    const alone = edits.texts().length === Math.min(gains.size, 1);
    return measured.isAbout(fit) && region === null && dropping && alone ? gains.size : null;
  };

  const drawEdited = () => {
    const { edits } = current();
    const texts = samples.shown.map(({ spec }) => withGains(spec, edits.texts()));
    const words = edits.words();
    part("words").textContent = words
      ? t("forget.same", { edits: words })
      : t("forget.sameUnchanged");
    if (String(texts) === drawn) return;
    drawn = String(texts);
    edited.show(texts);
  };
  const onSamples = () => {
    fitting.disabled = !boxed().length;
    sayStatus();
    stage.say();
    drawEdited();
  };
  /** @param {boolean} byHand */
  const onEdit = (byHand) => {
    drawEdited();
    stage.edit(byHand);
    measured.mark(dropped());
  };

  /** @param {string[]} sentences */
  const say = (...sentences) => {
    part("status").replaceChildren(...sentences.flatMap((sentence) => [sentence, " "]));
  };
  const sayStatus = () => {
    const pictures = boxed();
    const boxes = pictures.reduce((sum, picture) => sum + picture.boxes.length, 0);
    const { model, layer, fits } = current();
    const fit = fits.get(layer);
    /** @type {string[]} */
    const said = [];
    if (!boxes) said.push(t("forget.drawHint"));
    else said.push(sayBoxes(boxes, pictures.length));
    if (fit) {
      const [all] = layerShape(model.layers, layer);
      said.push(
        t("forget.fitted", {
          count: fit.maps.length,
          all,
          inside: fit.inside,
          outside: fit.outside,
        }),
      );
      if (boxes && fit.boxed !== JSON.stringify(pictures)) said.push(t("forget.boxesChanged"));
    }
    say(...said);
  };

  /** The maps of a layer that see what is boxed; null where there are none to be had.
   * @param {number} layer
   * @returns {Promise<Fit | null>} */
  const look = async (layer) => {
    const { name, fits } = current();
    const pictures = boxed();
    say(t("forget.lookingMaps"));
    try {
      const found = await fitUnits({ version: 1, name, layer, pictures });
      const fit = { ...found, boxed: JSON.stringify(pictures) };
      fits.set(layer, fit);
      return fit;
    } catch (error) {
      page.caught(error);
      return null;
    } finally {
      sayStatus();
    }
  };
  /** @type {(maps: number[], factor: number) => Map<number, number>} */
  const all = (maps, factor) => new Map(maps.map((map) => [map, factor]));

  /** @param {boolean} byHand */
  const fit = async (byHand) => {
    const asking = current();
    const { layer } = asking;
    const found = await look(layer);
    if (!found) return;
    takeBack(asking);
    asking.puts = 0;
    asking.edits.of(layer).gains = all(measured.chosen(found), 0);
    if (asking === shown) onMaps(byHand);
  };

  /** Puts what is boxed where the visitor paints. Gains of one layer strengthen what is there
   * already; those of the layer before as well can put it where it was not.
   * @param {boolean} puts */
  const put = async (puts) => {
    const asking = current();
    const { layer, edits, fits, model } = asking;
    const below = puts && layer > 1 ? (fits.get(layer - 1) ?? (await look(layer - 1))) : null;
    const isPut = puts && (layer === 1 || below !== null);
    const found = fits.get(layer);
    const { region } = edits.of(layer);
    if (!found || (isPut && !region)) return; // nothing to put, or meanwhile nowhere to put it
    takeBack(asking);
    edits.of(layer).gains = all(found.maps, isPut ? MOST : 0);
    asking.puts = isPut ? layer : 0;
    if (below && region) {
      edits.of(layer - 1).gains = all(below.maps, MOST);
      edits.of(layer - 1).region = coarse(region, cellsOf(model, layer), cellsOf(model, layer - 1));
    }
    if (asking === shown) onMaps(true);
  };
  /** @param {State} state */
  const takeBack = ({ edits, puts }) => {
    if (puts > 1) Object.assign(edits.of(puts - 1), { gains: new Map(), region: null });
  };
  /** @param {boolean} byHand */
  const onMaps = (byHand) => {
    maps.show(current());
    painting.draw();
    onEdit(byHand);
  };
  fitting.addEventListener("click", () => fit(true));

  /** @param {BoxSet} set */
  const adopt = async ({ name, layer, pictures }) => {
    Object.assign(current(), { name, layer, first: 0, looked: null });
    samples.change(pictures);
    drawAll();
    if (boxed().length) await fit(false);
  };

  const drawAll = () => {
    for (const those of [sets, maps, stage, painting, samples]) those.show(current());
    onSamples();
    measured.mark(dropped());
  };
  const use = async () => {
    const { model } = page;
    const known = states.get(model.name);
    shown = known ?? fresh(model);
    states.set(model.name, shown);
    root.inert = false;
    drawAll();
    await measured.show(model);
    if (current().model !== model) return;
    measured.mark(dropped());
    const [set] = model.boxes;
    if (known || set === undefined) return;
    await sets.openShipped(set);
    const untouched = page.picture === page.sample(SEED, 0, model);
    const [first] = boxed();
    if (untouched && first) page.show(first.spec, "forget");
  };
  page.on("model", () => {
    if (root.isConnected) use();
  });
  page.on("picture", ({ from }) => {
    if (!root.isConnected || !shown) return;
    if (from !== "forget") stage.adopt();
    painting.draw();
  });

  await page.ready;
  const home = page.models.find(({ boxes }) => boxes.length);
  if (home && !states.size && !page.model.boxes.length) {
    page.pick(page.picture);
    page.useModel(home.name);
    page.say(t("forget.openedAt", { model: named(home.name) }));
    return;
  }
  await use();
}

/** @param {number} boxes
 * @param {number} pictures */
function sayBoxes(boxes, pictures) {
  const several = pictures === 1 ? "boxes.countInOne" : "boxes.count";
  return t(boxes === 1 ? "boxes.countOne" : several, { boxes, pictures });
}
