/** Money that was paid, money that may have been, and money that nobody paid. */

import { usd } from "./format.js";

/** @import { Attempt, AuditRecord } from "../answers.js" */

export const SIMULATED = "The simulator answered: this is what the provider would have cost.";

/** @param {string | null | undefined} baseline the model that savings are against */
export const savingsName = (baseline) => `Savings, estimated${baseline ? ` vs ${baseline}` : ""}`;

/** @param {string | null | undefined} baseline */
export const savingsNote = (baseline) =>
  baseline
    ? `Estimated: what ${baseline} costs for as many tokens, less what all attempts cost.`
    : "Nothing was chosen, or nobody is paid: nothing is saved.";

/** @param {Attempt} attempt */
export function costOf(attempt) {
  // Rows of an earlier version have what may have been billed as their cost.
  if (attempt.possibly_billed) return { known: 0, possibly: attempt.cost_usd ?? 0 };
  return { known: attempt.cost_usd ?? 0, possibly: attempt.possibly_billed_usd ?? 0 };
}

/** @param {number} possibly */
export const possiblyBilled = (possibly) =>
  possibly ? `about ${usd(possibly)} possibly billed` : "";

/**
 * What may have been billed for a request, and whether its cost has that in it.
 * @param {AuditRecord} record
 * @returns {string}
 */
export function possiblyBilledOf(record) {
  if (record.possibly_billed_usd) return `about ${usd(record.possibly_billed_usd)}`;
  const inCost = (record.attempts ?? [])
    .filter((one) => one.possibly_billed)
    .reduce((sum, one) => sum + costOf(one).possibly, 0);
  return inCost ? `${usd(inCost)} at most, in the cost` : "";
}
