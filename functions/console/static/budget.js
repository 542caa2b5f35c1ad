/** Who asks, and what is left for it to spend. */

import { ask } from "./api.js";
import { figures } from "./figures.js";
import { count, dollars, minute, percent } from "./format.js";
import { byId, element, fill } from "./kit-elements.js";
import { ApiError } from "./kit-fetch.js";

/** @import { Budget, Caller, Limit } from "../answers.js" */

/** @type {Record<string, string>} */
const TITLES = { day: "Today", month: "This month", total: "In all" };
const HELD = {
  strict: "Before a call the most that it can cost is held.",
  expected: "Before a call what its task usually takes is held.",
};
/** @type {Record<string, string>} */
const HINTS = { used: "Settled: what calls that have ended cost.", held: "For calls under way." };

export async function refreshBudget() {
  try {
    show(await ask("GET", "/caller"));
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    byId("budget-note", HTMLElement).textContent = error.message;
  }
}

/** @param {Caller} caller */
function show({ caller_id: id, name, plan, budget }) {
  const shown = byId("caller", HTMLElement);
  fill(shown, element("strong", {}, name), element("span", { class: "badge" }, plan));
  shown.title = id;
  byId("budget", HTMLElement).hidden = !budget;
  if (!budget) return;
  byId("budget-note", HTMLElement).textContent = HELD[budget.mode];
  const tokens = budget.tokens_per_minute;
  fill(
    byId("limits", HTMLElement),
    ...budget.limits.map((limit) => limitView(limit, budget)),
    tokens && tokensView(tokens),
  );
}

/** @param {Limit} limit @param {Budget} budget */
function limitView(limit, { tier_down_at: tier }) {
  const { period: name, limit_usd: most, spent_usd: spent, held_usd: held, left_usd: left } = limit;
  return element(
    "section",
    { class: `limit ${stateOf(limit, tier)}`, "data-limit": name },
    element("h3", {}, TITLES[name], element("span", { class: "share" }, percent(limit.used))),
    bar({ spent, held }, most, tier),
    figures([
      ["Limit", dollars(most), most, "limit_usd"],
      ["Spent", dollars(spent), spent, "spent_usd", HINTS.used],
      ["Held", dollars(held), held, "held_usd", HINTS.held],
      ["Left", dollars(left), left, "left_usd"],
      ["Renews", limit.renews_at ? minute(limit.renews_at) : "never", limit.renews_at, "renews_at"],
    ]),
    element("p", { class: "state" }, wordsOf(limit, tier)),
  );
}

/** @param {Limit} limit @param {number} tier the share from which on cheaper models are preferred */
const stateOf = ({ left_usd: left, used }, tier) =>
  left <= 0 ? "used-up" : used >= tier ? "near" : "";

/** @param {Limit} limit @param {number} tier */
function wordsOf(limit, tier) {
  const state = stateOf(limit, tier);
  if (state === "near") return `Over ${percent(tier)}: cheaper models are preferred.`;
  if (!state) return "";
  if (limit.spent_usd < limit.limit_usd) return "Calls under way hold all that is left.";
  const until = limit.renews_at ? `until ${minute(limit.renews_at)}` : "until it is raised";
  return `Used up: ${until} only models that cost nothing answer.`;
}

/** @param {{limit: number, left: number}} tokens */
function tokensView({ limit, left }) {
  const used = limit - left;
  return element(
    "section",
    { class: `limit ${left ? "" : "used-up"}`, "data-limit": "minute" },
    element(
      "h3",
      {},
      "Tokens, this minute",
      element("span", { class: "share" }, percent(used / limit)),
    ),
    bar({ spent: used, held: 0 }, limit, null),
    figures([
      ["Limit", count(limit), limit, "limit"],
      ["Used", count(used), used, "used"],
      ["Left", count(left), left, "left"],
    ]),
    element("p", { class: "state" }, left ? "" : "Used up: the next minute brings new ones."),
  );
}

/**
 * As long as the limit, or as what was spent beyond it, with marks where something changes.
 * @param {{spent: number, held: number}} amounts
 * @param {number} limit
 * @param {number | null} tier
 */
function bar({ spent, held }, limit, tier) {
  const whole = Math.max(limit, spent + held) || 1;
  const of = limit || 1;
  return element(
    "div",
    {
      class: "budget-bar",
      role: "img",
      "aria-label": `Spent ${percent(spent / of)}, held ${percent(held / of)} of the limit`,
    },
    placed("spent", spent / whole),
    placed("held", held / whole),
    tier !== null && placed("mark", (tier * limit) / whole, percent(tier)),
    placed("mark", limit / whole, "100 %"),
  );
}

/** @param {string} kind @param {number} share of the bar @param {string} [text] */
function placed(kind, share, text) {
  const made = element("span", { class: kind, "data-share": share.toFixed(4) }, text);
  made.style.setProperty("--share", `${share * 100}%`);
  return made;
}
