/** What the engine did in a window of time. */

import { ask, query } from "./api.js";
import { figures } from "./figures.js";
import { count, duration, moment, usd } from "./format.js";
import { byId, fill } from "./kit-elements.js";
import { ApiError } from "./kit-fetch.js";

/** @import { Summary } from "../answers.js" */

let asked = 0;

export async function refreshTotals() {
  const turn = ++asked;
  const window = byId("window", HTMLSelectElement).value;
  try {
    const summary = await ask("GET", `/metrics/summary${query({ window })}`);
    // A slower answer about an earlier window must not replace a newer one.
    if (turn === asked) show(summary);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (turn === asked) byId("totals-note", HTMLElement).textContent = error.message;
  }
}

/** @param {Summary} summary */
function show({ window, from, requests, costs, latency_ms: latency, fallbacks }) {
  fill(
    byId("totals", HTMLElement),
    figures([
      ["Requests", count(requests.total), requests.total, "requests"],
      ["Failed", count(requests.failed), requests.failed, "failed"],
      ["Fallbacks", count(fallbacks), fallbacks, "fallbacks"],
      ["Cost, USD", usd(costs.total_usd), costs.total_usd, "cost_usd"],
      ["Savings, USD", usd(costs.savings_usd), costs.savings_usd, "savings_usd"],
      ["Latency p50", duration(latency.p50), latency.p50, "p50"],
      ["Latency p95", duration(latency.p95), latency.p95, "p95"],
      ["Latency p99", duration(latency.p99), latency.p99, "p99"],
    ]),
  );
  byId("totals", HTMLElement).dataset.window = window;
  byId("totals-note", HTMLElement).textContent =
    `Since ${moment(from)}; savings are estimated, after all attempts.`;
}
