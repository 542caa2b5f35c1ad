/** How long a request took, and what of that is the engine's own. */

import { duration, latencyOf } from "./format.js";

/** @import { AuditRecord } from "../answers.js" */

export const OVERHEAD =
  "The engine's own part of the latency: neither in calls of providers nor waiting for somebody.";

/** Rows of an earlier version tell no overhead. @param {AuditRecord} record @returns {[string, string, number?, string?, string?][]} */
export function latencyFigures(record) {
  const { overhead_ms: overhead } = record;
  return [
    ["Latency", duration(latencyOf(record)), latencyOf(record), "latency_ms"],
    [
      "Overhead",
      overhead === undefined ? "" : duration(overhead),
      overhead,
      "overhead_ms",
      OVERHEAD,
    ],
  ];
}
