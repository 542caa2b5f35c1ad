/** The ranges of time that can be chosen, each ending now. */

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** @type {{id: string, label: string, length: number}[]} */
export const RANGES = [
  { id: "5m", label: "5 minutes", length: 5 * MINUTE },
  { id: "15m", label: "15 minutes", length: 15 * MINUTE },
  { id: "1h", label: "1 hour", length: HOUR },
  { id: "3h", label: "3 hours", length: 3 * HOUR },
  { id: "12h", label: "12 hours", length: 12 * HOUR },
  { id: "1d", label: "1 day", length: DAY },
  { id: "1w", label: "1 week", length: 7 * DAY },
];

/** @type {Record<string, number>} */
const PARTS = { W: 7 * DAY, D: DAY, H: HOUR, M: MINUTE, S: 1000 };
const DEFAULT = RANGES[3];

/**
 * The range of that length or the next longer one.
 * @param {string} [start] a body's `start`, e.g. "-PT3H"
 */
export function rangeOf(start = "") {
  const parts = /^-P(?:\d+[A-Z])*(?:T(?:\d+[A-Z])+)?$/.test(start)
    ? start.matchAll(/(\d+)([WDHMS])/g)
    : [];
  const length = [...parts].reduce((sum, [, count, unit]) => sum + Number(count) * PARTS[unit], 0);
  return length
    ? (RANGES.find((range) => range.length >= length) ?? RANGES[RANGES.length - 1])
    : DEFAULT;
}
