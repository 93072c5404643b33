// parse.js and latent.js against the vectors that Python makes (tests/vectors/make.py).

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { evaluate, gains, words } from "../../dcgan/ui/web/core/latent.js";
import { parse, print, SpecError } from "../../dcgan/ui/web/core/parse.js";
import { number } from "../../dcgan/ui/web/core/spec.js";

const vectors = JSON.parse(readFileSync(new URL("../vectors/latent.json", import.meta.url)));
const directions = Object.fromEntries(vectors.directions.map(({ name, z }) => [name, z]));
const size = directions.z.length;

test("random words", () => {
  for (const { seed, index, stream, words: expected } of vectors.words) {
    const found = [...words(seed, index, expected.length, stream)];
    assert.deepEqual(
      found.map((word) => word.toString(16).padStart(16, "0")),
      expected,
    );
  }
});

test("latents", () => {
  for (const { text, prior, z: expected } of vectors.latents) {
    const found = evaluate(parse(text).z, { size, prior, directions });
    assert.equal(found.length, expected.length, text);
    expected.forEach((x, i) => {
      assert.ok(Math.abs(found[i] - x) < 1e-12, `${text}: ${found[i]} is not ${x}`);
    });
  }
});

test("gains", () => {
  for (const { text, layer_shapes: shapes, gains: expected } of vectors.gains) {
    const found = [...gains(parse(text).gains, shapes)].map(([layer, { shape, factors }]) => ({
      layer,
      shape,
      factors: [...factors],
    }));
    const rounded = expected.map((one) => ({ ...one, factors: one.factors.map(Math.fround) }));
    assert.deepEqual(found, rounded, text);
  }
});

test("numbers and canonical texts", () => {
  for (const { number: x, text } of vectors.numbers) assert.equal(number(x), text);
  for (const { text, canonical } of vectors.canonical) assert.equal(print(parse(text)), canonical);
});

test("texts that describe no picture", () => {
  for (const { text, says } of vectors.invalid) {
    assert.throws(
      () => parse(text),
      (error) => error instanceof SpecError && error.message.includes(says),
      text,
    );
  }
});

test("what a model does not have", () => {
  const model = { size, prior: "uniform", directions };
  const z = (text) => parse(`v1:faces@0123abcd:${text}`).z;
  assert.throws(() => evaluate(z("move(age,1,z(1,0))"), model), /no direction called 'age'.*smile/);
  assert.throws(() => evaluate(z("at(AAA)"), model), /has 7 values, not the 1/);
  const edit = (text) => parse(`v1:faces@0123abcd:z(1,0):${text}`).gains;
  const shapes = [[4, 2, 2]];
  assert.throws(() => gains(edit("gain(2,0,1)"), shapes), /layers go from 1 to 1/);
  assert.throws(() => gains(edit("gain(1,0,1.4)"), shapes), /maps 0 to 3, so there is no map 4/);
  assert.throws(() => gains(edit("gain(1,0,1,AAA)"), shapes), /must have 1 bytes.*not 2/);
});
