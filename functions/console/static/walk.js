/** The walk of a request through the state machine, as its audit record tells it. */

import { duration, latencyOf, sourceOf, times, usd } from "./format.js";
import { element } from "./kit-elements.js";
import { costOf, possiblyBilled } from "./money.js";
import { timeline } from "./timeline.js";

/** @import { Attempt, AuditRecord } from "../answers.js" */

/**
 * @typedef {"Classify" | "Claim" | "Score" | "Invoke Provider" | "Next Candidate?" | "Wait For Provider" |
 *   "Record Metrics" | "Record Failure"} State of the state machine
 * @typedef {{state?: State, kind: "ok" | "bad" | "choice" | "wait" | "end", title?: string,
 *   note?: string, ms?: number, segment?: string, attempt?: number}} Step
 */

/** @param {AuditRecord} record */
export function walkView(record) {
  const steps = stepsOf(record);
  return element(
    "section",
    { class: "walk" },
    element("h3", {}, "Steps through the state machine"),
    timeline(steps, latencyOf(record), hasUntoldWaits(record)),
    element("ol", { class: "steps" }, ...steps.map(box)),
  );
}

/** @param {AuditRecord} record */
function stepsOf(record) {
  const { profile, decision, attempts = [] } = record;
  const steps = profile || !isStopped(record) ? [classified(profile)] : [];
  if (record.cache) steps.push(claimed(record));
  if (profile && !record.cached_from && (decision || !isStopped(record)))
    steps.push(scored(decision));
  attempts.forEach((attempt, at) => {
    if (attempt.waited_ms) steps.push(waited(attempt));
    steps.push(invoked(attempt, at));
    if (attempt.outcome === "success") return;
    const next = attempts[at + 1];
    if (next) steps.push(...between(attempt, next));
    else if (goesOn(record)) steps.push(choice("none left, or deadline or max cost reached"));
  });
  steps.push(ended(record));
  return steps;
}

/** From outside, in whichever state it was. @param {AuditRecord} record */
const isStopped = ({ status }) => status === "ABORTED" || status === "TIMED_OUT";

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

/** @param {AuditRecord} record @returns {Step} */
function claimed({ cached_from: first }) {
  const state = "Claim";
  if (!first) return { state, kind: "ok", title: "no kept answer" };
  return { state, kind: "ok", title: "kept answer", note: `of ${first.request_id}` };
}

/** @param {AuditRecord["decision"]} decision @returns {Step} */
function scored(decision) {
  const state = "Score";
  const found = decision?.candidates.length ?? 0;
  const note = decision && `${decision.excluded.length} excluded`;
  const timed = { note, ms: decision?.score_ms, segment: "score" };
  if (!found) return { state, kind: "bad", title: "no model to ask", ...timed };
  return { state, kind: "ok", title: times(found, "candidate"), ...timed };
}

/** @param {Attempt} attempt @param {number} at its place among all of them @returns {Step} */
function invoked(attempt, at) {
  const { known, possibly } = costOf(attempt);
  const again = attempt.retries && `after ${times(attempt.retries, "retry", "retries")}`;
  const told = [attempt.provider, attempt.outcome, again, usd(known), possiblyBilled(possibly)];
  return {
    state: "Invoke Provider",
    kind: attempt.outcome === "success" ? "ok" : "bad",
    title: attempt.model,
    note: told.filter(Boolean).join(" · "),
    ms: attempt.elapsed_ms,
    segment: attempt.outcome === "success" ? "answered" : "failed",
    attempt: at,
  };
}

/** Before an attempt: what a provider asked for, or until Lambda had room. @param {Attempt} attempt @returns {Step} */
function waited({ waited_ms: ms = 0, try: number = 1, retries = 0 }) {
  const title = `waited ${duration(ms)} before try ${number}`;
  /** @type {Step} */
  const step = { state: "Wait For Provider", kind: "wait", title, ms, segment: "waited" };
  return retries ? { ...step, state: "Invoke Provider", note: "Lambda had no room" } : step;
}

/** @param {string} title @returns {Step} */
const choice = (title) => ({ state: "Next Candidate?", kind: "choice", title });

/** Between a failed attempt and the next one. @param {Attempt} attempt @param {Attempt} next @returns {Step[]} */
function between(attempt, next) {
  if ((next.try ?? 1) > 1) return [choice("asked again")];
  return isUntoldWait(attempt, next)
    ? [{ state: "Wait For Provider", kind: "choice", title: "asked again" }]
    : [choice("yes")];
}

/** Rows of an earlier version do not tell how long. @param {Attempt} attempt @param {Attempt | undefined} next */
const isUntoldWait = (attempt, next) =>
  attempt.model === next?.model && attempt.outcome === "ProviderThrottled" && !next.waited_ms;

/** @param {AuditRecord} record */
const hasUntoldWaits = ({ attempts = [] }) =>
  attempts.some(
    (one, at) => (one.retries && !one.waited_ms) || isUntoldWait(one, attempts[at + 1]),
  );

/** Other errors stop at once: another candidate would not help. @param {AuditRecord} record */
const goesOn = (record) =>
  !isStopped(record) &&
  ["all_providers_failed", "deadline_exceeded"].includes(record.error_code ?? "");

/** @param {AuditRecord} record @returns {Step} */
function ended(record) {
  if (record.status === "SUCCEEDED")
    return { state: "Record Metrics", kind: "end", title: "answered" };
  if (isStopped(record))
    return { kind: "bad", title: record.status === "ABORTED" ? "stopped" : "timed out" };
  return { state: "Record Failure", kind: "bad", title: record.error_code ?? "failed" };
}

/** @param {Step} step */
function box(step) {
  return element(
    "li",
    { class: `step ${step.kind}`, "data-state": step.state, "data-attempt": step.attempt },
    step.state && element("span", { class: "state" }, step.state),
    step.title && element("strong", {}, step.title),
    step.note && element("span", { class: "note" }, step.note),
    step.ms !== undefined &&
      step.kind !== "wait" &&
      element("span", { class: "time", "data-value": step.ms }, duration(step.ms)),
  );
}
