/** Metric widgets: numbers, and charts with the same in words. */

import { bars, latestOf, overTime, shares, sparkline } from "./charts.js";
import { colours, draw } from "./drawing.js";
import { full, short, unitOf } from "./format.js";
import { element, fill, table } from "./kit-elements.js";
import { Problem } from "./kit-fetch.js";
import { seriesColour } from "./series-colours.js";

/**
 * @import { Range, Series, Widget } from "./api.js"
 * @import { Colours } from "./drawing.js"
 * @typedef {Widget["properties"]} Properties
 */

/** @type {Record<string, import("./charts.js").View>} */
const VIEWS = { timeSeries: overTime, pie: shares, bar: bars };

/**
 * @param {HTMLElement} place
 * @param {Widget} widget
 * @param {{series: Series[]}} data
 * @param {Range} range
 */
export function showMetric(place, widget, data, range) {
  const properties = widget.properties;
  const problems = [...new Set(data.series.map((one) => one.problem).filter(Boolean))];
  if (problems.length) throw new Problem(problems.join(" "));
  const view = properties.view ?? "timeSeries";
  if (view === "singleValue") return showNumbers(place, properties, data.series, range);
  if (!VIEWS[view]) throw new Problem(`The view ${view} is not drawn here.`);
  const series = data.series.map((one, at) => ({ ...one, place: at }));
  return showChart(place, properties, view, series, range);
}

/**
 * @param {HTMLElement} place
 * @param {Properties} properties
 * @param {Series[]} series
 * @param {Range} range
 */
function showNumbers(place, properties, series, range) {
  const title = properties.title ?? "";
  const alone = series.length === 1;
  const { panel } = colours();
  const numbers = series.map((one, index) => {
    const value = one.values.at(-1);
    const known = value !== undefined;
    const dot = element("span", { class: "dot" });
    dot.style.background = seriesColour(index, one.color, panel);
    const unit = unitOf(one.unit, title);
    return element(
      "div",
      { class: "number", "data-label": one.label, "data-value": known ? String(value) : "" },
      alone ? null : element("p", { class: "label" }, dot, one.label),
      known
        ? element(
            "p",
            { class: "value", title: full(value) },
            shownAs(properties, value),
            unit && " ",
            unit && element("span", { class: unit.length > 1 ? "unit long" : "unit" }, unit),
          )
        : element("p", { class: "empty" }, "No data"),
    );
  });
  // All of them are as large as the longest can be; a long unit stands under its number.
  const lengths = series
    .filter((one) => one.values.length)
    .map((one) => {
      const { length } = shownAs(properties, latestOf(one));
      return length + (unitOf(one.unit, title).length === 1 ? 1 : 0);
    });
  const row = element("div", { class: "numbers" }, ...numbers);
  row.style.setProperty("--characters", String(Math.max(1, ...lengths)));
  fill(place, row);
  if (!properties.sparkline) return;
  series.forEach((one, index) => {
    if (one.values.length < 2) return;
    const spark = element("div", { class: "spark" });
    numbers[index].append(spark);
    drawn(spark, `${one.label} over time`, (colour) => sparkline(colour, one, range));
  });
}

/** @param {Properties} properties @param {number} value */
function shownAs(properties, value) {
  return (properties.singleValueFullPrecision ? full : short)(value);
}

/**
 * @param {HTMLElement} place
 * @param {Properties} properties
 * @param {string} view
 * @param {import("./charts.js").Series[]} all
 * @param {Range} range
 */
function showChart(place, properties, view, all, range) {
  const known = all.filter((one) => one.values.length);
  const isSum = properties.stacked || view === "pie";
  const series = isSum ? known.filter(isMore) : known;
  if (!series.length) {
    // In a sum what is missing is as good as zero.
    const text = isSum ? "Nothing in this time" : "No data";
    fill(place, element("p", { class: "empty", "data-series": "0" }, text));
    return;
  }
  if (!place.querySelector(":scope > .chart")) {
    fill(place, element("div", { class: "chart" }), element("div", { class: "unseen" }));
  }
  const [chart, words] = /** @type {HTMLCollectionOf<HTMLElement>} */ (place.children);
  const title = properties.title ?? "Chart";
  chart.dataset.series = String(series.length);
  fill(words, inWords(title, series));
  const latest = series.map((one) => `${one.label}: ${short(latestOf(one))}`).join(", ");
  drawn(chart, `${title}. Latest: ${latest}`, (colour) =>
    VIEWS[view](colour, properties, series, range),
  );
}

/** Whether there is anything of it in a sum. @param {Series} series */
function isMore({ values }) {
  return values.some((value) => value !== 0);
}

/**
 * @param {HTMLElement} place
 * @param {string} description
 * @param {(colour: Colours) => echarts.EChartsOption} option
 */
function drawn(place, description, option) {
  const aria = { enabled: true, label: { description } };
  draw(place, (colour) => ({ aria, ...option(colour) }));
}

/** @param {string} title @param {Series[]} series */
function inWords(title, series) {
  const rows = series.map((one) => [
    one.label,
    full(latestOf(one)),
    full(Math.min(...one.values)),
    full(Math.max(...one.values)),
  ]);
  return table(title, ["Series", "Latest", "Min", "Max"], rows);
}
