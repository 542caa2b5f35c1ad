/** What the API refused, in words. */

import { excludedTable } from "./decision.js";
import { table } from "./figures.js";
import { dollars, duration, minute, times } from "./format.js";
import { clock } from "./kit-clock.js";
import { element } from "./kit-elements.js";
import { isRejected } from "./status.js";

/** @import { BudgetRefusal } from "../answers.js" */
/** @import { Child } from "./kit-elements.js" */
/** @import { ApiError, ErrorBody } from "./kit-fetch.js" */

/** @type {Record<string, string>} */
const TITLES = {
  invalid_request: "The request is not valid",
  unauthorized: "The key is not known",
  budget_exceeded: "The budget does not pay for this",
  forbidden: "Not allowed",
  not_found: "Not found",
  payload_too_large: "The request is too long",
  no_eligible_model: "No model fits these limits",
  content_filtered: "The provider refused to answer",
  rate_limited: "Too much at once",
  quota_exceeded: "The day's quota is used up",
  service_unavailable: "Not available now",
  all_providers_failed: "Every model that was asked failed",
  deadline_exceeded: "The time was up",
  aborted: "The job was stopped",
  unreachable: "No connection",
};

/** @param {ApiError} error @param {any[]} details those that are shown nowhere else */
export function errorView(error, details = error.details) {
  return failure(error, sourceOf(error), "alert", waitSentence(error), detailsView(details));
}

/** @param {ErrorBody} error as an audit record has it, which lists its attempts itself */
export function recordedErrorView(error) {
  const { code, details = [], retry_after_seconds: wait } = error;
  const told = wait
    ? element("p", {}, `Its caller was told to wait ${times(wait, "second")}.`)
    : null;
  return failure(error, code, null, told, isAttempts(details) ? null : detailsView(details));
}

/**
 * @param {{code: string, message: string}} error
 * @param {string} source where it comes from
 * @param {string | null} role
 * @param {...Child} parts
 */
function failure({ code, message }, source, role, ...parts) {
  return element(
    "div",
    { class: `failure${isRejected(code) ? " rejected" : ""}`, role, "data-code": code },
    element("h3", {}, TITLES[code] ?? "The request failed"),
    element("p", {}, message),
    ...parts,
    element("p", { class: "muted" }, source),
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
    const wait = times(error.retryAfterSeconds, "second");
    return element("p", { class: "retry" }, `Try again in ${wait}, at ${at}.`);
  }
  return error.status === 429 ? element("p", { class: "retry" }, "Try again in a moment.") : null;
}

/** @param {any[]} details all of one kind, which the code decides */
function detailsView(details) {
  if (!details.length) return null;
  if ("reason" in details[0]) return excludedTable(details);
  if (isAttempts(details)) return failedAttempts(details);
  if ("limit" in details[0]) return budgetRefusals(details);
  return element(
    "ul",
    {},
    ...details.map(({ field, problem }) => element("li", {}, `${field}: ${problem}`)),
  );
}

/** @param {BudgetRefusal[]} refusals */
function budgetRefusals(refusals) {
  const amount = (/** @type {number | undefined} */ value) =>
    value === undefined ? null : dollars(value);
  return table(
    "Limits that do not pay for it",
    ["Limit", "Needed at least#", "Left#", "In all#", "Renews"],
    refusals.map((one) => [
      one.limit,
      amount(one.needed_usd),
      amount(one.left_usd),
      amount(one.limit_usd),
      one.renews_at ? minute(one.renews_at) : "never",
    ]),
  );
}

/** @param {any[]} details */
const isAttempts = ([first]) => first && "model" in first && !("reason" in first);

/**
 * @param {{model: string, provider: string, error?: string, outcome?: string, elapsed_ms: number, message: string}[]}
 *   attempts
 */
function failedAttempts(attempts) {
  return table(
    "Models that were asked",
    ["Model", "Provider", "Error", "Latency#", "Message"],
    attempts.map((one) => [
      one.model,
      one.provider,
      one.error ?? one.outcome,
      duration(one.elapsed_ms),
      one.message,
    ]),
  );
}
