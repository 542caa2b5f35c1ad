/** What the engine did in a window of time. */

import { ask, query } from "./api.js";
import { figures } from "./figures.js";
import { count, duration, moment, usd } from "./format.js";
import { byId, element, fill } from "./kit-elements.js";
import { ApiError } from "./kit-fetch.js";
import { OVERHEAD } from "./latency.js";
import { savingsNote } from "./money.js";

/** @import { Summary } from "../answers.js" */

const REJECTED = "By their callers' own doing: not valid, over their limits, stopped, too many.";
const ERRORS = "The engine failed, or every provider that was asked, or the time was up.";

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

/** @param {number} number */
const errors = (number) => element("span", { class: number ? "alarming" : null }, count(number));

/** @param {Summary} summary */
function show({ window, from, requests, costs, fallbacks, ...times }) {
  const { latency_ms: latency, overhead_ms: overhead } = times;
  fill(
    byId("totals", HTMLElement),
    figures([
      ["Requests", count(requests.total), requests.total, "requests"],
      ["Rejected", count(requests.rejected), requests.rejected, "rejected", REJECTED],
      ["Errors", errors(requests.errors), requests.errors, "errors", ERRORS],
      ["Fallbacks", count(fallbacks), fallbacks, "fallbacks"],
      ["Cost", usd(costs.total_usd), costs.total_usd, "cost_usd"],
      [
        "Savings, estimated",
        usd(costs.savings_usd),
        costs.savings_usd,
        "savings_usd",
        savingsNote(null),
      ],
      ["Latency p50", duration(latency.p50), latency.p50, "p50"],
      ["Latency p95", duration(latency.p95), latency.p95, "p95"],
      ["Latency p99", duration(latency.p99), latency.p99, "p99"],
      ["Overhead p50", duration(overhead.p50), overhead.p50, "overhead_p50", OVERHEAD],
      ["Overhead p95", duration(overhead.p95), overhead.p95, "overhead_p95", OVERHEAD],
    ]),
  );
  byId("totals", HTMLElement).dataset.window = window;
  byId("totals-note", HTMLElement).textContent =
    `Since ${moment(from)}, all callers together. Rejected: their callers' own doing; errors: of the engine or of all providers asked. Savings are estimated, against the best model that could have been asked, after all attempts.`;
}
