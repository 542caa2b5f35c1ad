/** What the page asks of its server. */

import { fetchJson } from "./kit-fetch.js";

/**
 * @typedef {{type: string, width?: number, height?: number, x?: number, y?: number,
 *   properties: Record<string, any>}} Widget with the properties that CloudWatch knows
 * @typedef {{id: string, label: string, input: "input" | "select", visible: boolean,
 *   options: {value: string, label: string}[], value: string | null}} Variable
 * @typedef {{name: string, body: {start?: string, periodOverride?: string}, variables: Variable[],
 *   widgets: Widget[]}} Dashboard
 * @typedef {{id: string, label: string, times: number[], values: number[], unit: string | null,
 *   y_axis: "left" | "right", color: string | null, period_ms: number,
 *   problem: string | null}} Series
 * @typedef {{name: string, state: string, reason: string, description: string,
 *   since: number | null}} Alarm
 * @typedef {{start: number, end: number}} Range in epoch milliseconds
 */

const UNREACHABLE = "The local stack does not answer. Is it still running?";

/**
 * @param {Record<string, string>} chosen variables by their ids, and the dashboard's `name`
 * @param {AbortSignal} signal
 * @returns {Promise<Dashboard>}
 */
export function fetchDashboard(chosen, signal) {
  return fetchJson(`/dashboard/body?${new URLSearchParams(chosen)}`, { signal }, UNREACHABLE);
}

/**
 * @param {Range & {dashboard: string, index: number, variables: Record<string, string>}} request
 *   of the widget at that place in the body
 * @param {AbortSignal} signal
 */
export function fetchData(request, signal) {
  const headers = { "content-type": "application/json" };
  const options = { method: "POST", headers, body: JSON.stringify(request), signal };
  return fetchJson("/dashboard/data", options, UNREACHABLE);
}
