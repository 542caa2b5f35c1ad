/** What the page asks of its server. */

import { Problem } from "./problem.js";

/**
 * @param {Record<string, string>} chosen variables by their ids, and the dashboard's `name`
 * @param {AbortSignal} signal
 * @returns {Promise<{name: string, body: any, variables: any[], widgets: any[]}>}
 */
export function fetchDashboard(chosen, signal) {
  return ask(`/dashboard/body?${new URLSearchParams(chosen)}`, { signal });
}

/** @param {object} request {widget, start, end, period, dashboard} @param {AbortSignal} signal */
export function fetchData(request, signal) {
  const headers = { "content-type": "application/json" };
  return ask("/dashboard/data", { method: "POST", headers, body: JSON.stringify(request), signal });
}

async function ask(address, options) {
  let response;
  try {
    response = await fetch(address, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem("The local stack does not answer. Is it still running?");
  }
  const answer = await response.json().catch(() => null);
  if (response.ok && answer) return answer;
  throw new Problem(answer?.error?.message ?? `The server answered ${response.status}.`);
}
