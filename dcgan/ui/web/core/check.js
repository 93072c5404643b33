// Which texts are of a model: others are refused in the words of the server (read_spec in
// dcgan/ui/serving/http.py, Model.check in dcgan/rendering/engine.py). latent.js refuses z's and then
// edits that it does not have. Without DOM, for the worker.

import { message } from "./errors.js";
import { parse, SpecError } from "./parse.js";

/** @import { NetworkFacts, Spec } from "./types.d.ts" */

/** The tree of a text whose weights and class are the network's; throws SpecError for others.
 * @param {string} text
 * @param {Pick<NetworkFacts, "name" | "weights" | "classes">} network
 * @returns {Spec} */
export function readFor(text, network) {
  let spec;
  try {
    spec = parse(text);
  } catch (error) {
    throw new SpecError(`this is not the text of a picture: ${message(error)}`);
  }
  checkNetwork(spec, network);
  return spec;
}

/** @param {Spec} spec
 * @param {Pick<NetworkFacts, "name" | "weights" | "classes">} network */
function checkNetwork(spec, { name, weights, classes }) {
  if (spec.weights !== weights) {
    throw new SpecError(
      `this picture was made with other weights (${spec.weights}) than the ${name} here ` +
        `(${weights}) and would look different: draw it with those, or write ${name}@${weights} ` +
        "to see what these make of it",
    );
  }
  if ((spec.label !== null) !== classes > 0) {
    throw new SpecError(
      classes
        ? `${name} draws ${classes} classes: add :class(0) to :class(${classes - 1})`
        : `${name} has no classes: leave out class(...)`,
    );
  }
  if (spec.label !== null && spec.label >= classes) {
    throw new SpecError(`${name} has classes 0 to ${classes - 1}, not ${spec.label}`);
  }
}
