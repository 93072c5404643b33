// What the visitor did, to be undone and done again: the last moments of the page, each the picture's
// text, the shelf, and what the tabs keep (their `parts`).

import { fields, read, texts, write } from "./store.js";

/** @import { Moment } from "./types.d.ts" */

const KEPT = "dcgan.history";
const MOST = 50;
const SETTLED = 500; // ms without a change: what is dragged through is no moment of its own

export class History extends EventTarget {
  /** What tabs keep, by name.
   * @type {Map<string, { look: () => unknown, use: (kept: unknown) => void }>} */
  #parts = new Map();
  /** What tabs that are not open yet have to take up, by name.
   * @type {Map<string, unknown>} */
  #waiting = new Map();
  #now;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #settling;
  #beginning = false; // the first moment was taken at once, perhaps before all tabs were there

  /** now(): what the page shows.
   * @param {() => Omit<Moment, "parts">} now */
  constructor(now) {
    super();
    this.#now = now;
    const { moments, at } = fields(read(KEPT, {}));
    this.moments = Array.isArray(moments) ? moments.flatMap(asMoment) : [];
    this.at = Math.min(Math.max(Number(at) || 0, 0), this.moments.length - 1);
    addEventListener("pagehide", () => this.#settle());
  }

  /** The moment that the page shows; undefined before the first. */
  get present() {
    return this.moments[this.at];
  }

  get canUndo() {
    return this.at > 0 || this.#settling !== undefined;
  }

  get canRedo() {
    return this.at < this.moments.length - 1 && !this.#settling;
  }

  /** A tab keeps `look()`, which JSON can hold, and takes it up again by `use(kept)`. Returns what
   * it has to begin with, if anything.
   * @template T
   * @param {string} name
   * @param {() => T} look
   * @param {(kept: T) => void} use */
  keep(name, look, use) {
    /** @type {(kept: unknown) => T} */
    const taken = (kept) => /** @type {T} */ (kept); // nobody else writes under this name
    this.#parts.set(name, { look, use: (kept) => use(taken(kept)) });
    const kept = this.#waiting.has(name) ? taken(this.#waiting.get(name)) : undefined;
    this.#waiting.delete(name);
    return kept;
  }

  /** Something has changed. */
  touch() {
    clearTimeout(this.#settling);
    this.#settling = setTimeout(() => this.#settle(), SETTLED);
    if (!this.moments.length) {
      // where a visit begins is kept also of a visitor who is quicker than half a second
      this.#beginning = true;
      this.moments = [this.#moment()];
      this.at = 0;
    }
    this.#tell();
  }

  /** The moment before, or after (by = 1), or null; `enter` takes it up.
   * @param {number} by */
  step(by) {
    this.#settle();
    const moment = this.moments[this.at + by] ?? null;
    if (moment) this.at += by;
    return moment;
  }

  /** What the tabs kept in a moment; for the time when the model is already that of its picture.
   * @param {Moment} moment */
  enter({ parts }) {
    for (const [name, kept] of Object.entries(parts ?? {})) {
      const part = this.#parts.get(name);
      if (part) part.use(structuredClone(kept));
      else this.#waiting.set(name, structuredClone(kept));
    }
  }

  /** The page is now as the present moment: that is no change. */
  settled() {
    clearTimeout(this.#settling);
    this.#settling = undefined;
    this.#keep();
  }

  #settle() {
    if (!this.#settling) return;
    clearTimeout(this.#settling);
    this.#settling = undefined;
    const moment = this.#moment();
    const { picture, shelf } = this.moments[0] ?? {};
    const same = moment.picture === picture && `${moment.shelf}` === `${shelf}`;
    if (this.#beginning && same) this.moments = []; // it is the first moment, with all its tabs
    this.#beginning = false;
    if (JSON.stringify(moment) === JSON.stringify(this.present)) return this.#tell();
    this.moments = [...this.moments.slice(0, this.at + 1), moment].slice(-MOST);
    this.at = this.moments.length - 1;
    this.#keep();
  }

  #moment() {
    const moment = { ...this.#now(), parts: Object.fromEntries(this.#waiting) };
    for (const [name, { look }] of this.#parts) moment.parts[name] = structuredClone(look());
    return moment;
  }

  #keep() {
    write(KEPT, { moments: this.moments, at: this.at });
    this.#tell();
  }

  #tell() {
    this.dispatchEvent(new Event("change"));
  }
}

/** A moment as it was written, in a list; none for what is no moment.
 * @param {unknown} kept
 * @returns {Moment[]} */
function asMoment(kept) {
  const { picture, shelf, parts } = fields(kept);
  if (typeof picture !== "string" || !picture) return [];
  return [{ picture, shelf: texts(shelf), parts: fields(parts) }];
}
