/** The walk of a request through the state machine, as its audit record tells it. */

import { duration, sourceOf, usd } from "./format.js";
import { element } from "./kit-elements.js";

/** @import { Attempt, AuditRecord } from "../answers.js" */

/**
 * @typedef {"Classify" | "Score" | "Invoke Provider" | "Next Candidate?" | "Wait For Provider" |
 *   "Record Metrics" | "Record Failure"} State of the state machine
 * @typedef {{state: State, kind: "ok" | "bad" | "choice" | "end", title?: string, note?: string,
 *   ms?: number, segment?: string, attempt?: number}} Step
 */

/** @param {AuditRecord} record */
export function walkView(record) {
  const steps = stepsOf(record);
  return element(
    "section",
    { class: "walk" },
    element("h3", {}, "Steps through the state machine"),
    timeline(steps, record.latency_ms),
    element("ol", { class: "steps" }, ...steps.map(box)),
  );
}

/** @param {AuditRecord} record */
function stepsOf(record) {
  const { profile, decision } = record;
  const steps = [classified(profile)];
  if (profile) steps.push(scored(decision));
  record.attempts.forEach((attempt, at) => {
    steps.push(invoked(attempt, at));
    if (attempt.outcome === "success") return;
    const next = record.attempts[at + 1];
    if (next) steps.push(between(attempt, next));
    else if (goesOn(record)) steps.push(choice("none left, or deadline or max cost reached"));
  });
  steps.push(recorded(record));
  return steps;
}

/** @param {AuditRecord["profile"]} profile @returns {Step} */
function classified(profile) {
  const state = "Classify";
  if (!profile) return { state, kind: "bad", title: "request refused", segment: "classify" };
  return {
    state,
    kind: "ok",
    title: `task ${profile.task}`,
    note: sourceOf(profile),
    ms: profile.classify_ms,
    segment: "classify",
  };
}

/** @param {AuditRecord["decision"]} decision @returns {Step} */
function scored(decision) {
  const state = "Score";
  if (!decision) return { state, kind: "bad", title: "no model to ask", segment: "score" };
  const found = decision.candidates.length;
  const title = found === 1 ? "1 candidate" : `${found} candidates`;
  const note = `${decision.excluded.length} excluded`;
  return { state, kind: "ok", title, note, ms: decision.score_ms, segment: "score" };
}

/** @param {Attempt} attempt @param {number} at its place among all of them @returns {Step} */
function invoked(attempt, at) {
  const { retries } = attempt;
  const again = retries ? `, after ${retries} ${retries === 1 ? "retry" : "retries"}` : "";
  const billed = attempt.possibly_billed ? " at most" : "";
  return {
    state: "Invoke Provider",
    kind: attempt.outcome === "success" ? "ok" : "bad",
    title: attempt.model,
    note: `${attempt.provider} · ${attempt.outcome}${again} · ${usd(attempt.cost_usd)}${billed}`,
    ms: attempt.elapsed_ms,
    segment: attempt.outcome === "success" ? "answered" : "failed",
    attempt: at,
  };
}

/** @param {string} title @returns {Step} */
const choice = (title) => ({ state: "Next Candidate?", kind: "choice", title });

/** @param {Attempt} attempt @param {Attempt} next @returns {Step} */
function between(attempt, next) {
  // The last candidate is asked again after a wait; an unsure one without.
  const again = attempt.model === next.model && attempt.outcome === "ProviderThrottled";
  return again
    ? { state: "Wait For Provider", kind: "choice", title: "asked again" }
    : choice("yes");
}

/** Other errors stop at once: another candidate would not help. @param {AuditRecord} record */
const goesOn = (record) =>
  ["all_providers_failed", "deadline_exceeded"].includes(record.error_code);

/** @param {AuditRecord} record @returns {Step} */
function recorded(record) {
  if (record.status === "SUCCEEDED")
    return { state: "Record Metrics", kind: "end", title: "answered" };
  return { state: "Record Failure", kind: "bad", title: record.error_code };
}

/** @param {Step} step */
function box(step) {
  return element(
    "li",
    { class: `step ${step.kind}`, "data-state": step.state, "data-attempt": step.attempt },
    element("span", { class: "state" }, step.state),
    step.title ? element("strong", {}, step.title) : null,
    step.note ? element("span", { class: "note" }, step.note) : null,
    step.ms === undefined
      ? null
      : element("span", { class: "time", "data-value": step.ms }, duration(step.ms)),
  );
}

/**
 * The same steps as shares of the whole time; what they do not fill is spent between them.
 * @param {Step[]} steps
 * @param {number} totalMs
 */
function timeline(steps, totalMs) {
  const timed = steps.flatMap((step) =>
    step.ms === undefined || !step.segment ? [] : [{ ...step, ms: step.ms, kind: step.segment }],
  );
  const inSteps = timed.reduce((sum, step) => sum + step.ms, 0);
  const between = Math.max(0, totalMs - inSteps);
  const bar = element(
    "div",
    { class: "timeline", "aria-hidden": "true" },
    ...timed.map((step) =>
      segment(step.kind, step.ms, `${step.state} ${step.title}: ${duration(step.ms)}`),
    ),
    segment("between", between, `Between the steps: ${duration(between)}`),
  );
  const told = `${duration(totalMs)} in all: ${duration(inSteps)} inside the steps, ${duration(between)} between them (starting functions, moving on).`;
  return element("div", {}, bar, element("p", { class: "muted" }, told));
}

/** @param {string} kind @param {number} ms @param {string} title */
function segment(kind, ms, title) {
  const made = element("span", { class: kind, title });
  made.style.flexGrow = String(ms);
  return made;
}
