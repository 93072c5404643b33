// What stands in for the server on a site without one can be asked for all that the server can.

import assert from "node:assert/strict";
import { test } from "node:test";
import "./storage.js";

const server = await import("../../dcgan/ui/web/engine/server.js");
const site = await import("../../dcgan/ui/web/engine/static.js");
const engine = await import("../../dcgan/ui/web/engine/engine.js");

test("a site's stand-in exports what the server does", () => {
  assert.deepEqual(Object.keys(site).sort(), Object.keys(server).sort());
});

test("the engine forwards what it does not do itself, unchanged", () => {
  const own = ["activation", "models", "picture", "sheet"];
  for (const [name, value] of Object.entries(server)) {
    if (own.includes(name)) assert.notEqual(engine[name], value, name);
    else assert.equal(engine[name], value, name);
  }
});

test("what needs a server says so on a site", async () => {
  await assert.rejects(site.look(), { name: "Error" });
  assert.equal(site.ALONE, true);
});
