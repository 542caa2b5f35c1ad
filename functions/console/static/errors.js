/** What the API refused, in words. */

import { excludedTable } from "./decision.js";
import { table } from "./figures.js";
import { duration } from "./format.js";
import { clock } from "./kit-clock.js";
import { element } from "./kit-elements.js";

/** @import { ApiError } from "./kit-fetch.js" */

/** @type {Record<string, string>} */
const TITLES = {
  invalid_request: "The request is not valid",
  forbidden: "Not allowed",
  not_found: "Not found",
  payload_too_large: "The request is too long",
  no_eligible_model: "No model fits these limits",
  content_filtered: "The provider refused to answer",
  rate_limited: "Too many requests",
  quota_exceeded: "The day's quota is used up",
  service_unavailable: "Not available now",
  all_providers_failed: "Every model that was asked failed",
  deadline_exceeded: "The time was up",
  aborted: "The job was stopped",
  unreachable: "No connection",
};

/** @param {ApiError} error */
const titleOf = (error) => TITLES[error.code] ?? "The request failed";

/** @param {ApiError} error @param {any[]} details those that are shown nowhere else */
export function errorView(error, details = error.details) {
  return element(
    "div",
    { class: "failure", role: "alert", "data-code": error.code },
    element("h3", {}, titleOf(error)),
    element("p", {}, error.message),
    waitSentence(error),
    detailsView(details),
    element("p", { class: "muted" }, sourceOf(error)),
  );
}

/** @param {ApiError} error */
function sourceOf(error) {
  const status = error.status ? `HTTP ${error.status} · ` : "";
  return `${status}${error.code}${error.requestId ? ` · ${error.requestId}` : ""}`;
}

/** @param {ApiError} error */
function waitSentence(error) {
  if (error.retryAfterSeconds) {
    const at = clock(Date.now() + error.retryAfterSeconds * 1000);
    const seconds = `${error.retryAfterSeconds} ${error.retryAfterSeconds === 1 ? "second" : "seconds"}`;
    return element("p", { class: "retry" }, `Try again in ${seconds}, at ${at}.`);
  }
  return error.status === 429 ? element("p", { class: "retry" }, "Try again in a moment.") : null;
}

/** @param {any[]} details all of one kind, which the code decides */
function detailsView(details) {
  if (!details.length) return null;
  if ("reason" in details[0]) return excludedTable(details);
  if ("elapsed_ms" in details[0]) return failedAttempts(details);
  return element(
    "ul",
    {},
    ...details.map(({ field, problem }) => element("li", {}, `${field}: ${problem}`)),
  );
}

/**
 * @param {{model: string, provider: string, error: string, elapsed_ms: number, message: string}[]}
 *   attempts
 */
function failedAttempts(attempts) {
  return table(
    "Models that were asked",
    ["Model", "Provider", "Error", "Latency#", "Message"],
    attempts.map((one) => [
      one.model,
      one.provider,
      one.error,
      duration(one.elapsed_ms),
      one.message,
    ]),
  );
}
