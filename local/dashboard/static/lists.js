/** Rows of a log query, and the states of alarms. */

import { clock } from "./kit-clock.js";
import { element, fill, scrolling, table } from "./kit-elements.js";

/** @import { Alarm } from "./api.js" */

/** @type {Record<string, [string, string]>} */
const STATES = {
  OK: ["ok", "OK"],
  ALARM: ["bad", "In alarm"],
  INSUFFICIENT_DATA: ["quiet", "No data yet"],
};

const HOLDS_IDS = /id$/i;

/**
 * @param {HTMLElement} place
 * @param {string} title
 * @param {{columns: string[], rows: string[][]}} data
 */
export function showRows(place, title, data) {
  if (!data.rows.length) {
    fill(place, element("p", { class: "empty" }, "No data"));
    return;
  }
  const isId = data.columns.map((name) => HOLDS_IDS.test(name));
  const rows = data.rows.map((row) =>
    row.map((cell, at) => (isId[at] ? element("code", {}, cell) : cell)),
  );
  fill(place, scrolling(title, table(null, data.columns, rows)));
}

/** @param {HTMLElement} place @param {string} title @param {{alarms: Alarm[]}} data */
export function showAlarms(place, title, data) {
  if (!data.alarms.length) {
    fill(place, element("p", { class: "empty" }, "No alarms"));
    return;
  }
  const shared = sharedStart(data.alarms.map((alarm) => alarm.name));
  const items = data.alarms.map((alarm) => {
    const [look, state] = STATES[alarm.state] ?? ["quiet", alarm.state];
    const since = alarm.since ? `Since ${clock(alarm.since)}. ` : "";
    return element(
      "li",
      {
        class: `alarm ${look}`,
        "data-alarm": alarm.name,
        "data-state": alarm.state,
        title: since + alarm.reason,
      },
      element("span", { class: "state" }, state),
      element("span", { class: "alarm-name" }, alarm.name.slice(shared)),
      element("span", { class: "meaning" }, alarm.description),
    );
  });
  fill(place, scrolling(title, element("ul", { class: "alarms" }, ...items)));
}

/**
 * How much of the names is the same in all of them, up to the end of a word.
 * @param {string[]} names
 */
function sharedStart(names) {
  if (names.length < 2) return 0;
  const [first, ...others] = names;
  let length = 0;
  while (length < first.length && others.every((name) => name[length] === first[length]))
    length += 1;
  return Math.max(first.lastIndexOf("-", length - 1), first.lastIndexOf("/", length - 1)) + 1;
}
