import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";
import { History } from "../../dcgan/ui/web/core/history.js";
import { fakeStorage } from "./storage.js";

const KEY = "dcgan.history";
let shown;
let storage;
globalThis.addEventListener = () => {}; // "pagehide" does not come under node

beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout"] });
  storage = fakeStorage();
  shown = { picture: "a", shelf: [] };
});

/** A history that has seen these pictures, one after the other. */
function seen(...pictures) {
  const history = new History(() => shown);
  for (const picture of pictures) change(history, picture);
  return history;
}

function change(history, picture) {
  shown = { ...shown, picture };
  history.touch();
  mock.timers.tick(1000);
}

const pictures = (history) => history.moments.map(({ picture }) => picture);

test("what is dragged through is no moment", () => {
  const history = seen("a");
  for (const picture of ["b", "c", "d"]) {
    shown = { ...shown, picture };
    history.touch();
    mock.timers.tick(100);
  }
  assert.deepEqual(pictures(history), ["a"]);
  assert.ok(history.canUndo);
  mock.timers.tick(1000);
  assert.deepEqual(pictures(history), ["a", "d"]);
});

test("steps go back and forth, and a change drops what was undone", () => {
  const history = seen("a", "b", "c");
  assert.equal(history.step(-1).picture, "b");
  assert.ok(history.canUndo && history.canRedo);
  assert.equal(history.step(1).picture, "c");
  assert.equal(history.step(1), null);
  history.step(-1);
  history.step(-1);
  assert.equal(history.step(-1), null);
  change(history, "d");
  assert.deepEqual(pictures(history), ["a", "d"]);
});

test("tabs get back what they kept, also when they are opened later", () => {
  const history = new History(() => shown);
  const taken = [];
  let kept = { place: 1 };
  history.keep(
    "walk",
    () => kept,
    (given) => taken.push(given),
  );
  change(history, "a");
  kept = { place: 2 };
  change(history, "b");
  history.enter(history.step(-1));
  history.settled();
  assert.deepEqual(taken, [{ place: 1 }]);

  const next = new History(() => shown);
  next.enter(next.present);
  const look = () => null;
  assert.deepEqual(
    next.keep("walk", look, () => {}),
    { place: 1 },
  );
  assert.equal(
    next.keep("turn", look, () => {}),
    undefined,
  );
});

test("the last visit is there again", () => {
  seen("a", "b").step(-1);
  const history = seen();
  assert.deepEqual(pictures(history), ["a", "b"]);
  history.settled();
  assert.equal(JSON.parse(storage.get(KEY)).moments.length, 2);
});

test("of a damaged history what is whole is kept", () => {
  const moments = [{ picture: "a" }, null, 7, { picture: 3 }, { picture: "b", shelf: ["a", 1] }];
  storage.set(KEY, JSON.stringify({ moments, at: "9" }));
  const history = seen();
  assert.deepEqual(history.moments, [
    { picture: "a", shelf: [], parts: {} },
    { picture: "b", shelf: ["a"], parts: {} },
  ]);
  assert.equal(history.present.picture, "b");
});

test("no more than fifty moments are kept", () => {
  const history = seen(...Array.from({ length: 60 }, (_, index) => `p${index}`));
  assert.equal(history.moments.length, 50);
  assert.equal(history.present.picture, "p59");
});
