import assert from "node:assert/strict";
import { test } from "node:test";
import * as spec from "../../dcgan/ui/web/core/spec.js";

const TEXT = "v1:faces@01234567:z(1,0):gain(2,0,1.5-7):class(3)";

test("a text comes apart and together", () => {
  const parts = spec.parts(` ${TEXT.replaceAll(":", " : ")} `);
  assert.deepEqual(parts, {
    model: "faces",
    weights: "01234567",
    z: "z(1,0)",
    edits: ["gain(2,0,1.5-7)", "class(3)"],
  });
  assert.equal(spec.join(parts), TEXT);
  assert.ok(spec.isText(TEXT));
  for (const wrong of ["", "v2:faces@01234567:z(1,0)", "v1:faces:z(1,0)", "v1:faces@01234567"]) {
    assert.throws(() => spec.parts(wrong), /not the text of a picture/);
    assert.ok(!spec.isText(wrong));
  }
});

test("a link gives the text inside", () => {
  assert.equal(spec.fromLink(`https://a.example/?spec=${encodeURIComponent(TEXT)}`), TEXT);
  assert.equal(spec.fromLink(` ${TEXT} `), TEXT);
  assert.throws(() => spec.fromLink("https://a.example/"), /no picture in it/);
  assert.throws(() => spec.fromLink("https://"), /can't be read/);
});

test("a walk keeps the edits of the keyframe that it left, and ends where it ends", () => {
  const keyframes = ["v1:faces@01234567:z(1,0):class(3)", "v1:faces@01234567:z(1,1):class(4)"];
  const open = { closed: false, spherical: false };
  assert.equal(spec.along(keyframes, 0, open), keyframes[0]);
  assert.equal(spec.along(keyframes, 7, open), keyframes[1]);
  assert.equal(
    spec.along(keyframes, 0.25, open),
    "v1:faces@01234567:lerp(0.25,z(1,0),z(1,1)):class(3)",
  );
  assert.equal(
    spec.along(keyframes, 1.5, { closed: true, spherical: true }),
    "v1:faces@01234567:slerp(0.5,z(1,1),z(1,0)):class(4)",
  );
  assert.throws(() => spec.along([], 0, open), /at least one keyframe/);
});

test("arguments are cut at the outermost commas", () => {
  assert.deepEqual(spec.taken("mean(z(1,0),sum(1,z(1,1)),z(1,2))"), {
    name: "mean",
    values: ["z(1,0)", "sum(1,z(1,1))", "z(1,2)"],
  });
  assert.deepEqual(spec.taken("x()"), { name: "x", values: [""] });
});

test("moves are the inverse of move", () => {
  const steps = { smile: -1.5, pc1: 0.25 };
  const moved = spec.move({ ...steps, age: 0 }, "z(1,0)");
  assert.equal(moved, "move(smile,-1.5,pc1,0.25,z(1,0))");
  assert.deepEqual(spec.moves(moved), { steps, z: "z(1,0)" });
  assert.deepEqual(spec.moves("z(1,0)"), { steps: {}, z: "z(1,0)" });
  assert.equal(spec.move({ age: 0 }, "z(1,0)"), "z(1,0)");
});

test("maps are runs, and cells a mask", () => {
  assert.equal(spec.runs(new Set([9, 1, 7, 5, 8])), "1.5.7-9");
  const cells = Array.from({ length: 12 }, (_, index) => index === 0 || index === 9);
  assert.equal(spec.gain(2, 1.5, [3], cells), "gain(2,1.5,3,gEA)");
  assert.deepEqual(spec.faded(["gain(2,0,1.5-7)"], 0.25), ["gain(2,0.75,1.5-7)"]);
  assert.deepEqual(spec.faded(["gain(2,0,1.5-7)"], 0), []);
});

test("class and gains are exchanged", () => {
  assert.equal(spec.label(TEXT), 3);
  assert.equal(spec.label("v1:faces@01234567:z(1,0)"), undefined);
  assert.equal(spec.withLabel(TEXT, 5), TEXT.replace("class(3)", "class(5)"));
  assert.equal(spec.withGains(TEXT, []), "v1:faces@01234567:z(1,0):class(3)");
});
