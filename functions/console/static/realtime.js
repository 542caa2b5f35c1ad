/** The last five minutes, ten seconds at a time. */

import { ask } from "./api.js";
import { count, duration, usd } from "./format.js";
import { draw } from "./kit-charts.js";
import { clock } from "./kit-clock.js";
import { byId } from "./kit-elements.js";
import { ApiError } from "./kit-fetch.js";

/** @import { Realtime } from "../answers.js" */
/** @import { Colours } from "./kit-charts.js" */

export async function refreshRealtime() {
  try {
    show(await ask("GET", "/metrics/realtime"));
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    byId("realtime-note", HTMLElement).textContent = error.message;
  }
}

/** @param {Realtime} answer */
function show({ buckets, requests, failed, cost_usd: cost }) {
  byId("realtime-note", HTMLElement).textContent =
    `${count(requests)} requests, ${count(failed)} failed, ${usd(cost)}`;
  byId("realtime-note", HTMLElement).dataset.requests = String(requests);
  draw(byId("realtime", HTMLElement), (colour) => optionOf(buckets, colour));
}

/** @param {Realtime["buckets"]} buckets @param {Colours} colour @returns {echarts.EChartsOption} */
function optionOf(buckets, colour) {
  const label = { color: colour.muted, fontSize: 11 };
  /**
   * @param {string} name
   * @param {number[]} data
   * @param {string} own
   * @returns {echarts.BarSeriesOption}
   */
  const bars = (name, data, own) => ({
    name,
    type: "bar",
    stack: "all",
    data,
    itemStyle: { color: own },
    barMaxWidth: 14,
  });
  return {
    tooltip: { trigger: "axis" },
    legend: { top: 0, right: 0, itemWidth: 12, itemHeight: 8, textStyle: label },
    grid: { left: 30, right: 48, top: 28, bottom: 22 },
    xAxis: {
      type: "category",
      data: buckets.map((bucket) => clock(bucket.start)),
      axisLabel: {
        ...label,
        interval: 5,
        formatter: (/** @type {string} */ text) => text.slice(0, 5),
      },
      axisLine: { lineStyle: { color: colour.line } },
      axisTick: { show: false },
    },
    yAxis: [
      {
        type: "value",
        minInterval: 1,
        axisLabel: label,
        splitLine: { lineStyle: { color: colour.line } },
      },
      { type: "value", axisLabel: { ...label, formatter: duration }, splitLine: { show: false } },
    ],
    series: [
      bars(
        "answered",
        buckets.map((bucket) => bucket.requests - bucket.failed),
        colour.accent,
      ),
      bars(
        "failed",
        buckets.map((bucket) => bucket.failed),
        colour.bad,
      ),
      {
        name: "p95 latency",
        type: "line",
        yAxisIndex: 1,
        data: buckets.map((bucket) => bucket.latency_ms.p95),
        connectNulls: true,
        symbolSize: 5,
        itemStyle: { color: colour.latency },
        tooltip: { valueFormatter: (value) => duration(/** @type {number | null} */ (value)) },
      },
    ],
  };
}
