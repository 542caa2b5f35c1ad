/** A routing decision: its reason, each candidate's scores, the weights, and who was excluded. */

import { candidatesChart, PARTS } from "./decision-chart.js";
import { table } from "./figures.js";
import { duration, percent, score, usd } from "./format.js";
import { element } from "./kit-elements.js";

/** @import { Candidate, Decision, Excluded } from "../answers.js" */

const SCORES =
  "A score compares a candidate with the best one; the quality score is not the expected quality of an answer.";

/**
 * @param {Decision} decision of an audit record or of a dry run
 * @param {string | undefined} chosen the model that answered, or that would be asked first
 */
export function decisionView(decision, chosen) {
  const reason = decision.reason ?? decision.candidates[0]?.reason;
  return element(
    "section",
    { class: "decision" },
    element("h3", {}, "Routing decision"),
    reason ? element("p", { class: "reason" }, reason) : null,
    fellBack(decision.candidates[0], chosen),
    element("p", { class: "muted" }, SCORES),
    decision.weights ? element("p", { class: "muted" }, weightsSentence(decision.weights)) : null,
    candidatesChart(decision.candidates, chosen),
    folded("All scores and estimates as a table", candidatesTable(decision.candidates, chosen)),
    decision.reserve?.length
      ? folded(
          `${decision.reserve.length} kept in reserve, asked when all others failed`,
          candidatesTable(decision.reserve, chosen),
        )
      : null,
    decision.excluded.length
      ? folded(`${decision.excluded.length} models excluded`, excludedTable(decision.excluded))
      : null,
  );
}

/** @param {Excluded[]} excluded */
export function excludedTable(excluded) {
  return table(
    "Excluded models",
    ["Model", "Reason"],
    excluded.map(({ model, reason }) => [model, reason]),
  );
}

/**
 * The reason is the first candidate's, which is not always the one that answered.
 * @param {Candidate | undefined} first
 * @param {string | undefined} chosen
 */
function fellBack(first, chosen) {
  if (!first || !chosen || first.model === chosen) return null;
  return element(
    "p",
    { class: "muted" },
    `The first choice was ${first.model}; the last one asked was ${chosen}.`,
  );
}

/** @param {Record<string, number>} weights */
function weightsSentence(weights) {
  const parts = Object.entries(weights).map(([name, share]) => `${name} ${percent(share)}`);
  return `Weights of the scores: ${parts.join(", ")}.`;
}

/** @param {string} summary @param {Node} content */
function folded(summary, content) {
  return element("details", {}, element("summary", {}, summary), content);
}

/** @param {Candidate[]} candidates @param {string | undefined} chosen */
function candidatesTable(candidates, chosen) {
  const scores = PARTS.map((part) => `${part[0].toUpperCase()}${part.slice(1)} score#`);
  const estimates = ["Expected quality#", "Estimated cost#", "Estimated latency#"];
  return table(
    "Candidates in the order in which they are asked",
    ["Model", "Provider", ...scores, ...estimates],
    candidates.map((one) => [
      one.model === chosen ? element("strong", {}, `${one.model} (chosen)`) : one.model,
      one.provider,
      ...PARTS.map((part) => score(one[`${part}_score`])),
      score(one.quality),
      usd(one.estimated_cost_usd),
      duration(one.estimated_latency_ms),
    ]),
  );
}
