// Forget: boxes on samples, the maps that see what is in them, the same pictures without.

import { page } from "../core/page.js";
import { withGains } from "../core/spec.js";
import { fitUnits } from "../engine/engine.js";
import { Maps } from "../widgets/feature-maps.js";
import { Sheet } from "../widgets/sheet.js";
import { Edits } from "../widgets/units.js";
import { Measured } from "./forget-measured.js";
import { coarse, Painting } from "./forget-paint.js";
import { Samples, SEED } from "./forget-samples.js";
import { Sets, UNNAMED } from "./forget-sets.js";
import { Stage } from "./forget-stage.js";

const HOW =
  "Press and drag over a picture, around the same kind of thing in several of them. With the " +
  "keyboard: Enter puts a box, arrows move it, Shift and arrows size it, Delete removes it.";
const MOST = 3; // of a gain
const states = new Map(); // by the model's name

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

export async function mount(root) {
  const part = (name) => root.querySelector(`[data-role=${name}]`);
  const fail = (error) => page.fail(error.message ?? error);
  const fitting = root.querySelector("[data-do=fit]");
  const show = (text) => page.show(text, "sample");
  const columns = matchMedia("(max-width: 899px)").matches ? 3 : 4;
  let state = null;
  let drawn = ""; // the edited texts on their sheet

  const samples = new Samples(root, {
    columns,
    onChange: () => onSamples(),
    onClick: show,
    onError: fail,
  });
  const edited = new Sheet(part("without"), {
    columns,
    label: "Edited sample",
    onClick: (index) => show(withGains(samples.shown[index].spec, state.edits.texts())),
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
      const threshold = part("threshold");
      if (!measured.isAbout(state.fits.get(state.layer))) {
        fail(
          "These curves are about the maps of the set that comes with the model; choose it first.",
        );
        return;
      }
      threshold.value = Math.min(k, threshold.max);
      threshold.dispatchEvent(new Event("input"));
    },
  });

  const boxed = () => state.pictures.filter(({ boxes }) => boxes.length);

  /** How many fitted maps are dropped, from the first one on; null for any other edit. */
  const dropped = () => {
    const fit = state.fits.get(state.layer);
    const { gains, region } = state.edits.of(state.layer);
    const first = fit?.maps.slice(0, gains.size) ?? [];
    const dropping = first.length === gains.size && first.every((map) => gains.get(map) === 0);
    const alone = state.edits.texts().length === Math.min(gains.size, 1);
    return measured.isAbout(fit) && region === null && dropping && alone ? gains.size : null;
  };

  const drawEdited = () => {
    const texts = samples.shown.map(({ spec }) => withGains(spec, state.edits.texts()));
    part("words").textContent =
      `The same, ${state.edits.words() || "as long as nothing is dropped"}`;
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
  const onEdit = (byHand) => {
    drawEdited();
    stage.edit(byHand);
    measured.mark(dropped());
  };

  const say = (words) => (part("status").textContent = words);
  const sayStatus = () => {
    const pictures = boxed();
    const boxes = pictures.reduce((sum, picture) => sum + picture.boxes.length, 0);
    const fit = state.fits.get(state.layer);
    const said = [];
    if (!boxes) said.push(HOW);
    else said.push(`${count(boxes, "box", "boxes")} in ${count(pictures.length, "picture")}.`);
    if (fit) {
      const [all] = state.model.layers[state.layer - 1];
      said.push(
        `${fit.maps.length} of ${all} maps have a positive weight for ${fit.inside} cells ` +
          `inside the boxes against ${fit.outside} outside.`,
      );
      if (boxes && fit.boxed !== JSON.stringify(pictures))
        said.push("The boxes have changed since.");
    }
    say(said.join(" "));
  };

  /** The maps of a layer that see what is boxed; null where there are none to be had. */
  const find = async (layer) => {
    const { name, fits } = state;
    const pictures = boxed();
    say("Looking for the maps ...");
    try {
      const found = await fitUnits({ version: 1, name, layer, pictures });
      fits.set(layer, { ...found, boxed: JSON.stringify(pictures) });
      return found;
    } catch (error) {
      page.caught(error);
      return null;
    } finally {
      sayStatus();
    }
  };
  const all = (maps, factor) => new Map(maps.map((map) => [map, factor]));

  const fit = async (byHand) => {
    const asking = state;
    const { layer } = asking;
    const found = await find(layer);
    if (!found) return;
    takeBack(asking);
    asking.puts = 0;
    asking.edits.of(layer).gains = all(measured.chosen(found), 0);
    if (asking === state) onMaps(byHand);
  };

  /** Puts what is boxed where the visitor paints. Gains of one layer strengthen what is there
   * already; those of the layer before as well can put it where it was not. */
  const put = async (puts) => {
    const asking = state;
    const { layer, edits, fits, model } = asking;
    const before = layer - 1;
    if (puts && before && !fits.has(before) && !(await find(before))) puts = false;
    takeBack(asking);
    edits.of(layer).gains = all(fits.get(layer).maps, puts ? MOST : 0);
    asking.puts = puts ? layer : 0;
    if (puts && before) {
      const [from, to] = [layer, before].map((number) => model.layers[number - 1][1]);
      edits.of(before).gains = all(fits.get(before).maps, MOST);
      edits.of(before).region = coarse(edits.of(layer).region, from, to);
    }
    if (asking === state) onMaps(true);
  };
  const takeBack = ({ edits, puts }) => {
    if (puts > 1) Object.assign(edits.of(puts - 1), { gains: new Map(), region: null });
  };
  const onMaps = (byHand) => {
    maps.show(state);
    painting.draw();
    onEdit(byHand);
  };
  fitting.addEventListener("click", () => fit(true));

  const adopt = async ({ name, layer, pictures }) => {
    Object.assign(state, { name, layer, first: 0, looked: null });
    samples.change(pictures);
    drawAll();
    if (boxed().length) await fit(false);
  };

  const drawAll = () => {
    for (const those of [sets, maps, stage, painting, samples]) those.show(state);
    onSamples();
    measured.mark(dropped());
  };
  const use = async () => {
    const { model } = page;
    const known = states.get(model.name);
    state = known ?? fresh(model);
    states.set(model.name, state);
    drawAll();
    await measured.show(model);
    if (state.model !== model) return;
    measured.mark(dropped());
    if (known || !model.boxes.length) return;
    await sets.openShipped(model.boxes[0]);
    const untouched = page.picture === page.sample(SEED, 0, model);
    if (untouched && boxed().length) page.show(boxed()[0].spec, "forget");
  };
  page.on("model", () => {
    if (root.isConnected) use();
  });
  page.on("picture", ({ from }) => {
    if (!root.isConnected || !state) return;
    if (from !== "forget") stage.adopt();
    painting.draw();
  });

  await page.ready;
  const home = page.models.find(({ boxes }) => boxes.length);
  if (home && !states.size && !page.model.boxes.length) {
    page.pick(page.picture);
    page.useModel(home.name);
    page.say(
      `Boxes are ready for ${home.name}, so this tab opens there; your picture is on the shelf.`,
    );
    return;
  }
  await use();
}

const count = (number, one, many = `${one}s`) => `${number} ${number === 1 ? one : many}`;
