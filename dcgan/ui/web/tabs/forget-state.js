// What the Forget tab keeps for a model, and its parts work on.

import { t } from "../core/language.js";
import { layerShape } from "../widgets/feature-maps.js";

/** @import { BoxedPicture, Model, UnitFit } from "../core/types.d.ts"
 * @import { Edits } from "../widgets/units.js" */

/** What was found, and the boxes that it was asked with, in JSON.
 * @typedef {UnitFit & { boxed: string }} Fit */

/** See `fresh` in forget.js.
 * @typedef {{ model: Model, pictures: BoxedPicture[], before: BoxedPicture[][], first: number,
 *   label: number | null, name: string, layer: number, fits: Map<number, Fit>, edits: Edits,
 *   puts: number, looked: number | null }} State */

/** Cells along a side of a layer's maps.
 * @param {Model} model
 * @param {number} layer */
export const cellsOf = (model, layer) => layerShape(model.layers, layer)[1];

/** What the tab shows. Throws an Error where that is nothing yet.
 * @param {State | null} state */
export function shownBy(state) {
  if (!state) throw new Error(t("page.modelsNotLoaded"));
  return state;
}
