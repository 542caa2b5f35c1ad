/** The last five minutes, ten seconds at a time. */

import { ask } from "./api.js";
import { count, duration, times, usd } from "./format.js";
import { clock } from "./kit-clock.js";
import { byId, element, fill } from "./kit-elements.js";
import { ApiError } from "./kit-fetch.js";

/**
 * @import { Realtime } from "../answers.js"
 * @typedef {Realtime["data"][number]} Bucket
 */

const LABELLED = 6;
const LEGEND = ["answered", "rejected", "errors", "p95 latency"];

export async function refreshRealtime() {
  try {
    show(await ask("GET", "/metrics/realtime"));
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    byId("realtime-note", HTMLElement).textContent = error.message;
  }
}

/** @param {Realtime} answer */
function show({ data: buckets, requests, rejected, errors, cost_usd: cost }) {
  const counts = [
    times(requests, "request"),
    `${count(rejected)} rejected`,
    times(errors, "error"),
  ];
  byId("realtime-note", HTMLElement).textContent = [...counts, usd(cost)].join(", ");
  byId("realtime-note", HTMLElement).dataset.requests = String(requests);
  const most = Math.max(1, ...buckets.map((one) => one.requests));
  const slowest = Math.max(1, ...buckets.map((one) => one.latency_ms.p95 ?? 0));
  fill(
    byId("realtime", HTMLElement),
    element("ul", { class: "legend" }, ...LEGEND.map((name) => legend(name))),
    element("span", { class: "most" }, count(most)),
    element("span", { class: "least" }, "0"),
    element("span", { class: "slowest" }, duration(slowest)),
    element(
      "div",
      { class: "columns", role: "img", "aria-label": inWords(buckets) },
      ...buckets.map((bucket) => column(bucket, most, slowest)),
    ),
    element("div", { class: "times" }, ...marks(buckets)),
  );
}

/** @param {string} name */
const legend = (name) => element("li", { class: name.split(" ").at(-1) }, name);

/** @param {Bucket} bucket */
const told = ({ from, requests, failed, rejected, errors, latency_ms: { p95 } }) =>
  `${clock(from)}: ${requests - failed} answered, ${rejected} rejected, ${times(errors, "error")}, p95 latency ${duration(p95)}`;

/** @param {Bucket[]} buckets */
const inWords = (buckets) =>
  buckets
    .filter((one) => one.requests)
    .map(told)
    .join("; ") || "No requests in the last five minutes";

/** @param {Bucket} bucket @param {number} most requests of one @param {number} slowest in ms */
function column(bucket, most, slowest) {
  const { requests, failed, rejected, errors, latency_ms: latency } = bucket;
  return element(
    "span",
    { class: "column", title: told(bucket) },
    errors > 0 && part("errors", errors / most),
    rejected > 0 && part("rejected", rejected / most),
    requests > failed && part("answered", (requests - failed) / most),
    latency.p95 !== null && part("latency", latency.p95 / slowest),
  );
}

/** @param {string} name @param {number} share of the height */
function part(name, share) {
  const made = element("span", { class: name });
  made.style.setProperty("--share", `${share * 100}%`);
  return made;
}

/** @param {Bucket[]} buckets */
const marks = (buckets) =>
  buckets
    .filter((_, at) => at % LABELLED === 0)
    .map((one) => element("span", {}, clock(one.from).slice(0, 5)));
