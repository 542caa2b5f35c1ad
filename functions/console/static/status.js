/** How a request ended, in a word; what its caller brought about is told from errors. */

import { element } from "./kit-elements.js";

/** @import { Status } from "../answers.js" */

/** @type {Record<string, string>} */
const ENDED = { SUCCEEDED: "answered", ABORTED: "stopped", TIMED_OUT: "timed out" };

/** The codes of a caller's own doing, those of HTTP 4xx; any other is an error of ours or of all providers. */
const REJECTED = [
  ...[
    "invalid_request",
    "unauthorized",
    "budget_exceeded",
    "forbidden",
    "not_found",
    "duplicate_request",
  ],
  ...["request_in_progress", "idempotency_conflict"],
  ...["aborted", "payload_too_large", "unsupported_media_type", "no_eligible_model"],
  ...["content_filtered", "rate_limited", "quota_exceeded"],
];

/** @param {string | null | undefined} code of an error */
export const isRejected = (code) => REJECTED.includes(code ?? "");

/** @param {{status: Status, error_code?: string | null}} request a row of the log, or a whole record */
export function statusBadge({ status, error_code: code }) {
  const word = ENDED[status] ?? code ?? "failed";
  if (status === "SUCCEEDED") return element("span", { class: "badge ok" }, word);
  return status === "ABORTED" || isRejected(code)
    ? element("span", { class: "badge warn", title: "rejected: its caller's own doing" }, word)
    : element("span", { class: "badge bad", title: "error: of the engine or of providers" }, word);
}
