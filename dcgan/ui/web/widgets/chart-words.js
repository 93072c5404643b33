// What charts of the page say, in its language. (chart.js itself also draws the charts of a run's
// report, which is one file and has no languages.)

import { again, t } from "../core/language.js";

/** @import { ChartWords } from "../core/types.d.ts" */

/** @type {ChartWords} */
export const words = {
  again,
  point: (name, point) => t("chart.point", { name: again(name), point: again(point) }),
};
