/** An answer: its text, who gave it, and what it cost. */

import { figures, table } from "./figures.js";
import { count, duration, usd } from "./format.js";
import { element } from "./kit-elements.js";
import { SIMULATED, savingsName, savingsNote } from "./money.js";

/** @import { Answer, DroppedParameter, ToolCall, Usage } from "../answers.js" */

/** @param {Answer} answer body of a 200, or a job's result */
export function answerView(answer) {
  const { routing, usage, performance } = answer;
  return element(
    "div",
    { class: "answer", "data-request": answer.request_id },
    element(
      "p",
      { class: "by" },
      element("strong", { "data-figure": "model" }, routing.selected_model),
      element("span", { class: "muted" }, `by ${routing.provider}`),
      answer.mock ? element("span", { class: "badge warn" }, "simulated") : null,
      answer.cached ? element("span", { class: "badge" }, "cached") : null,
      answer.finish_reason === "length"
        ? element("span", { class: "badge warn" }, "cut off")
        : null,
    ),
    answer.result
      ? element(
          "pre",
          { class: "text", tabindex: "0", "aria-label": "Text of the answer" },
          answer.result,
        )
      : null,
    toolCalls(answer.tool_calls),
    figures([
      cost(answer),
      [
        savingsName(usage.baseline_model),
        usd(usage.savings_usd),
        usage.savings_usd,
        "savings_usd",
        savingsNote(usage.baseline_model),
      ],
      [
        "Input / output tokens",
        tokens(usage),
        `${usage.input_tokens}/${usage.output_tokens}`,
        "tokens",
      ],
      ["Total time", duration(performance.total_time_ms), performance.total_time_ms, "total_ms"],
      ["Routing", duration(performance.routing_time_ms), performance.routing_time_ms, "routing_ms"],
      [
        "Inference",
        duration(performance.inference_time_ms),
        performance.inference_time_ms,
        "inference_ms",
      ],
    ]),
    dropped(routing.dropped_parameters),
  );
}

/** @param {Answer} answer @returns {[string, string, number, string, string?]} */
function cost({ mock, usage: { total_cost_usd: paid, simulated_cost_usd: simulated = paid } }) {
  return mock
    ? ["Cost, simulated", usd(simulated), simulated, "cost_usd", SIMULATED]
    : ["Cost", usd(paid), paid, "cost_usd"];
}

/** @param {Usage} usage */
function tokens(usage) {
  const cached = usage.cached_input_tokens ? ` (${count(usage.cached_input_tokens)} cached)` : "";
  const estimated = usage.usage_source === "estimated" ? ", estimated" : "";
  return `${count(usage.input_tokens)}${cached} / ${count(usage.output_tokens)}${estimated}`;
}

/** @param {ToolCall[]} calls */
function toolCalls(calls) {
  if (!calls.length) return null;
  return table(
    "Tools that the model calls",
    ["Function", "Arguments"],
    calls.map((call) => [call.function.name, element("code", {}, call.function.arguments)]),
  );
}

/** What a budget lowers has an effect, and another than was asked for. @param {DroppedParameter} one */
const effectOf = ({ parameter, reason }) =>
  reason.startsWith("lowered to")
    ? `${parameter} was ${reason}`
    : `${parameter} had no effect: ${reason}`;

/** @param {DroppedParameter[]} parameters */
function dropped(parameters) {
  if (!parameters.length) return null;
  return element(
    "ul",
    { class: "muted" },
    ...parameters.map((one) => element("li", {}, effectOf(one))),
  );
}
