/** A routing decision: each candidate's scores as bars, the weights, and who was excluded. */

import { draw, tooltip } from "./charts.js";
import { element, table } from "./elements.js";
import { duration, percent, score, usd } from "./format.js";

const PARTS = ["final", "cost", "latency", "quality", "availability"];
const SHOWN_FIRST = 8;
const WIDE_PX = 620;
const FIGURE_PX = 34;

/**
 * @param {{candidates: any[], reserve?: any[], excluded: any[], reason?: string,
 *   weights?: Record<string, number>}} decision of an audit record or of a dry run
 * @param {string | undefined} chosen the model that answered, or that would be asked first
 */
export function decisionView(decision, chosen) {
  const reason = decision.reason ?? decision.candidates[0]?.reason;
  return element(
    "section",
    { class: "decision" },
    element("h3", {}, "Routing decision"),
    reason ? element("p", { class: "reason" }, reason) : null,
    fellBack(decision.candidates[0], chosen),
    decision.weights ? element("p", { class: "muted" }, weightsSentence(decision.weights)) : null,
    chart(decision.candidates, chosen),
    folded("All scores and estimates as a table", candidatesTable(decision.candidates, chosen)),
    decision.reserve?.length
      ? folded(
          `${decision.reserve.length} kept in reserve, asked when all others failed`,
          candidatesTable(decision.reserve, chosen),
        )
      : null,
    decision.excluded.length
      ? folded(`${decision.excluded.length} models excluded`, excludedTable(decision.excluded))
      : null,
  );
}

/** @param {{model: string, reason: string}[]} excluded */
export function excludedTable(excluded) {
  return table(
    "Excluded models",
    ["Model", "Reason"],
    excluded.map(({ model, reason }) => [model, reason]),
  );
}

/** The reason is the first candidate's, which is not always the one that answered. */
function fellBack(first, chosen) {
  if (!first || !chosen || first.model === chosen) return null;
  return element(
    "p",
    { class: "muted" },
    `The first choice was ${first.model}; the last one asked was ${chosen}.`,
  );
}

function weightsSentence(weights) {
  const parts = Object.entries(weights).map(([name, share]) => `${name} ${percent(share)}`);
  return `Weights: ${parts.join(", ")}.`;
}

function folded(summary, content) {
  return element("details", {}, element("summary", {}, summary), content);
}

function chart(candidates, chosen) {
  const place = element("div", { class: "chart", "data-chosen": chosen });
  const more = element("button", { type: "button", class: "quiet" });
  let all = false;
  const show = () => {
    const listed = all ? candidates : firstOf(candidates, chosen);
    more.textContent = all ? "Show the best only" : `Show all ${candidates.length} candidates`;
    more.hidden = candidates.length <= SHOWN_FIRST;
    draw(place, (width, colour) => optionOf(listed, chosen, width, colour));
  };
  more.addEventListener("click", () => {
    all = !all;
    show();
  });
  // The element has no width before it stands in the page.
  queueMicrotask(show);
  return element("div", {}, place, more);
}

function firstOf(candidates, chosen) {
  const first = candidates.slice(0, SHOWN_FIRST);
  const answered = candidates.find((one) => one.model === chosen);
  return !answered || first.includes(answered) ? first : [...first, answered];
}

/** Five bar charts side by side that share their rows; the first has the names. */
function optionOf(candidates, chosen, width, colour) {
  const wide = width >= WIDE_PX;
  const parts = "cost_score" in candidates[0] ? PARTS : PARTS.slice(0, 1);
  const [rowPx, headPx, namesPx, gapPx] = wide ? [26, 28, 210, FIGURE_PX + 14] : [44, 28, 0, 10];
  const unitPx = (width - namesPx - gapPx * parts.length) / (parts.length + 1);
  const rows = [...candidates].reverse();
  let left = namesPx;
  const grids = parts.map((_, at) => {
    const grid = { left, width: at === 0 ? unitPx * 2 : unitPx, top: headPx, bottom: 4 };
    left += grid.width + gapPx;
    return grid;
  });
  const height = rows.length * rowPx + headPx + 8;
  const name = (model) => (model === chosen ? `{chosen|● ${model}}` : model);
  const names = {
    show: true,
    formatter: name,
    color: colour.text,
    rich: { chosen: { fontWeight: "bold", color: colour.accent } },
    ...(wide ? { width: namesPx - 12, overflow: "truncate" } : under(rowPx)),
  };
  return {
    height,
    chart: {
      title: parts.map((part, at) => heading(part, grids[at].left, colour, wide)),
      tooltip: { ...tooltip(colour), trigger: "axis", axisPointer: { type: "none" } },
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
        tooltip: { valueFormatter: score },
        label: {
          show: wide,
          position: [grids[at].width + 6, -1],
          formatter: ({ value }) => score(value),
          color: colour.text,
          fontSize: 12,
        },
        data: rows.map((row) => bar(row, part, row.model === chosen, colour)),
      })),
    },
  };
}

/** On a narrow screen a name stands over its bar. */
const under = (rowPx) => ({
  inside: true,
  margin: 0,
  padding: [0, 0, rowPx - 8, 0],
  verticalAlign: "middle",
});

function heading(part, left, colour, wide) {
  const text = wide || part === "final" ? part : part.slice(0, part === "availability" ? 5 : 7);
  return {
    text,
    left,
    top: 4,
    padding: 0,
    textStyle: { color: colour.muted, fontSize: 12, fontWeight: "normal" },
  };
}

function bar(row, part, isChosen, colour) {
  const own = part === "final" ? (isChosen ? colour.accent : colour.rest) : colour[part];
  return {
    value: row[`${part}_score`],
    itemStyle: { color: own, borderRadius: 3, opacity: isChosen || part === "final" ? 1 : 0.7 },
  };
}

function candidatesTable(candidates, chosen) {
  const heads = ["Model", "Provider", "Final#", "Cost#", "Latency#", "Quality#", "Availability#"];
  return table(
    "Candidates in the order in which they are asked",
    [...heads, "Estimated cost#", "Estimated latency#"],
    candidates.map((one) => [
      one.model === chosen ? element("strong", {}, `${one.model} (chosen)`) : one.model,
      one.provider,
      ...PARTS.map((part) => score(one[`${part}_score`])),
      usd(one.estimated_cost_usd),
      duration(one.estimated_latency_ms),
    ]),
  );
}
