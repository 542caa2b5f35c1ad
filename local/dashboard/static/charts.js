/** ECharts' options of each view of a metric widget. */

import { full, short, unitOf } from "./format.js";
import { seriesColour } from "./series-colours.js";

/**
 * @import { Range, Series as Fetched } from "./api.js"
 * @import { Colours } from "./drawing.js"
 * @typedef {Fetched & {place: number}} Series of its place in the widget depends its colour
 * @typedef {Record<string, any>} Properties a metric widget's
 * @typedef {echarts.EChartsOption} Option
 * @typedef {(colour: Colours, properties: Properties, series: Series[], range: Range) => Option} View
 */

const LONGEST_NAME = 30;
const CENTER = ["50%", "45%"];
const MOST_DOTS = 60;

/** @type {View} */
export function overTime(colour, properties, series, range) {
  const { muted, line, panel } = colour;
  const places = legend(colour, properties);
  const sides = /** @type {const} */ (["left", "right"]).filter(
    (side) => side === "left" || series.some((one) => one.y_axis === side),
  );
  const lines = properties.stacked ? layers(series) : series.map(curve);
  return {
    legend: places.legend,
    grid: {
      left: 4,
      right: sides.length > 1 ? 4 : 12,
      top: 28,
      ...places.grid,
      containLabel: true,
    },
    tooltip: {
      trigger: "axis",
      order: "valueDesc",
      axisPointer: { lineStyle: { color: muted, type: "dashed" } },
    },
    xAxis: {
      type: "time",
      min: range.start,
      max: range.end,
      axisLine: { lineStyle: { color: line } },
      axisLabel: { color: muted, hideOverlap: true, rich: { primary: { fontWeight: "normal" } } },
      axisPointer: {
        label: { formatter: ({ value }) => begin(Number(value), properties, series) },
      },
      splitNumber: 5,
    },
    yAxis: sides.map((side) => axis(side, colour, properties, series)),
    series: series.map((one, index) => ({
      type: "line",
      name: one.label,
      tooltip: { valueFormatter: rounded(unitOn(one, properties)) },
      yAxisIndex: Math.max(sides.indexOf(one.y_axis), 0),
      color: seriesColour(one.place, one.color, panel),
      ...lines[index],
      ...(index === 0 ? marks(colour, properties.annotations) : {}),
    })),
  };
}

/** A line that breaks where periods have no value. @param {Fetched} series */
function broken({ times, values, period_ms }) {
  return times.flatMap((at, place) => {
    const point = [at, values[place]];
    const isLast = !(times[place + 1] - at > period_ms);
    return isLast ? [point] : [point, [at + period_ms, null]];
  });
}

/** @param {Series} series @returns {echarts.LineSeriesOption} */
function curve(series) {
  const data = broken(series);
  const isDot = (/** @type {number} */ at) =>
    data.length <= MOST_DOTS || (data[at - 1]?.[1] ?? data[at + 1]?.[1] ?? null) === null;
  return {
    data,
    lineStyle: { width: 2 },
    symbol: (_value, { dataIndex }) => (isDot(dataIndex) ? "circle" : "none"),
    symbolSize: 5,
  };
}

/**
 * Areas that have the width of a period for each of its values, and no line: where there is nothing,
 * nothing is drawn.
 * @param {Series[]} series
 * @returns {echarts.LineSeriesOption[]}
 */
function layers(series) {
  const [{ period_ms }] = series;
  const begins = series.flatMap((one) =>
    one.times.flatMap((at) => [at - period_ms, at, at + period_ms]),
  );
  const times = [...new Set(begins)].sort((one, other) => one - other);
  return series.map(({ times: own, values, y_axis }) => {
    const known = new Map(own.map((at, place) => [at, values[place]]));
    return {
      // A step in the middle of two points is at the end of a period when these are in its middle.
      data: times.map((at) => [at + period_ms / 2, known.get(at) ?? 0]),
      step: "middle",
      stack: y_axis,
      lineStyle: { width: 0 },
      areaStyle: { opacity: 0.8 },
      symbol: "none",
    };
  });
}

/**
 * When the period of a point began.
 * @param {number} at
 * @param {Properties} properties
 * @param {Series[]} series
 */
function begin(at, { stacked }, [{ period_ms }]) {
  return echarts.time.format(
    at - (stacked ? period_ms / 2 : 0),
    "{yyyy}-{MM}-{dd} {HH}:{mm}",
    false,
  );
}

/** @param {Fetched} series of at least one value */
export const latestOf = ({ values }) => values[values.length - 1];

/** @param {Series} series @param {Properties} properties */
function unitOn(series, properties) {
  return unitOf(series.unit) || (properties.yAxis?.[series.y_axis]?.label ?? "");
}

/** @param {string} unit */
function rounded(unit) {
  return (/** @type {unknown} */ value) =>
    typeof value !== "number" ? "–" : `${full(Number(value.toPrecision(6)))} ${unit}`.trimEnd();
}

/**
 * @param {"left" | "right"} side
 * @param {Colours} colour
 * @param {Properties} properties
 * @param {Series[]} series
 * @returns {echarts.YAXisComponentOption}
 */
function axis(side, { muted, line }, properties, series) {
  const own = properties.yAxis?.[side] ?? {};
  const units = new Set(series.filter((one) => one.y_axis === side).map((one) => unitOf(one.unit)));
  const unit = own.showUnits === false || units.size > 1 ? "" : [...units].join("");
  return {
    type: "value",
    name: own.label ?? unit,
    nameTextStyle: { color: muted, align: side, padding: 0 },
    nameGap: 10,
    position: side,
    ...extent(own, series),
    splitNumber: 4,
    axisLabel: { color: muted, formatter: short },
    splitLine: { show: side === "left", lineStyle: { color: line } },
  };
}

/** @param {{min?: number, max?: number}} own @param {Series[]} series */
function extent({ min, max }, series) {
  if (max === undefined && series.every((one) => one.values.every((value) => value === 0))) {
    return { min: 0, max: 1, interval: 1 };
  }
  const interval = min === undefined || max === undefined ? undefined : (max - min) / 4;
  return { min, max, interval, scale: min === undefined };
}

/**
 * @typedef {{value: any, label?: string, color?: string, visible?: boolean}} Annotation
 * @param {Colours} colour
 * @param {{horizontal?: (Annotation | Annotation[])[], vertical?: (Annotation | Annotation[])[]}}
 *   [annotations]
 * @returns {echarts.LineSeriesOption}
 */
function marks({ bad, panel, text }, annotations) {
  const lines = [
    ...(annotations?.horizontal ?? []).flat().map((one) => ({ ...one, at: { yAxis: one.value } })),
    ...(annotations?.vertical ?? [])
      .flat()
      .map((one) => ({ ...one, at: { xAxis: Date.parse(one.value) } })),
  ].filter((one) => one.visible !== false);
  if (!lines.length) return {};
  const data = lines.map(({ label, color, at }) => ({
    ...at,
    lineStyle: {
      color: seriesColour(0, color ?? bad, panel),
      type: /** @type {const} */ ("dashed"),
      width: 1.5,
    },
    label: {
      formatter: label ?? "",
      // Under the line: above it a high one would meet the axis's name.
      position: /** @type {const} */ ("insideStartBottom"),
      color: text,
      textBorderColor: panel,
      textBorderWidth: 3,
    },
  }));
  return { markLine: { silent: true, symbol: "none", data } };
}

/**
 * @param {Colours} colour
 * @param {Properties} properties
 * @returns {{legend: echarts.LegendComponentOption, grid: echarts.GridComponentOption}}
 */
function legend({ text, muted, line }, properties) {
  /** @type {echarts.LegendComponentOption} */
  const base = {
    type: "scroll",
    icon: "circle",
    itemWidth: 9,
    itemHeight: 14,
    itemGap: 14,
    formatter: (name) =>
      name.length > LONGEST_NAME ? `${name.slice(0, LONGEST_NAME - 1)}…` : name,
    textStyle: { color: text, lineHeight: 18 },
    pageTextStyle: { color: muted },
    pageIconColor: text,
    pageIconInactiveColor: line,
    pageIconSize: 11,
    tooltip: { show: true },
  };
  switch (properties.legend?.position) {
    case "hidden":
      return { legend: { show: false }, grid: { bottom: 4 } };
    case "right":
      return {
        legend: { ...base, orient: "vertical", right: 0, top: 20 },
        grid: { bottom: 4, right: "28%" },
      };
    default:
      return { legend: { ...base, bottom: 0, left: 0, right: 0 }, grid: { bottom: 30 } };
  }
}

/** The latest value of each series as its share of their sum. @type {View} */
export function shares(colour, properties, series) {
  const { text, muted, panel } = colour;
  const places = legend(colour, properties);
  const unit = properties.yAxis?.left?.label ?? "";
  const sum = series.reduce((total, one) => total + latestOf(one), 0);
  return {
    legend: places.legend,
    title: {
      // Not a subtext: its place does not count when a title is put into the middle.
      text: `{sum|${short(sum)}}\n{unit|${unit}}`,
      left: CENTER[0],
      top: CENTER[1],
      padding: 0,
      textAlign: "center",
      textVerticalAlign: "middle",
      textStyle: {
        rich: {
          sum: { color: text, fontSize: 20, fontWeight: 650, lineHeight: 24 },
          unit: { color: muted, fontSize: 12, fontWeight: "normal", lineHeight: 16 },
        },
      },
    },
    tooltip: { trigger: "item", valueFormatter: rounded(unit) },
    series: [
      {
        type: "pie",
        radius: ["50%", "78%"],
        center: CENTER,
        minShowLabelAngle: 12,
        bottom: 0,
        itemStyle: { borderColor: panel, borderWidth: 2 },
        label: {
          color: text,
          formatter: ({ percent = 0 }) => `${short(Number(percent.toPrecision(2)))} %`,
          minMargin: 4,
        },
        labelLine: { length: 6, length2: 6, lineStyle: { color: muted } },
        data: series.map((one) => ({
          name: one.label,
          value: latestOf(one),
          itemStyle: { color: seriesColour(one.place, one.color, panel) },
        })),
      },
    ],
  };
}

/** The latest value of each series beside the others'. @type {View} */
export function bars({ text, muted, line, panel }, properties, series) {
  const own = properties.yAxis?.left ?? {};
  return {
    grid: { left: 4, right: 40, top: 8, bottom: 20, containLabel: true },
    tooltip: { trigger: "item", valueFormatter: rounded(own.label ?? "") },
    xAxis: {
      type: "value",
      name: own.label ?? "",
      nameLocation: "middle",
      nameGap: 22,
      nameTextStyle: { color: muted },
      min: own.min,
      max: own.max,
      axisLabel: { color: muted, formatter: short, hideOverlap: true },
      splitLine: { lineStyle: { color: line } },
    },
    yAxis: {
      type: "category",
      inverse: true,
      data: series.map((one) => one.label),
      axisLabel: { color: text, width: 140, overflow: "truncate" },
      axisTick: { show: false },
      axisLine: { lineStyle: { color: line } },
    },
    series: [
      {
        type: "bar",
        barMaxWidth: 22,
        label: {
          show: true,
          position: "right",
          color: text,
          formatter: ({ value }) => short(Number(value)),
        },
        data: series.map((one) => ({
          value: latestOf(one),
          itemStyle: { color: seriesColour(one.place, one.color, panel) },
        })),
      },
    ],
  };
}

/**
 * A line without axes, under a number.
 * @param {Colours} colour
 * @param {Fetched} series
 * @param {Range} range
 * @returns {Option}
 */
export function sparkline({ panel }, series, range) {
  const color = seriesColour(0, series.color, panel);
  return {
    grid: { left: 0, right: 0, top: 4, bottom: 0 },
    tooltip: { show: false },
    xAxis: { type: "time", show: false, min: range.start, max: range.end },
    yAxis: { type: "value", show: false, scale: true },
    series: [
      {
        type: "line",
        symbol: "none",
        color,
        lineStyle: { width: 1.5 },
        areaStyle: { opacity: 0.15 },
        data: broken(series),
      },
    ],
  };
}
