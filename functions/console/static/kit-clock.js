/** The time of day. */

/** @param {string | number | Date} moment ISO 8601, or epoch milliseconds */
export const clock = (moment) => new Date(moment).toLocaleTimeString("en-GB");
