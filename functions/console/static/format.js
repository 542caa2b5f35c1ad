/** Figures as people read them. */

import { clock } from "./kit-clock.js";

const NONE = "–";

/** @param {number | null | undefined} value */
const known = (value) => value !== null && value !== undefined;

/** @param {number | null | undefined} amount */
export const usd = (amount) => (known(amount) ? `$${Number(amount).toFixed(6)}` : NONE);

/** An amount that may be large: cents are enough then. @param {number} amount */
export const dollars = (amount) => `$${amount.toFixed(amount && Math.abs(amount) < 1 ? 6 : 2)}`;

/** @param {number | null | undefined} value */
export const count = (value) => (known(value) ? Number(value).toLocaleString("en-US") : NONE);

/** @param {number} number @param {string} one @param {string} [more] */
export const times = (number, one, more = `${one}s`) =>
  `${count(number)} ${number === 1 ? one : more}`;

/** @param {number | null | undefined} value in [0, 1] */
export const score = (value) => (known(value) ? Number(value).toFixed(2) : NONE);

/** @param {number | null | undefined} value in [0, 1] */
export const percent = (value) => (known(value) ? `${Math.round(Number(value) * 100)} %` : NONE);

/**
 * Where a task comes from, and how sure that is.
 * @param {{task_source: string, task_confidence: number}} routed a profile, or the routing of an answer
 */
export const sourceOf = ({ task_source: source, task_confidence: confidence }) =>
  source === "caller" ? "set by the caller" : `${source}, ${percent(confidence)}`;

/**
 * A kept answer is no sample of how long answers take, and tells its own time elsewhere.
 * @param {{latency_ms?: number, performance?: {total_time_ms: number}}} record
 */
export const latencyOf = (record) => record.latency_ms ?? record.performance?.total_time_ms ?? 0;

/** @param {number | null | undefined} ms */
export function duration(ms) {
  if (!known(ms)) return NONE;
  const value = Number(ms);
  if (value >= 100_000) return `${Math.round(value / 1000)} s`;
  if (value >= 1000) return `${(value / 1000).toFixed(2)} s`;
  return `${value > 0 && value < 10 && !Number.isInteger(value) ? value.toFixed(1) : Math.round(value)} ms`;
}

/** The day is left out of today's. @param {string} moment ISO 8601 */
export function moment(moment) {
  const date = new Date(moment);
  const day = date.toDateString() === new Date().toDateString() ? "" : `${dayOf(date)} `;
  return day + clock(date);
}

/** A moment to come, to the minute. @param {string} moment ISO 8601 */
export function minute(moment) {
  const date = new Date(moment);
  return `${dayOf(date)} ${clock(date).slice(0, 5)}`;
}

/** @param {Date} date */
const dayOf = (date) => date.toLocaleDateString("en-GB", { day: "2-digit", month: "short" });
