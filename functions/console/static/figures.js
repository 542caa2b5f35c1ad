/** Figures with their names, and tables of them. */

import { element, table as plainTable, scrolling } from "./kit-elements.js";

/** @import { Child } from "./kit-elements.js" */

/**
 * A list of figures: each a name, what is shown, the value as the API gave it, a name for tests, and
 * how it is counted.
 * @param {[string, Child, unknown?, string?, string?][]} entries
 */
export function figures(entries) {
  return element(
    "dl",
    { class: "figures" },
    ...entries
      .filter(([, shown]) => shown !== null && shown !== undefined && shown !== "")
      .map(([name, shown, value, key, title]) =>
        element(
          "div",
          { title },
          element("dt", {}, name),
          element("dd", { "data-value": value, "data-figure": key }, shown),
        ),
      ),
  );
}

/**
 * A table that scrolls inside itself where it is too wide.
 * @param {string} caption
 * @param {string[]} heads those that end in `#` stand over numbers
 * @param {Child[][]} rows the first cell of each heads its row
 */
export function table(caption, heads, rows) {
  const names = heads.map((head) => head.replace(/#$/, ""));
  const made = plainTable(caption, names, rows, "th");
  for (const { cells } of made.rows) {
    for (const cell of cells) {
      if (heads[cell.cellIndex].endsWith("#")) cell.className = "number";
    }
  }
  return scrolling(caption, made);
}
