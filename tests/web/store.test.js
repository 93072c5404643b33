import assert from "node:assert/strict";
import { test } from "node:test";
import { fields, read, texts, write } from "../../dcgan/ui/web/core/store.js";
import { fakeStorage } from "./storage.js";

test("what is written is read again", () => {
  fakeStorage();
  write("dcgan.test", { texts: ["z(1,0)"], at: 3 });
  assert.deepEqual(read("dcgan.test", null), { texts: ["z(1,0)"], at: 3 });
  assert.equal(read("dcgan.other", "nothing"), "nothing");
});

test("damaged entries and a browser that refuses give the default", () => {
  fakeStorage({ "dcgan.test": "{", "dcgan.null": "null" });
  assert.equal(read("dcgan.test", "nothing"), "nothing");
  assert.equal(read("dcgan.null", "nothing"), "nothing");
  delete globalThis.localStorage;
  assert.equal(read("dcgan.test", "nothing"), "nothing");
  write("dcgan.test", 1); // does not throw
});

test("of what somebody else has written only what fits is taken", () => {
  assert.deepEqual(texts(["a", 1, null, "b"]), ["a", "b"]);
  for (const wrong of [null, undefined, 5, "text", { length: 1 }])
    assert.deepEqual(texts(wrong), []);
  assert.deepEqual(fields({ a: 1 }), { a: 1 });
  for (const wrong of [null, undefined, 5, "text"]) assert.equal(fields(wrong).moments, undefined);
});
