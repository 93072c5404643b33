// What the visitor did, to be undone and done again: the last moments of the page, each the picture's
// text, the shelf, and what the tabs keep (their `parts`).

import { read, write } from "./store.js";

const KEPT = "dcgan.history";
const MOST = 50;
const SETTLED = 500; // ms without a change: what is dragged through is no moment of its own

export class History extends EventTarget {
  #parts = new Map(); // {look, use} of what tabs keep, by name
  #waiting = new Map(); // what tabs that are not open yet have to take up, by name
  #now; // () => {picture, shelf}
  #settling = 0;
  #beginning = false; // the first moment was taken at once, perhaps before all tabs were there

  /** now(): {picture, shelf} of the page. */
  constructor(now) {
    super();
    this.#now = now;
    const { moments, at } = read(KEPT, {}) ?? {};
    this.moments = Array.isArray(moments)
      ? moments.filter((m) => typeof m?.picture === "string")
      : [];
    this.at = Math.min(Math.max(Number(at) || 0, 0), this.moments.length - 1);
    addEventListener("pagehide", () => this.#settle());
  }

  /** The moment that the page shows; undefined before the first. */
  get present() {
    return this.moments[this.at];
  }

  get canUndo() {
    return this.at > 0 || this.#settling > 0;
  }

  get canRedo() {
    return this.at < this.moments.length - 1 && !this.#settling;
  }

  /** A tab keeps `look()`, which JSON can hold, and takes it up again by `use(kept)`. Returns what
   * it has to begin with, if anything. */
  keep(name, look, use) {
    this.#parts.set(name, { look, use });
    const kept = this.#waiting.get(name);
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

  /** The moment before, or after (by = 1), or null; `enter` takes it up. */
  step(by) {
    this.#settle();
    const moment = this.moments[this.at + by] ?? null;
    if (moment) this.at += by;
    return moment;
  }

  /** What the tabs kept in a moment; for the time when the model is already that of its picture. */
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
    this.#settling = 0;
    this.#keep();
  }

  #settle() {
    if (!this.#settling) return;
    clearTimeout(this.#settling);
    this.#settling = 0;
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
