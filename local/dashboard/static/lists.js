/** Rows of a log query, and the states of alarms. */

import { element, table } from "./elements.js";
import { clock } from "./format.js";

const STATES = {
  OK: ["ok", "OK"],
  ALARM: ["bad", "In alarm"],
  INSUFFICIENT_DATA: ["quiet", "No data yet"],
};

const HOLDS_IDS = /id$/i;

/** @param {HTMLElement} place @param {string} title @param {{columns: string[], rows: string[][]}} data */
export function showRows(place, title, data) {
  if (!data.rows.length) {
    place.replaceChildren(element("p", { className: "empty" }, "No data"));
    return;
  }
  const isId = data.columns.map((name) => HOLDS_IDS.test(name));
  const rows = data.rows.map((row) =>
    row.map((cell, at) => (isId[at] ? element("code", {}, cell) : cell)),
  );
  place.replaceChildren(scrolling(title, table(data.columns, rows)));
}

/** @param {string} title @param {...Node} content */
export function scrolling(title, ...content) {
  return element(
    "div",
    { className: "scrolling", tabIndex: 0, role: "region", "aria-label": title },
    ...content,
  );
}

/** @param {HTMLElement} place @param {string} title @param {{alarms: any[]}} data */
export function showAlarms(place, title, data) {
  if (!data.alarms.length) {
    place.replaceChildren(element("p", { className: "empty" }, "No alarms"));
    return;
  }
  const shared = sharedStart(data.alarms.map((alarm) => alarm.name));
  const items = data.alarms.map((alarm) => {
    const [look, state] = STATES[alarm.state] ?? ["quiet", alarm.state];
    const since = alarm.since ? `Since ${clock(alarm.since)}. ` : "";
    return element(
      "li",
      {
        className: `alarm ${look}`,
        "data-alarm": alarm.name,
        "data-state": alarm.state,
        title: since + alarm.reason,
      },
      element("span", { className: "state" }, state),
      element("span", { className: "alarm-name" }, alarm.name.slice(shared)),
      element("span", { className: "meaning" }, alarm.description),
    );
  });
  place.replaceChildren(scrolling(title, element("ul", { className: "alarms" }, ...items)));
}

/** How much of the names is the same in all of them, up to the end of a word. */
function sharedStart(names) {
  if (names.length < 2) return 0;
  const [first, ...others] = names;
  let length = 0;
  while (length < first.length && others.every((name) => name[length] === first[length]))
    length += 1;
  return Math.max(first.lastIndexOf("-", length - 1), first.lastIndexOf("/", length - 1)) + 1;
}
