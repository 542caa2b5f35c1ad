/** The newest requests, page by page. */

import { ApiError, ask, query } from "./api.js";
import { byId, element, fill } from "./elements.js";
import { count, duration, moment, usd } from "./format.js";
import { openRecord } from "./record.js";

const PAGE = 20;
const EMPTY = { none: "No requests to show.", more: "Nothing here; older ones may fit." };
const FILTERS = ["model", "provider", "task", "status"];

/** Where this page and those before it begin; the newest one has no cursor. */
let cursors = [null];
let older = null;
let asked = 0;

/** @param {any[]} models the catalogue */
export function offerFilters(models) {
  const providers = [...new Set(models.map((model) => model.provider))].sort();
  const any = element("option", { value: "" }, "any");
  fill(byId("filter-provider"), any, ...providers.map((name) => element("option", {}, name)));
}

export function connectRequests() {
  byId("filters").addEventListener("change", () => go([null]));
  byId("filters").addEventListener("submit", (event) => event.preventDefault());
  byId("older").addEventListener("click", () => go([...cursors, older]));
  byId("newer").addEventListener("click", () => go(cursors.slice(0, -1)));
  byId("rows").addEventListener("click", (event) => {
    const row = /** @type {HTMLElement} */ (event.target).closest("tr[data-request]");
    if (row) openRecord(/** @type {HTMLElement} */ (row).dataset.request);
  });
}

async function go(to) {
  cursors = to;
  await refreshRequests();
}

export async function refreshRequests() {
  const turn = ++asked;
  const filters = Object.fromEntries(
    FILTERS.map((name) => [name, byId(`filter-${name}`).value.trim()]),
  );
  try {
    const page = await ask(
      "GET",
      `/metrics/logs${query({ limit: PAGE, cursor: cursors.at(-1), ...filters })}`,
    );
    if (turn === asked) showPage(page);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (turn === asked) byId("requests-problem").textContent = problemOf(error);
  }
}

function problemOf(error) {
  const details = error.details.map(({ field, problem }) => `${field}: ${problem}`);
  return [error.message, ...details].join(" ");
}

function showPage({ logs, next_cursor: next }) {
  older = next;
  byId("requests-problem").textContent = "";
  byId("older").disabled = !next;
  byId("newer").disabled = cursors.length === 1;
  byId("page").textContent = logs.length ? `Page ${cursors.length}` : EMPTY[next ? "more" : "none"];
  const focused = /** @type {HTMLElement | null} */ (document.activeElement)?.closest(
    "tr[data-request]",
  );
  fill(byId("rows"), ...logs.map(row));
  if (focused) refocus(/** @type {HTMLElement} */ (focused).dataset.request);
}

/** The keyboard stays on the row that it was on. */
function refocus(requestId) {
  document.querySelector(`tr[data-request="${CSS.escape(requestId)}"] button`)?.focus();
}

function row(log) {
  const failed = log.status === "FAILED";
  const status = element(
    "span",
    { class: `badge ${failed ? "bad" : "ok"}` },
    failed ? (log.error_code ?? "failed") : "answered",
  );
  const open = element(
    "button",
    {
      type: "button",
      class: "link",
      "aria-label": `Open ${moment(log.created_at)}, ${log.request_id}`,
    },
    moment(log.created_at),
  );
  return element(
    "tr",
    { role: "row", "data-request": log.request_id },
    element("th", { role: "rowheader", scope: "row", "data-name": "Time" }, open),
    cell("Status", status, log.status),
    cell("Task", log.task ?? "–", log.task),
    cell("Model", log.model ?? "–", log.model),
    cell("Latency", duration(log.latency_ms), log.latency_ms, "number"),
    cell("Cost", usd(log.cost_usd), log.cost_usd, "number"),
    cell("Fallbacks", count(log.fallbacks), log.fallbacks, "number"),
  );
}

function cell(name, shown, value, kind) {
  return element(
    "td",
    { role: "cell", class: kind, "data-name": name, "data-value": value ?? "" },
    shown,
  );
}
