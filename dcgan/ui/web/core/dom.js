// Elements of the page's parts.

/** The first element under `root` that a selector names. Throws an Error where there is none, or one
 * of another kind: then the part's HTML and its module are not of one version.
 * @template {Element} T
 * @param {ParentNode} root
 * @param {string} selector
 * @param {new () => T} kind
 * @returns {T} */
export function find(root, selector, kind) {
  const found = root.querySelector(selector);
  if (found instanceof kind) return found;
  const [needed, other] = [kind.name, found?.constructor.name];
  if (!other)
    throw new Error(`${selector} is missing where this page needs a ${needed}: reload the page.`);
  throw new Error(`${selector} is a ${other} where this page needs a ${needed}: reload the page.`);
}

/** The first element that a selector names, when there is one: Gradio builds the page bit by bit.
 * @template {Element} T
 * @param {string} selector
 * @param {new () => T} kind
 * @returns {Promise<T>} */
export function appears(selector, kind) {
  return new Promise((resolve) => {
    const look = () => {
      const found = document.querySelector(selector);
      if (!(found instanceof kind)) return;
      observer.disconnect();
      resolve(found);
    };
    const observer = new MutationObserver(look);
    observer.observe(document.documentElement, { childList: true, subtree: true });
    look();
  });
}

/** What draws on a canvas. Throws an Error in a browser that has no room for one more.
 * @overload
 * @param {HTMLCanvasElement} canvas
 * @returns {CanvasRenderingContext2D}
 *
 * @overload
 * @param {OffscreenCanvas} canvas
 * @returns {OffscreenCanvasRenderingContext2D}
 *
 * @param {HTMLCanvasElement | OffscreenCanvas} canvas */
export function context2d(canvas) {
  const context = canvas.getContext("2d");
  if (!context) throw new Error("This browser can't show pictures on a canvas: close other tabs.");
  return context;
}

/** The element that an event is about; null for one of the window or the document.
 * @param {Event} event */
export function targetOf(event) {
  return event.target instanceof Element ? event.target : null;
}
