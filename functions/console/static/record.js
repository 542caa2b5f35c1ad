/** The audit record of a request, in a dialog. */

import { ask } from "./api.js";
import { decisionView, excludedTable } from "./decision.js";
import { errorView, recordedErrorView } from "./errors.js";
import { figures, table } from "./figures.js";
import { count, duration, moment, score, sourceOf, times, usd } from "./format.js";
import { byId, element, fill } from "./kit-elements.js";
import { ApiError } from "./kit-fetch.js";
import { latencyFigures } from "./latency.js";
import {
  costOf,
  possiblyBilled,
  possiblyBilledOf,
  SIMULATED,
  savingsName,
  savingsNote,
} from "./money.js";
import { isOwn } from "./reader.js";
import { statusBadge } from "./status.js";
import { walkView } from "./walk.js";

/** @import { Attempt, AuditRecord, Feedback } from "../answers.js" */

/** @param {string} requestId */
export async function openRecord(requestId) {
  const dialog = byId("record", HTMLDialogElement);
  fill(byId("record-id", HTMLElement), requestId);
  fill(
    byId("record-content", HTMLElement),
    element("p", { class: "muted" }, "Reading the record …"),
  );
  dialog.showModal();
  let content;
  try {
    content = recordView(await ask("GET", `/requests/${requestId}`));
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    content = [errorView(error)];
  }
  // Meanwhile another one may have been opened.
  if (byId("record-id", HTMLElement).textContent === requestId)
    fill(byId("record-content", HTMLElement), ...content);
}

export function connectDialog() {
  const dialog = byId("record", HTMLDialogElement);
  byId("close-record", HTMLButtonElement).addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
  });
}

/** @param {AuditRecord} record */
function recordView(record) {
  return [
    summary(record),
    record.error && recordedErrorView(record.error),
    record.prompt ? element("pre", { class: "text" }, record.prompt) : null,
    attempts(record.attempts ?? []),
    walkView(record),
    decision(record),
    record.status === "SUCCEEDED" ? feedback(record) : null,
  ];
}

/** @param {AuditRecord} record */
function summary(record) {
  const { profile, usage, savings_usd: saved } = record;
  const baseline = usage?.baseline_model;
  return figures([
    ["Status", statusBadge(record)],
    ["Caller", record.caller, record.caller_id, "caller"],
    ["Started", moment(record.created_at), record.created_at, "created_at"],
    ...latencyFigures(record),
    ...money(record),
    [
      savingsName(baseline),
      saved === undefined ? null : usd(saved),
      saved,
      "savings_usd",
      savingsNote(baseline),
    ],
    ["Mode", record.mode],
    ["Task", profile && `${profile.task} (${sourceOf(profile)})`],
    ["Preference", record.model_preference],
    ["Prices", record.price_version],
    ["Policy", record.policy_version],
    ["Trace", record.trace_id],
  ]);
}

/** @param {AuditRecord} record @returns {[string, string, number?, string?, string?][]} */
function money(record) {
  const { cost_usd: cost, simulated_cost_usd: simulated, mock } = record;
  // Rows of an earlier version have as their cost what the simulator only pretends.
  const pretended = mock && simulated === undefined;
  return [
    pretended
      ? ["Cost, simulated", usd(cost), cost, "cost_usd", SIMULATED]
      : ["Cost", usd(cost), cost, "cost_usd"],
    ["Simulated cost", simulated ? usd(simulated) : "", simulated, "simulated_cost_usd", SIMULATED],
    ["Possibly billed", possiblyBilledOf(record), record.possibly_billed_usd, "possibly_billed"],
  ];
}

/** @param {Attempt[]} list */
function attempts(list) {
  if (!list.length) return element("p", { class: "muted" }, "No model was asked.");
  return table(
    "Attempts",
    ["Model", "Provider", "Outcome", "Try", "Latency#", "Tokens in / out#", "Cost#", "Message"],
    list.map((one) => [
      one.model,
      one.provider,
      element("span", { class: `badge ${one.outcome === "success" ? "ok" : "bad"}` }, one.outcome),
      tryText(one),
      element("span", { "data-value": one.elapsed_ms }, duration(one.elapsed_ms)),
      one.usage ? `${count(one.usage.input_tokens)} / ${count(one.usage.output_tokens)}` : null,
      cost(one),
      one.message,
    ]),
  );
}

/** @param {Attempt} attempt */
function tryText({ try: number = 1, waited_ms: waited, retries }) {
  const told = [
    waited && `waited ${duration(waited)}`,
    retries && times(retries, "retry", "retries"),
  ];
  return [count(number), ...told].filter(Boolean).join(", ");
}

/** @param {Attempt} attempt */
function cost(attempt) {
  const { known, possibly } = costOf(attempt);
  return element(
    "span",
    { "data-value": attempt.cost_usd ?? 0 },
    usd(known),
    possibly ? element("span", { class: "aside" }, possiblyBilled(possibly)) : null,
  );
}

/** Where nobody could be asked, the failure tells of each model why. @param {AuditRecord} record */
function decision({ decision: decided, error, model }) {
  if (!decided) return null;
  if (decided.candidates.length) return decisionView(decided, model);
  return error?.details?.length ? null : excludedTable(decided.excluded);
}

/** @param {AuditRecord} record */
function feedback(record) {
  const said = element("p", { role: "status" }, given(record.feedback));
  const thumb = (/** @type {string} */ thumbs, sign = "", label = "") => {
    const button = element(
      "button",
      { type: "button" },
      element("span", { "aria-hidden": "true" }, sign),
      ` ${label}`,
    );
    button.addEventListener("click", () => grade(record.request_id, thumbs, said));
    return button;
  };
  return element(
    "section",
    { class: "feedback" },
    element("h3", {}, "Was the answer good?"),
    // Only who asked may say so.
    isOwn(record.caller_id) &&
      element(
        "div",
        { class: "buttons" },
        thumb("up", "👍", "Good"),
        thumb("down", "👎", "Not good"),
      ),
    said,
  );
}

/**
 * @param {string} requestId
 * @param {string} thumbs
 * @param {HTMLElement} said where the grade is told
 */
async function grade(requestId, thumbs, said) {
  try {
    const told = await ask("POST", `/requests/${requestId}/feedback`, { thumbs });
    said.textContent = given(told.feedback);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    said.textContent = error.message;
  }
}

/** @param {Feedback | undefined} feedback */
const given = (feedback) =>
  feedback ? `Graded ${score(feedback.score)} of 1.` : "Not graded yet.";
