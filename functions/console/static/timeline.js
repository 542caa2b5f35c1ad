/** The steps of a walk as shares of the whole time, waits as waits; what they do not fill is spent between them. */

import { duration } from "./format.js";
import { element } from "./kit-elements.js";

/** @import { Step } from "./walk.js" */

/**
 * @param {Step[]} steps
 * @param {number} totalMs
 * @param {boolean} untoldWaits whether some of the time between the steps was waited, too
 */
export function timeline(steps, totalMs, untoldWaits) {
  const timed = steps.flatMap((step) =>
    step.ms === undefined || !step.segment
      ? []
      : [{ kind: step.segment, ms: step.ms, title: titleOf(step) }],
  );
  const waitedMs = sum(timed.filter((step) => step.kind === "waited"));
  const inSteps = sum(timed) - waitedMs;
  const between = Math.max(0, totalMs - inSteps - waitedMs);
  const bar = element(
    "div",
    { class: "timeline", "aria-hidden": "true" },
    ...timed.map(({ kind, ms, title }) => segment(kind, ms, title)),
    segment("between", between, `Between the steps: ${duration(between)}`),
  );
  const parts = [
    `${duration(inSteps)} inside the steps`,
    waitedMs && `${duration(waitedMs)} waited before tries`,
    `${duration(between)} between them (${untoldWaits ? "waiting for retries, " : ""}starting functions, moving on)`,
  ];
  const told = `${duration(totalMs)} in all: ${parts.filter(Boolean).join(", ")}.`;
  return element("div", {}, bar, element("p", { class: "muted" }, told));
}

/** @param {{ms: number}[]} steps */
const sum = (steps) => steps.reduce((all, step) => all + step.ms, 0);

/** @param {Step} step */
const titleOf = ({ state, segment, title, ms }) =>
  segment === "waited" ? title : `${state} ${title}: ${duration(ms)}`;

/** @param {string} kind @param {number} ms @param {string | undefined} title */
function segment(kind, ms, title) {
  const made = element("span", { class: kind, title });
  made.style.flexGrow = String(ms);
  return made;
}
