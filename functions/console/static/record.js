/** The audit record of a request, in a dialog. */

import { ask } from "./api.js";
import { decisionView } from "./decision.js";
import { errorView } from "./errors.js";
import { figures, table } from "./figures.js";
import { count, duration, moment, score, sourceOf, usd } from "./format.js";
import { byId, element, fill } from "./kit-elements.js";
import { ApiError } from "./kit-fetch.js";
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
    record.error
      ? element("p", { class: "failure" }, `${record.error.code}: ${record.error.message}`)
      : null,
    record.prompt ? element("pre", { class: "text" }, record.prompt) : null,
    attempts(record.attempts),
    walkView(record),
    record.decision ? decisionView(record.decision, record.model) : null,
    record.status === "SUCCEEDED" ? feedback(record) : null,
  ];
}

/** @param {AuditRecord} record */
function summary(record) {
  const { profile } = record;
  return figures([
    [
      "Status",
      element(
        "span",
        { class: `badge ${record.status === "SUCCEEDED" ? "ok" : "bad"}` },
        record.status,
      ),
    ],
    ["Started", moment(record.created_at), record.created_at, "created_at"],
    ["Latency", duration(record.latency_ms), record.latency_ms, "latency_ms"],
    ["Cost", usd(record.cost_usd), record.cost_usd, "cost_usd"],
    [
      "Savings",
      record.savings_usd === undefined ? null : usd(record.savings_usd),
      record.savings_usd,
      "savings_usd",
    ],
    ["Mode", record.mode],
    ["Task", profile && `${profile.task} (${sourceOf(profile)})`],
    ["Preference", record.model_preference],
    ["Prices", record.price_version],
    ["Policy", record.policy_version],
    ["Trace", record.trace_id],
  ]);
}

/** @param {Attempt[]} list */
function attempts(list) {
  if (!list.length) return element("p", { class: "muted" }, "No model was asked.");
  return table(
    "Attempts",
    [
      "Model",
      "Provider",
      "Outcome",
      "Input tokens#",
      "Output tokens#",
      "Cost#",
      "Latency#",
      "Retries#",
      "Message",
    ],
    list.map((one) => [
      one.model,
      one.provider,
      element("span", { class: `badge ${one.outcome === "success" ? "ok" : "bad"}` }, one.outcome),
      one.usage ? count(one.usage.input_tokens) : null,
      one.usage ? count(one.usage.output_tokens) : null,
      element(
        "span",
        { "data-value": one.cost_usd },
        usd(one.cost_usd) + (one.possibly_billed ? " at most" : ""),
      ),
      element("span", { "data-value": one.elapsed_ms }, duration(one.elapsed_ms)),
      String(one.retries),
      one.message,
    ]),
  );
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
