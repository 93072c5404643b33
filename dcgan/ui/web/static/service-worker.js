// Keeps the site in the browser, so that it opens without a connection. dcgan/site.py puts before
// this: const SITE = {version, page: [paths], forever: [paths]}.
//
// The page's own files (some 400 kB) are kept all at once, when the visitor has the first picture,
// and with every new version. What is large and never changes, networks and onnxruntime-web, is kept
// as it is used: a phone should not fetch 100 MB that nobody looks at.

const scope = /** @type {ServiceWorkerGlobalScope} */ (/** @type {unknown} */ (self));

/** @param {string} path */
const at = (path) => new URL(path, scope.location.href).href;
const HOME = at("./");
const OURS = `dcgan ${HOME} `; // other sites of this origin have caches, too
const PAGE = OURS + SITE.version;
const FOREVER = `${OURS}forever`;
const pageFiles = new Set(SITE.page.map(at));
const foreverFiles = new Set(SITE.forever.map(at));
/** What is being kept at the moment.
 * @type {Set<Promise<void>>} */
const writing = new Set();

scope.addEventListener("install", (event) => {
  // at a first visit nothing is kept yet, and nothing is to be waited for
  const ready = scope.registration.active ? keepPage() : Promise.resolve();
  event.waitUntil(ready.then(() => scope.skipWaiting()));
});

scope.addEventListener("activate", (event) => {
  event.waitUntil(tidy().then(() => scope.clients.claim()));
});

/** "keep": the page asks for all of its files to be kept, and is told when they are. */
scope.addEventListener("message", (event) => {
  const all = keepPage().then(() => Promise.all(writing));
  event.waitUntil(all.then(() => event.ports[0]?.postMessage("kept")));
});

scope.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method !== "GET") return;
  const url = new URL(request.url);
  url.search = url.hash = "";
  const path = url.href === at("index.html") ? HOME : url.href;
  if (pageFiles.has(path)) event.respondWith(kept(PAGE, path, event));
  else if (foreverFiles.has(path)) event.respondWith(kept(FOREVER, path, event));
});

/** What is kept, or what comes from the server, which is then kept.
 * @param {string} name
 * @param {string} path
 * @param {FetchEvent} event */
async function kept(name, path, event) {
  const cache = await caches.open(name);
  const found = await cache.match(path, { ignoreVary: true });
  if (found) return found;
  const response = await fetch(event.request);
  if (response.ok) event.waitUntil(write(cache, path, response.clone()));
  return response;
}

/** A browser that refuses, because there is no room, has a page all the same.
 * @param {Cache} cache
 * @param {string} path
 * @param {Response} response */
function write(cache, path, response) {
  const done = whole(response)
    .then((plain) => cache.put(path, plain))
    .catch(() => {});
  writing.add(done);
  return done.finally(() => writing.delete(done));
}

/** A page can't be answered with what a server has redirected.
 * @param {Response} response */
async function whole(response) {
  if (!response.redirected) return response;
  return new Response(await response.blob(), { headers: response.headers });
}

async function keepPage() {
  const cache = await caches.open(PAGE);
  await Promise.all(
    [...pageFiles].map(async (path) => {
      if (await cache.match(path, { ignoreVary: true })) return;
      const response = await fetch(path, { cache: "no-cache" }); // of this version, not of one before
      if (!response.ok) throw new Error(`${path} can't be had (${response.status}).`);
      await cache.put(path, await whole(response));
    }),
  );
}

/** Lets go of other versions, and of networks that the site no longer has. */
async function tidy() {
  const names = (await caches.keys()).filter((name) => name.startsWith(OURS));
  const old = names.filter((name) => ![PAGE, FOREVER].includes(name));
  await Promise.all(old.map((name) => caches.delete(name)));
  const cache = await caches.open(FOREVER);
  const gone = (await cache.keys()).filter(({ url }) => !foreverFiles.has(url));
  await Promise.all(gone.map((request) => cache.delete(request)));
}
