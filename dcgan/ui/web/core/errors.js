// What can go wrong between this page and whoever renders for it.

/** The sentence of what was caught.
 * @param {unknown} error */
export function message(error) {
  return error instanceof Error ? error.message : String(error);
}

/** What a text was refused with, for people: as error_sentence in dcgan/ui/serving/http.py.
 * @param {string} refused of a SpecError */
export const sentence = (refused) => `${refused.charAt(0).toUpperCase()}${refused.slice(1)}.`;

/** Whether what was caught is that somebody no longer wanted the answer.
 * @param {unknown} error */
export function isAborted(error) {
  return error instanceof DOMException && error.name === "AbortError";
}

/** There is no answer now; later, or elsewhere, there may be. */
export class Unavailable extends Error {}

/** Too much is asked of the server just now; ask again in `wait` ms. */
export class Busy extends Unavailable {
  /** @param {string} sentence
   * @param {number} seconds */
  constructor(sentence, seconds) {
    super(sentence);
    this.wait = 1000 * (seconds + Math.random()); // or all who were refused would come at once
  }
}

/** The server has refused a request. */
export class Refused extends Error {
  /** @param {string} sentence
   * @param {number} status of HTTP */
  constructor(sentence, status) {
    super(sentence);
    this.status = status;
  }
}
