/** The scores of each candidate as bars. */

import { score } from "./format.js";
import { draw } from "./kit-charts.js";
import { element } from "./kit-elements.js";

/** @import { Candidate } from "../answers.js" */
/** @import { Colours } from "./kit-charts.js" */

export const PARTS = /** @type {const} */ (["final", "cost", "latency", "quality", "availability"]);
const SHOWN_FIRST = 8;
const WIDE_PX = 620;
const FIGURE_PX = 34;
const HEAD_PX = 28;

/** @param {Candidate[]} candidates @param {string | undefined} chosen */
export function candidatesChart(candidates, chosen) {
  const place = element("div", { class: "chart", "data-chosen": chosen });
  const more = element("button", { type: "button", class: "quiet" });
  let all = false;
  const show = () => {
    const listed = all ? candidates : firstOf(candidates, chosen);
    more.textContent = all ? "Show the best only" : `Show all ${candidates.length} candidates`;
    more.hidden = candidates.length <= SHOWN_FIRST;
    const option = (/** @type {Colours} */ colour, /** @type {number} */ width) => {
      place.style.height = `${heightOf(listed, width)}px`;
      return optionOf(listed, chosen, width, colour);
    };
    draw(place, option, { responsive: true });
  };
  more.addEventListener("click", () => {
    all = !all;
    show();
  });
  // The element has no width before it stands in the page.
  queueMicrotask(show);
  return element("div", {}, place, more);
}

/** @param {Candidate[]} candidates @param {string | undefined} chosen */
function firstOf(candidates, chosen) {
  const first = candidates.slice(0, SHOWN_FIRST);
  const answered = candidates.find((one) => one.model === chosen);
  return !answered || first.includes(answered) ? first : [...first, answered];
}

/** @param {number} width */
const sizesAt = (width) =>
  width >= WIDE_PX
    ? { wide: true, rowPx: 26, namesPx: 210, gapPx: FIGURE_PX + 14 }
    : { wide: false, rowPx: 44, namesPx: 0, gapPx: 10 };

/** @param {Candidate[]} candidates @param {number} width */
const heightOf = (candidates, width) => candidates.length * sizesAt(width).rowPx + HEAD_PX + 8;

/**
 * Five bar charts side by side that share their rows; the first has the names.
 * @param {Candidate[]} candidates
 * @param {string | undefined} chosen
 * @param {number} width
 * @param {Colours} colour
 * @returns {echarts.EChartsOption}
 */
function optionOf(candidates, chosen, width, colour) {
  const { wide, rowPx, namesPx, gapPx } = sizesAt(width);
  const parts = "cost_score" in candidates[0] ? PARTS : PARTS.slice(0, 1);
  const unitPx = (width - namesPx - gapPx * parts.length) / (parts.length + 1);
  const rows = [...candidates].reverse();
  let left = namesPx;
  const grids = parts.map((_, at) => {
    const grid = { left, width: at === 0 ? unitPx * 2 : unitPx, top: HEAD_PX, bottom: 4 };
    left += grid.width + gapPx;
    return grid;
  });
  const name = (/** @type {string} */ model) => (model === chosen ? `{chosen|● ${model}}` : model);
  const names = {
    show: true,
    formatter: name,
    color: colour.text,
    rich: { chosen: { fontWeight: 700, color: colour.accent } },
    ...(wide ? { width: namesPx - 12, overflow: /** @type {const} */ ("truncate") } : under(rowPx)),
  };
  return {
    title: parts.map((part, at) => heading(part, grids[at].left, colour, wide)),
    tooltip: { trigger: "axis", axisPointer: { type: "none" } },
    grid: grids,
    xAxis: parts.map((_, gridIndex) => ({ gridIndex, min: 0, max: 1, show: false })),
    yAxis: parts.map((_, gridIndex) => ({
      gridIndex,
      type: "category",
      data: rows.map((row) => row.model),
      axisLine: { show: false },
      axisTick: { show: false },
      axisLabel: gridIndex === 0 ? names : { show: false },
      z: 3,
    })),
    series: parts.map((part, at) => ({
      type: "bar",
      name: part,
      xAxisIndex: at,
      yAxisIndex: at,
      barWidth: 10,
      showBackground: true,
      backgroundStyle: { color: colour.track, borderRadius: 3 },
      tooltip: { valueFormatter: (value) => score(/** @type {number} */ (value)) },
      label: {
        show: wide,
        position: [grids[at].width + 6, -1],
        formatter: ({ value }) => score(/** @type {number} */ (value)),
        color: colour.text,
        fontSize: 12,
      },
      data: rows.map((row) => bar(row, part, row.model === chosen, colour)),
    })),
  };
}

/** On a narrow screen a name stands over its bar. @param {number} rowPx */
const under = (rowPx) => ({
  inside: true,
  margin: 0,
  padding: [0, 0, rowPx - 8, 0],
  verticalAlign: /** @type {const} */ ("middle"),
});

/**
 * @param {(typeof PARTS)[number]} part
 * @param {number} left
 * @param {Colours} colour
 * @param {boolean} wide
 */
function heading(part, left, colour, wide) {
  const text = wide || part === "final" ? part : part.slice(0, part === "availability" ? 5 : 7);
  return {
    text,
    left,
    top: 4,
    padding: 0,
    textStyle: { color: colour.muted, fontSize: 12, fontWeight: 400 },
  };
}

/**
 * @param {Candidate} row
 * @param {(typeof PARTS)[number]} part
 * @param {boolean} isChosen
 * @param {Colours} colour
 */
function bar(row, part, isChosen, colour) {
  const own = part === "final" ? (isChosen ? colour.accent : colour.rest) : colour[part];
  return {
    value: row[`${part}_score`],
    itemStyle: { color: own, borderRadius: 3, opacity: isChosen || part === "final" ? 1 : 0.7 },
  };
}
