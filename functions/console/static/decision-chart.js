/** The scores of each candidate as bars with their figures. */

import { percent, score } from "./format.js";
import { element, fill, table } from "./kit-elements.js";

/** @import { Candidate } from "../answers.js" */

export const PARTS = /** @type {const} */ (["final", "cost", "latency", "quality", "availability"]);
const SHOWN_FIRST = 8;

/** @param {Candidate[]} candidates @param {string | undefined} chosen */
export function candidatesChart(candidates, chosen) {
  const place = element("div", { class: "chart scores", "data-chosen": chosen });
  const more = element("button", { type: "button", class: "quiet" });
  let all = false;
  const show = () => {
    more.textContent = all ? "Show the best only" : `Show all ${candidates.length} candidates`;
    more.hidden = candidates.length <= SHOWN_FIRST;
    fill(place, bars(all ? candidates : firstOf(candidates, chosen), chosen));
  };
  more.addEventListener("click", () => {
    all = !all;
    show();
  });
  show();
  return element("div", {}, place, more);
}

/** @param {Candidate[]} candidates @param {string | undefined} chosen */
function firstOf(candidates, chosen) {
  const first = candidates.slice(0, SHOWN_FIRST);
  const answered = candidates.find((one) => one.model === chosen);
  return !answered || first.includes(answered) ? first : [...first, answered];
}

/** @param {Candidate[]} candidates @param {string | undefined} chosen */
function bars(candidates, chosen) {
  const parts = candidates[0] && "cost_score" in candidates[0] ? PARTS : PARTS.slice(0, 1);
  const rows = candidates.map((one) => [
    one.model === chosen ? chosenName(one.model) : one.model,
    ...parts.map((part) => bar(part, one[`${part}_score`])),
  ]);
  const heads = parts.map((part) => `${part} score`);
  const made = table("Scores from 0 to 1, drawn", ["Model", ...heads], rows, "th");
  made.caption?.classList.add("unseen");
  return made;
}

/** @param {string} model */
const chosenName = (model) =>
  element("strong", {}, model, element("span", { class: "unseen" }, " (chosen)"));

/** @param {(typeof PARTS)[number]} part @param {number | null | undefined} value in [0, 1] */
function bar(part, value) {
  const drawn = element("span", { class: `bar ${part}` });
  drawn.style.setProperty("--share", percent(value ?? 0).replace(" ", ""));
  return element(
    "span",
    { class: "scored", title: `${part} score ${score(value)}` },
    drawn,
    score(value),
  );
}
