// Forget: boxes on samples, the maps that see what is in them, the same pictures without.

import { BoxSheet } from "./boxes.js";
import { Brush } from "./brush.js";
import { activation, checkBoxes, fitUnits, shippedBoxes } from "./engine-server.js";
import { Maps } from "./maps.js";
import { page } from "./page.js";
import { Sheet } from "./sheet.js";
import { draw, parts, withGains } from "./spec.js";
import { Edits } from "./units.js";

const ROWS = 3;
const SEED = 1; // of the samples, as on the Sample tab
const MAX_PICTURES = 256; // of a set, as the server has it
const MAX_FILE = 500_000; // bytes
const UNDO = 100;
const HOW =
  "Press and drag over a picture, around the same kind of thing in several of them. With the " +
  "keyboard: Enter puts a box, arrows move it, Shift and arrows size it, Delete removes it.";
const states = new Map(); // by the model's name

const fresh = (model) => ({
  model,
  pictures: [], // [{spec, boxes}], those looked at so far; replaced, never changed
  before: [], // earlier `pictures`, for Undo
  first: 0, // of the pictures shown
  name: "boxes",
  layer: Math.max(model.layers.length - 1, 1), // the second-highest
  fits: new Map(), // by layer: the server's answer, and the boxes it was asked with
  edits: new Edits(),
  looked: null, // the map whose activation is shown
});

export async function mount(root) {
  const part = (name) => root.querySelector(`[data-role=${name}]`);
  const button = (name) => root.querySelector(`[data-do=${name}]`);
  const fail = (error) => page.fail(error.message ?? error);
  const columns = matchMedia("(max-width: 780px)").matches ? 3 : 4;
  let state = null;
  let drawn = ""; // the edited texts on their sheet
  let glowing = null; // aborts the overlay under way

  // --- samples
  const shown = () => state.pictures.slice(state.first, state.first + columns * ROWS);
  const cells = () => state.model.layers[state.layer - 1][1];
  const boxed = () => state.pictures.filter(({ boxes }) => boxes.length);
  const gains = () => state.edits.texts();

  /** Draws as many samples as are to be shown. */
  const fill = () => {
    const { model } = state;
    const known = new Set(state.pictures.map(({ spec }) => spec));
    const pictures = [...state.pictures];
    const wanted = Math.min(state.first + columns * ROWS, MAX_PICTURES);
    for (let index = 0; pictures.length < wanted; index++) {
      const label = model.classes ? [`class(${index % model.classes})`] : [];
      const spec = page.text(draw(SEED, index), model, label);
      if (!known.has(spec)) pictures.push({ spec, boxes: [] });
    }
    state.pictures = pictures;
  };

  const samples = new BoxSheet(part("with"), {
    columns,
    label: "Sample",
    onChange: (index, boxes) => {
      const { spec } = shown()[index];
      change(state.pictures.map((old) => (old.spec === spec ? { spec, boxes } : old)));
    },
    onClick: (index) => show(shown()[index].spec),
    onError: fail,
  });
  const edited = new Sheet(part("without"), {
    columns,
    label: "Edited sample",
    onClick: (index) => show(withGains(shown()[index].spec, gains())),
    onError: fail,
  });

  const change = (pictures) => {
    state.before = [...state.before, state.pictures].slice(-UNDO);
    state.pictures = pictures;
    drawSamples();
  };

  const drawSamples = () => {
    fill();
    samples.show(shown(), state.model.size, cells());
    const last = state.first + shown().length;
    part("page").textContent = `${state.first + 1} to ${last}`;
    button("back").disabled = !state.first;
    button("forth").disabled = last >= MAX_PICTURES;
    button("undo").disabled = !state.before.length;
    button("clear").disabled = !boxed().length;
    button("fit").disabled = !boxed().length;
    sayStatus();
    drawEdited();
    glow();
  };

  const drawEdited = () => {
    const texts = shown().map(({ spec }) => withGains(spec, gains()));
    part("words").textContent = `The same, ${state.edits.words() || "as long as no map is dropped"}`;
    if (String(texts) === drawn) return;
    drawn = String(texts);
    edited.show(texts);
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
      const [maps] = state.model.layers[state.layer - 1];
      said.push(`${fit.maps.length} of ${maps} maps have a positive weight for ${fit.inside} cells ` +
        `inside the boxes against ${fit.outside} outside.`);
      if (boxes && fit.boxed !== JSON.stringify(pictures)) said.push("The boxes have changed since.");
    }
    say(said.join(" "));
  };

  const turn = (step) => {
    state.first = Math.min(Math.max(state.first + step * columns * ROWS, 0), MAX_PICTURES - 1);
    drawSamples();
  };
  button("back").addEventListener("click", () => turn(-1));
  button("forth").addEventListener("click", () => turn(1));
  button("clear").addEventListener("click", () =>
    change(state.pictures.map(({ spec }) => ({ spec, boxes: [] }))),
  );
  button("delete").addEventListener("click", () => {
    if (!samples.deleteChosen()) fail("Press a box first, to say which one.");
  });
  const undo = () => {
    if (!state.before.length) return;
    state.pictures = state.before.at(-1);
    state.before = state.before.slice(0, -1);
    drawSamples();
  };
  button("undo").addEventListener("click", undo);
  document.addEventListener("keydown", (event) => {
    const typing = event.target.matches("input[type=text]");
    if (!root.offsetParent || typing || event.key !== "z") return;
    if (event.ctrlKey || event.metaKey) undo();
  });
  const ofModel = (text) => parts(text).model === state.model.name;
  button("shelf").addEventListener("click", () => {
    const known = new Set(state.pictures.map(({ spec }) => spec));
    const plain = new Set(page.shelf.filter(ofModel).map((text) => withGains(text, [])));
    const added = [...plain].filter((spec) => !known.has(spec));
    if (!added.length) {
      fail(`The shelf holds no other pictures of ${state.model.name}; put some on it first.`);
      return;
    }
    state.first = 0;
    change([...added.map((spec) => ({ spec, boxes: [] })), ...state.pictures].slice(0, MAX_PICTURES));
  });

  // --- sets of boxes
  const set = (pictures) => ({ version: 1, name: state.name, layer: state.layer, pictures });

  const fit = async () => {
    const asking = state;
    const pictures = boxed();
    say("Looking for the maps ...");
    try {
      const found = await fitUnits(set(pictures));
      asking.fits.set(found.layer, { ...found, boxed: JSON.stringify(pictures) });
      asking.edits.of(found.layer).gains = new Map(found.maps.map((map) => [map, 0]));
      if (asking !== state) return;
      maps.show(state);
      onEdit();
    } catch (error) {
      fail(error);
    } finally {
      sayStatus();
    }
  };
  button("fit").addEventListener("click", fit);

  const adopt = async ({ name, layer, pictures }) => {
    Object.assign(state, { name, layer, first: 0, looked: null });
    change(pictures);
    drawAll();
    if (boxed().length) await fit();
  };

  const openShipped = async (name) => {
    const asking = state;
    try {
      const found = await shippedBoxes(state.model.name, name);
      if (asking === state) await adopt(found);
    } catch (error) {
      fail(error);
    }
  };
  part("set").addEventListener("change", ({ target }) => openShipped(target.value));
  part("name").addEventListener("change", ({ target }) => {
    state.name = target.value.trim() || "boxes";
    target.value = state.name;
  });
  button("save").addEventListener("click", () => {
    const { pictures, ...head } = set(state.pictures);
    const lines = pictures.map((picture) => `  ${JSON.stringify(picture)}`).join(",\n");
    const text = `${JSON.stringify(head).slice(0, -1)},"pictures":[\n${lines}\n]}\n`;
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
    link.download = `boxes-${state.name.replace(/[^\w-]+/g, "-")}.json`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  });
  button("load").addEventListener("click", () => part("file").click());
  part("file").addEventListener("change", async ({ target }) => {
    const [file] = target.files;
    target.value = "";
    try {
      if (file.size > MAX_FILE) throw new Error(`A set of boxes has at most ${MAX_FILE} bytes.`);
      const found = await checkBoxes(await file.text());
      const [name] = parts(found.pictures[0].spec).model.split("/");
      if (name !== page.model.name) page.useModel(name);
      await adopt(found);
    } catch (error) {
      fail(error);
    }
  });

  // --- maps
  const onEdit = () => {
    drawEdited();
    if (part("applied").checked) page.show(withGains(page.picture, gains()), "forget");
  };
  const maps = new Maps(root, {
    onEdit,
    onLook: () => glow(),
    onLayer: () => drawAll(),
    onClick: (text) => show(text),
    onError: fail,
  });

  /** The activation of the map that was pressed last, over the samples. */
  const glow = async () => {
    glowing?.abort();
    const abort = (glowing = new AbortController());
    const sheet = part("with");
    const { layer, looked } = state;
    if (!part("glow").checked || looked === null) {
      sheet.style.removeProperty("--glow");
      return;
    }
    try {
      const specs = shown().map(({ spec }) => spec);
      const blob = await activation(specs, columns, layer, looked, abort.signal);
      const reader = new FileReader();
      reader.onload = () => {
        if (!abort.signal.aborted) sheet.style.setProperty("--glow", `url(${reader.result})`);
      };
      reader.readAsDataURL(blob);
    } catch (error) {
      if (error.name !== "AbortError") fail(error);
    }
  };
  part("glow").addEventListener("change", () => {
    if (part("glow").checked && state.looked === null) page.say("Press a map to see where it is active.");
    glow();
  });

  // --- the picture on the stage, and the shelf
  const show = (text) => page.show(text, "sample");
  part("applied").addEventListener("change", ({ target }) => {
    if (target.checked && !gains().length) {
      target.checked = false;
      fail("No map is dropped yet: draw boxes and find the maps, or choose some by hand.");
      return;
    }
    page.show(withGains(page.picture, target.checked ? gains() : []), "forget");
  });
  const rewriteShelf = (texts) => {
    const shelf = page.shelf.map((text) => (ofModel(text) ? withGains(text, texts) : text));
    page.clearShelf();
    for (const text of shelf) page.pick(text);
  };
  button("edit-shelf").addEventListener("click", () => {
    if (!gains().length) fail("No map is dropped yet: draw boxes and find the maps.");
    else if (!page.shelf.some(ofModel)) fail(`The shelf holds no pictures of ${state.model.name}.`);
    else rewriteShelf(gains());
  });
  button("restore-shelf").addEventListener("click", () => rewriteShelf([]));

  // --- the painted region
  const brush = new Brush(part("region"), {
    onChange: (region) => {
      state.edits.of(state.layer).region = region;
      onEdit();
    },
  });
  const nowhere = () => Array(cells() ** 2).fill(false);
  const drawRegion = () => {
    const { region } = state.edits.of(state.layer);
    part("painted").checked = region !== null;
    part("region").hidden = region === null;
    if (region) brush.show(withGains(page.picture, []), cells(), region);
  };
  part("painted").addEventListener("change", ({ target }) => {
    state.edits.of(state.layer).region = target.checked ? nowhere() : null;
    drawRegion();
    onEdit();
  });
  button("wipe").addEventListener("click", () => {
    if (!part("painted").checked) return;
    state.edits.of(state.layer).region = nowhere();
    drawRegion();
    onEdit();
  });
  part("brush").addEventListener("change", ({ target }) => (brush.size = Number(target.value)));

  // --- all of it
  const drawAll = () => {
    part("name").value = state.name;
    maps.show(state);
    drawSamples();
    drawRegion();
  };
  const adoptPicture = () => {
    const texts = gains();
    part("applied").checked = texts.length > 0 && page.picture === withGains(page.picture, texts);
  };
  const use = async () => {
    const { model } = page;
    const known = states.get(model.name);
    state = known ?? fresh(model);
    states.set(model.name, state);
    part("sets").hidden = !model.boxes.length;
    part("set").replaceChildren(...model.boxes.map((name) => new Option(name, name)));
    drawAll();
    if (!known && model.boxes.length) await openShipped(model.boxes[0]);
  };
  page.on("model", () => {
    if (root.isConnected) use();
  });
  page.on("picture", ({ from }) => {
    if (!root.isConnected || !state) return;
    if (from !== "forget") adoptPicture();
    drawRegion();
  });

  await page.ready;
  brush.size = Number(part("brush").value);
  const home = page.models.find(({ boxes }) => boxes.length);
  if (home && !states.size && !page.model.boxes.length) {
    page.pick(page.picture);
    page.useModel(home.name);
    page.say(`Boxes are ready for ${home.name}, so this tab opens there; your picture is on the shelf.`);
    return;
  }
  await use();
  adoptPicture();
}

const count = (number, one, many = `${one}s`) => `${number} ${number === 1 ? one : many}`;
