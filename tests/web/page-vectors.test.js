// What the page does with texts, boxes and numbers, against the vectors that Python makes
// (tests/vectors/page.py).

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { cellsIn } from "../../dcgan/ui/web/core/boxes.js";
import { readFor } from "../../dcgan/ui/web/core/check.js";
import { sentence } from "../../dcgan/ui/web/core/errors.js";
import { evaluate, gains } from "../../dcgan/ui/web/core/latent.js";
import { frameCount, frames, places, stills, wayThrough } from "../../dcgan/ui/web/core/motion.js";
import { SpecError } from "../../dcgan/ui/web/core/parse.js";
import { enlarged, overlays, rgba, stepSizes } from "../../dcgan/ui/web/core/pixels.js";
import { along } from "../../dcgan/ui/web/core/spec.js";

const vectors = JSON.parse(readFileSync(new URL("../vectors/page.json", import.meta.url)));

/** The sentence that a call is refused with, null where it is not. */
function refused(call) {
  try {
    call();
    return null;
  } catch (error) {
    assert.ok(error instanceof SpecError, error.stack);
    return sentence(error.message);
  }
}

test("a text is refused in the words of the server", () => {
  const networks = new Map(vectors.networks.map((network) => [network.name, network]));
  for (const { text, says } of vectors.checks) {
    const { directions, ...network } = networks.get(/:(.*)@/.exec(text)[1]);
    const found = refused(() => {
      const spec = readFor(text, network);
      evaluate(spec.z, { size: network.z_size, prior: network.prior, directions });
      gains(spec.gains, network.layers);
    });
    assert.equal(found, says, text);
  }
});

test("a frame of a walk has the same text", () => {
  for (const { keyframes, seconds, closed, spherical, texts } of vectors.walks) {
    const motion = wayThrough(keyframes, { closed, spherical });
    const count = frameCount(seconds);
    assert.deepEqual(stills(motion, count), texts, `${count} of ${keyframes.length}`);
    if (closed) assert.deepEqual(frames(motion, count), texts, "a film of what is closed");
    // a slider's position is rounded otherwise than a place of the whole way
    const legs = keyframes.length - (closed ? 0 : 1);
    const last = closed ? count : Math.max(count - 1, 1);
    const by = places(count, closed).map((_, index) => (legs * index) / last);
    assert.deepEqual(
      by.map((at) => along(keyframes, at, { closed, spherical })),
      texts,
    );
  }
});

test("the same cells lie in boxes", () => {
  for (const { side, cells, boxes, inside } of vectors.cells) {
    const found = cellsIn(boxes, side, cells).map(({ row, column }) => [row, column]);
    assert.deepEqual(found, inside, JSON.stringify(boxes));
  }
});

const hex = (bytes) => Buffer.from(bytes).toString("hex");

test("an overlay has the same bytes", () => {
  for (const { width, scale, active, rgba: expected } of vectors.overlays) {
    const found = overlays(active.map((values) => Float32Array.from(values)));
    assert.deepEqual(
      found.map((pixels) => hex(enlarged(pixels, width, scale))),
      expected,
    );
  }
});

/** RGB in hexadecimal digits -> RGBA. */
const opaque = (rgb) => Uint8ClampedArray.from(Buffer.from(rgb.replace(/.{6}/g, "$&ff"), "hex"));

test("a picture has the same bytes", () => {
  for (const { size, output, values, rgb } of vectors.pixels) {
    const found = rgba(Float32Array.from(values), { size, output });
    assert.equal(hex(found), hex(opaque(rgb)), `${output} ${size}`);
  }
});

test("steps between pictures are of the same size", () => {
  for (const { rgb, mean, largest } of vectors.steps) {
    const found = stepSizes(rgb.map(opaque));
    assert.ok(Math.abs(found.mean - mean) < 0.001, `${found.mean} is not ${mean}`);
    assert.ok(Math.abs(found.largest - largest) < 0.001, `${found.largest} is not ${largest}`);
  }
});
