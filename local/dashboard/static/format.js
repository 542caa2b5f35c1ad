/** Numbers and units as they are read. */

/** @type {Record<string, string>} */
const UNITS = {
  Milliseconds: "ms",
  Microseconds: "µs",
  Seconds: "s",
  Percent: "%",
  Bytes: "B",
  Kilobytes: "kB",
  Megabytes: "MB",
  "Count/Second": "per second",
  "Bytes/Second": "B/s",
};
const compact = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 2 });
const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const one = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });
const two = new Intl.NumberFormat("en", { maximumFractionDigits: 2 });
const small = new Intl.NumberFormat("en", { maximumSignificantDigits: 3 });
const exact = new Intl.NumberFormat("en", { maximumFractionDigits: 9 });

/** About four digits of it. @param {number} value */
export function short(value) {
  const size = Math.abs(value);
  if (size >= 1e6) return compact.format(value);
  if (size >= 1000) return whole.format(value);
  if (size >= 100) return one.format(value);
  return (size >= 1 ? two : small).format(value);
}

/** All of it, to the nano-dollar. @param {number} value */
export function full(value) {
  return exact.format(value);
}

/**
 * @param {string | null} stored the metric's unit
 * @param {string=} title a widget's, whose end may say the unit: "Cost (USD)"
 */
export function unitOf(stored, title = "") {
  const said = /\(([^()]+)\)\s*$/.exec(title)?.[1];
  return said ?? UNITS[stored ?? ""] ?? "";
}
