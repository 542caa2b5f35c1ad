/** The panel beside the form: what became of the request that was sent last. */

import { answerView } from "./answer.js";
import { ask } from "./api.js";
import { decisionView } from "./decision.js";
import { errorView } from "./errors.js";
import { figures } from "./figures.js";
import { clearProblems, showProblems } from "./form.js";
import { duration, sourceOf, usd } from "./format.js";
import { byId, element, fill } from "./kit-elements.js";
import { ApiError } from "./kit-fetch.js";
import { openRecord } from "./record.js";
import { walkView } from "./walk.js";

/** @import { Answer, AuditRecord, DryRun } from "../answers.js" */

/** Refusals of the door have no record; asking for one would only fail. */
const RECORDED = [
  ...["not_found", "no_eligible_model", "content_filtered", "budget_exceeded"],
  ...["all_providers_failed", "deadline_exceeded"],
];

/** @param {string} text told to everybody, also to a screen reader */
export function say(text) {
  byId("said", HTMLElement).textContent = text;
}

/** @param {...Node} nodes */
export const show = (...nodes) => fill(byId("outcome", HTMLElement), ...nodes);

/** @param {Answer} answer */
export async function showAnswer(answer) {
  const model = answer.routing.selected_model;
  say(`Answered in ${duration(answer.performance.total_time_ms)}.`);
  const shown = answerView(answer);
  show(shown);
  const record = await recordOf(answer.request_id);
  // Meanwhile another request may have been sent.
  if (!shown.isConnected) return;
  const decision = record?.decision ?? answer.routing;
  byId("outcome", HTMLElement).append(decisionView(decision, model), ...walkOf(record));
}

/** @param {DryRun} decided */
export function showDryRun({ routing, performance }) {
  const first = routing.candidates[0];
  say("Decided. No model was called, and nothing is charged.");
  show(
    element(
      "p",
      { class: "by" },
      element("strong", { "data-figure": "model" }, routing.selected_model),
      element("span", { class: "muted" }, `by ${routing.provider}`),
      element("span", { class: "badge" }, "dry run"),
    ),
    figures([
      ["Estimated cost", usd(first.estimated_cost_usd), first.estimated_cost_usd, "cost_usd"],
      [
        "Worst-case cost",
        usd(first.worst_case_cost_usd),
        first.worst_case_cost_usd,
        "worst_case_cost_usd",
      ],
      [
        "Estimated latency",
        duration(first.estimated_latency_ms),
        first.estimated_latency_ms,
        "total_ms",
      ],
      ["p95 latency", duration(first.p95_latency_ms), first.p95_latency_ms, "p95_ms"],
      ["Task", `${routing.task} (${sourceOf(routing)})`, routing.task, "task"],
      ["Routing", duration(performance.routing_time_ms), performance.routing_time_ms, "routing_ms"],
    ]),
    decisionView(routing, routing.selected_model),
  );
}

/** @param {ApiError} error @param {HTMLFormElement} form @param {boolean} ran whether it was run */
export async function showError(error, form, ran) {
  const ofFields = error.details.length > 0 && "field" in error.details[0];
  clearProblems(form);
  const details = ofFields ? showProblems(form, error.details) : error.details;
  say("");
  const shown = errorView(error, details);
  show(shown);
  if (!ran || !RECORDED.includes(error.code)) return;
  const walk = walkOf(await recordOf(error.requestId));
  if (shown.isConnected) byId("outcome", HTMLElement).append(...walk);
}

/**
 * The audit record, which follows its answer; none where it is still on its way, or cannot be had.
 * @param {string} requestId
 * @returns {Promise<AuditRecord | null>}
 */
async function recordOf(requestId, looks = 3) {
  try {
    return await ask("GET", `/requests/${requestId}`);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (error.code !== "not_found" || looks === 1) return null;
    return recordOf(requestId, looks - 1);
  }
}

/** @param {AuditRecord | null} record */
function walkOf(record) {
  if (!record) return [];
  const open = element("button", { type: "button", class: "quiet" }, "Open the audit record");
  open.addEventListener("click", () => openRecord(record.request_id));
  return [walkView(record), open];
}
