// What the page remembers: localStorage, which a browser may refuse in a frame of another site.

export function read(key, otherwise) {
  try {
    return JSON.parse(localStorage.getItem(key)) ?? otherwise;
  } catch {
    return otherwise;
  }
}

export function write(key, value) {
  try {
    localStorage.setItem(key, JSON.stringify(value));
  } catch {
    // refused: the page works, it just does not remember
  }
}
