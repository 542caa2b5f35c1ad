/** Apache ECharts in the page's colours: charts that follow their place's size, and options of each view. */

import { full, short, unitOf } from "./format.js";
import { colours, seriesColour } from "./theme.js";

const LONGEST_NAME = 30;
const CENTER = ["50%", "45%"];
const drawn = new Map();
const reduced = matchMedia("(prefers-reduced-motion: reduce)");
const sizes = new ResizeObserver((entries) => {
  requestAnimationFrame(() => {
    for (const { target } of entries) drawn.get(target)?.chart.resize();
  });
});

/** @param {HTMLElement} place in the page @param {() => object} option made anew when the colours change */
export function draw(place, option) {
  for (const [old, { chart }] of drawn) {
    if (old.isConnected) continue;
    chart.dispose();
    sizes.unobserve(old);
    drawn.delete(old);
  }
  const chart = drawn.get(place)?.chart ?? globalThis.echarts.init(place);
  if (!drawn.has(place)) sizes.observe(place);
  drawn.set(place, { chart, option });
  paint(chart, option);
}

/** Draws every chart again, in the colours of now. */
export function redrawAll() {
  for (const { chart, option } of drawn.values()) paint(chart, option);
}

function paint(chart, option) {
  const { text, muted, panel, line } = colours();
  const font = {
    fontFamily: getComputedStyle(document.body).fontFamily,
    fontSize: 12,
    color: text,
  };
  const { description, ...own } = option();
  const { tooltip, ...rest } = own;
  chart.setOption(
    {
      animation: !reduced.matches,
      animationDuration: 300,
      animationDurationUpdate: 300,
      aria: { enabled: true, label: { description } },
      textStyle: font,
      ...rest,
      tooltip: {
        confine: true,
        backgroundColor: panel,
        borderColor: line,
        textStyle: { ...font, color: text },
        axisPointer: { lineStyle: { color: muted, type: "dashed" } },
        ...tooltip,
      },
    },
    { notMerge: true },
  );
}

/**
 * @typedef {{id: string, label: string, times: number[], values: number[], unit: string?, y_axis: string,
 *   color: string?, problem: string?}} Series
 * @typedef {{start: number, end: number}} Range
 */

/** @param {object} properties a widget's @param {Series[]} series @param {Range} range @param {string} description */
export function overTime(properties, series, range, description) {
  const { muted, line } = colours();
  const places = legend(properties);
  const sides = ["left", "right"].filter(
    (side) => side === "left" || series.some((one) => one.y_axis === side),
  );
  const stackedTimes = properties.stacked
    ? [...new Set(series.flatMap((one) => one.times))].sort()
    : null;
  return {
    description,
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
    },
    xAxis: {
      type: "time",
      min: range.start,
      max: range.end,
      axisLine: { lineStyle: { color: line } },
      axisLabel: { color: muted, hideOverlap: true, rich: { primary: { fontWeight: "normal" } } },
      splitNumber: 5,
    },
    yAxis: sides.map((side) => axis(side, properties, series)),
    series: series.map((one, place) => {
      const color = seriesColour(place, one.color);
      const points = stackedTimes
        ? filled(one, stackedTimes)
        : one.times.map((at, index) => [at, one.values[index]]);
      return {
        type: "line",
        name: one.label,
        tooltip: { valueFormatter: rounded(unitOn(one, properties)) },
        yAxisIndex: Math.max(sides.indexOf(one.y_axis), 0),
        data: points,
        color,
        lineStyle: { width: 2 },
        symbol: "circle",
        symbolSize: 5,
        showSymbol: points.length <= 60,
        ...(properties.stacked ? { stack: one.y_axis, areaStyle: { opacity: 0.55 } } : {}),
        ...(place === 0 ? marks(properties.annotations) : {}),
      };
    }),
  };
}

function unitOn(series, properties) {
  return unitOf(series.unit) || (properties.yAxis?.[series.y_axis]?.label ?? "");
}

function rounded(unit) {
  return (value) =>
    value == null ? "–" : `${full(Number(value.toPrecision(6)))} ${unit}`.trimEnd();
}

function filled(series, times) {
  const known = new Map(series.times.map((at, place) => [at, series.values[place]]));
  return times.map((at) => [at, known.get(at) ?? 0]);
}

function axis(side, properties, series) {
  const { muted, line } = colours();
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

function extent({ min, max }, series) {
  if (max === undefined && series.every((one) => one.values.every((value) => value === 0))) {
    return { min: 0, max: 1, interval: 1 };
  }
  const interval = min === undefined || max === undefined ? undefined : (max - min) / 4;
  return { min, max, interval, scale: min === undefined };
}

function marks(annotations) {
  const { bad, panel, text } = colours();
  const lines = [
    ...(annotations?.horizontal ?? []).flat().map((one) => ({ ...one, yAxis: one.value })),
    ...(annotations?.vertical ?? [])
      .flat()
      .map((one) => ({ ...one, xAxis: Date.parse(one.value) })),
  ].filter((one) => one.visible !== false);
  if (!lines.length) return {};
  const data = lines.map(({ label, color, xAxis, yAxis }) => ({
    ...(xAxis === undefined ? { yAxis } : { xAxis }),
    lineStyle: { color: seriesColour(0, color ?? bad), type: "dashed", width: 1.5 },
    label: {
      formatter: label ?? "",
      // Under the line: above it a high one would meet the axis's name.
      position: "insideStartBottom",
      color: text,
      textBorderColor: panel,
      textBorderWidth: 3,
    },
  }));
  return { markLine: { silent: true, symbol: "none", data } };
}

function legend(properties) {
  const { text, muted, line } = colours();
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

/** The latest value of each series as its share of their sum. */
export function shares(properties, series, description) {
  const { text, muted, panel } = colours();
  const places = legend(properties);
  const unit = properties.yAxis?.left?.label ?? "";
  const sum = series.reduce((total, one) => total + one.values.at(-1), 0);
  return {
    description,
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
          formatter: ({ percent }) => `${short(Number(percent.toPrecision(2)))} %`,
          minMargin: 4,
        },
        labelLine: { length: 6, length2: 6, lineStyle: { color: muted } },
        data: series.map((one, place) => ({
          name: one.label,
          value: one.values.at(-1),
          itemStyle: { color: seriesColour(place, one.color) },
        })),
      },
    ],
  };
}

/** The latest value of each series beside the others'. */
export function bars(properties, series, description) {
  const { text, muted, line } = colours();
  const own = properties.yAxis?.left ?? {};
  return {
    description,
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
          formatter: ({ value }) => short(value),
        },
        data: series.map((one, place) => ({
          value: one.values.at(-1),
          itemStyle: { color: seriesColour(place, one.color) },
        })),
      },
    ],
  };
}

/** A line without axes, under a number. */
export function sparkline(series, range, description) {
  const color = seriesColour(0, series.color);
  return {
    description,
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
        data: series.times.map((at, place) => [at, series.values[place]]),
      },
    ],
  };
}
