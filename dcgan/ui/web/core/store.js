// What the page remembers: localStorage, which a browser may refuse in a frame of another site.

/** What was written under a key, or `otherwise`: it may be of an earlier page, or of anybody.
 * @param {string} key
 * @param {unknown} otherwise
 * @returns {unknown} */
export function read(key, otherwise) {
  try {
    return JSON.parse(localStorage.getItem(key) ?? "null") ?? otherwise;
  } catch {
    return otherwise;
  }
}

/** @param {string} key
 * @param {unknown} value what JSON can hold */
export function write(key, value) {
  try {
    localStorage.setItem(key, JSON.stringify(value));
  } catch {
    // refused: the page works, it just does not remember
  }
}

/** An object's fields; none of what is no object.
 * @param {unknown} value
 * @returns {Record<string, unknown>} */
export function fields(value) {
  return typeof value === "object" && value !== null ? { ...value } : {};
}

/** The texts in a list; none in what is no list.
 * @param {unknown} value
 * @returns {string[]} */
export function texts(value) {
  return Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];
}
