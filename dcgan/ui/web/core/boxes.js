// Which cells of a layer, and which points of a picture, lie in boxes.

/** @import { Box } from "./types.d.ts" */

/** Whether a point lies in a box, which holds its left and upper edges, not its right and lower
 * ones.
 * @param {Box} box
 * @param {number} x
 * @param {number} y */
export const holds = ([left, top, right, bottom], x, y) =>
  left <= x && x < right && top <= y && y < bottom;

/** Which of cells x cells over a picture of side x side pixels have their centre in a box, row by
 * row: as AnnotatedImage.cells in dcgan/models/annotations.py.
 * @param {Box[]} boxes
 * @param {number} side
 * @param {number} cells */
export function cellsIn(boxes, side, cells) {
  const found = [];
  for (let row = 0; row < cells; row++) {
    for (let column = 0; column < cells; column++) {
      const [x, y] = [((column + 0.5) * side) / cells, ((row + 0.5) * side) / cells];
      if (boxes.some((box) => holds(box, x, y))) found.push({ row, column });
    }
  }
  return found;
}
