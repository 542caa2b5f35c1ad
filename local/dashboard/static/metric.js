/** Metric widgets: numbers, and charts with the same in words. */

import { bars, draw, overTime, shares, sparkline } from "./charts.js";
import { element, table } from "./elements.js";
import { full, short, unitOf } from "./format.js";
import { Problem } from "./problem.js";
import { seriesColour } from "./theme.js";

const VIEWS = { timeSeries: overTime, pie: shares, bar: bars };

/** @param {HTMLElement} place @param {object} widget @param {{series: any[]}} data @param {{start: number, end: number}} range */
export function showMetric(place, widget, data, range) {
  const properties = widget.properties;
  const problems = [...new Set(data.series.map((one) => one.problem).filter(Boolean))];
  if (problems.length) throw new Problem(problems.join(" "));
  const view = properties.view ?? "timeSeries";
  if (view === "singleValue") return showNumbers(place, properties, data.series, range);
  if (!VIEWS[view]) throw new Problem(`The view ${view} is not drawn here.`);
  return showChart(
    place,
    properties,
    view,
    data.series.filter((one) => one.values.length),
    range,
  );
}

function showNumbers(place, properties, series, range) {
  const title = properties.title ?? "";
  const alone = series.length === 1;
  const numbers = series.map((one, index) => {
    const value = one.values.at(-1);
    const known = value !== undefined;
    const dot = element("span", { className: "dot" });
    dot.style.background = seriesColour(index, one.color);
    const unit = unitOf(one.unit, title);
    return element(
      "div",
      { className: "number", "data-label": one.label, "data-value": known ? String(value) : "" },
      alone ? null : element("p", { className: "label" }, dot, one.label),
      known
        ? element(
            "p",
            { className: "value", title: full(value) },
            shownAs(properties, value),
            unit && " ",
            unit && element("span", { className: unit.length > 1 ? "unit long" : "unit" }, unit),
          )
        : element("p", { className: "empty" }, "No data"),
    );
  });
  // All of them are as large as the longest can be; a long unit stands under its number.
  const lengths = series
    .filter((one) => one.values.length)
    .map((one) => {
      return (
        shownAs(properties, one.values.at(-1)).length +
        (unitOf(one.unit, title).length === 1 ? 1 : 0)
      );
    });
  const row = element("div", { className: "numbers" }, ...numbers);
  row.style.setProperty("--characters", String(Math.max(1, ...lengths)));
  place.replaceChildren(row);
  if (!properties.sparkline) return;
  series.forEach((one, index) => {
    if (one.values.length < 2) return;
    const spark = element("div", { className: "spark" });
    numbers[index].append(spark);
    draw(spark, () => sparkline(one, range, `${one.label} over time`));
  });
}

function shownAs(properties, value) {
  return (properties.singleValueFullPrecision ? full : short)(value);
}

function showChart(place, properties, view, series, range) {
  const total = series.reduce((sum, one) => sum + Math.abs(one.values.at(-1)), 0);
  if (!series.length || (view === "pie" && !total)) {
    place.replaceChildren(element("p", { className: "empty", "data-series": "0" }, "No data"));
    return;
  }
  let chart = place.querySelector(":scope > .chart");
  if (!chart) {
    chart = element("div", { className: "chart" });
    place.replaceChildren(chart, element("div", { className: "unseen" }));
  }
  chart.dataset.series = String(series.length);
  place.lastElementChild.replaceChildren(inWords(properties, series));
  const latest = series.map((one) => `${one.label}: ${short(one.values.at(-1))}`).join(", ");
  draw(chart, () =>
    VIEWS[view](
      properties,
      series,
      ...(view === "timeSeries" ? [range] : []),
      `${properties.title ?? "Chart"}. Latest: ${latest}`,
    ),
  );
}

function inWords(properties, series) {
  const rows = series.map((one) => [
    one.label,
    full(one.values.at(-1)),
    full(Math.min(...one.values)),
    full(Math.max(...one.values)),
  ]);
  return table(["Series", "Latest", "Min", "Max"], rows, properties.title ?? "Chart");
}
