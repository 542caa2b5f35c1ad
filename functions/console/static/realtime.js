/** The last five minutes, ten seconds at a time. */

import { ApiError, ask } from "./api.js";
import { draw, tooltip } from "./charts.js";
import { byId } from "./elements.js";
import { clock, count, duration, usd } from "./format.js";

export async function refreshRealtime() {
  try {
    show(await ask("GET", "/metrics/realtime"));
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    byId("realtime-note").textContent = error.message;
  }
}

function show({ buckets, requests, failed, cost_usd: cost }) {
  byId("realtime-note").textContent =
    `${count(requests)} requests, ${count(failed)} failed, ${usd(cost)}`;
  byId("realtime-note").dataset.requests = String(requests);
  draw(byId("realtime"), (_width, colour) => ({ chart: optionOf(buckets, colour) }));
}

function optionOf(buckets, colour) {
  const label = { color: colour.muted, fontSize: 11 };
  const bars = (name, data, own) => ({
    name,
    type: "bar",
    stack: "all",
    data,
    itemStyle: { color: own },
    barMaxWidth: 14,
  });
  return {
    tooltip: { ...tooltip(colour), trigger: "axis" },
    legend: { top: 0, right: 0, itemWidth: 12, itemHeight: 8, textStyle: label },
    grid: { left: 30, right: 48, top: 28, bottom: 22 },
    xAxis: {
      type: "category",
      data: buckets.map((bucket) => clock(bucket.start)),
      axisLabel: { ...label, interval: 5, formatter: (text) => text.slice(0, 5) },
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
        tooltip: { valueFormatter: duration },
      },
    ],
  };
}
