// localStorage as browsers have it, for modules under node, which has none.

export function fakeStorage(entries = {}) {
  const kept = new Map(Object.entries(entries));
  globalThis.localStorage = {
    getItem: (key) => kept.get(key) ?? null,
    setItem: (key, value) => void kept.set(key, String(value)),
  };
  return kept;
}
