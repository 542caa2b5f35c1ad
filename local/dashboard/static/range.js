/** The ranges of time that can be chosen, each ending now. */

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

export const RANGES = [
  ["5m", "5 minutes", 5 * MINUTE],
  ["15m", "15 minutes", 15 * MINUTE],
  ["1h", "1 hour", HOUR],
  ["3h", "3 hours", 3 * HOUR],
  ["12h", "12 hours", 12 * HOUR],
  ["1d", "1 day", DAY],
  ["1w", "1 week", 7 * DAY],
].map(([id, label, length]) => ({ id, label, length }));

const PARTS = { W: 7 * DAY, D: DAY, H: HOUR, M: MINUTE, S: 1000 };
const DEFAULT = RANGES[3];

/** @param {string=} start a body's `start`, e.g. "-PT3H" @returns the range of that length or the next longer one */
export function rangeOf(start) {
  const parts = /^-P(?:\d+[A-Z])*(?:T(?:\d+[A-Z])+)?$/.test(start ?? "")
    ? start.matchAll(/(\d+)([WDHMS])/g)
    : [];
  const length = [...parts].reduce((sum, [, count, unit]) => sum + Number(count) * PARTS[unit], 0);
  return length ? (RANGES.find((range) => range.length >= length) ?? RANGES.at(-1)) : DEFAULT;
}
