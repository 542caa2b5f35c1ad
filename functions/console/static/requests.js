/** The newest requests, page by page. */

import { ask, query } from "./api.js";
import { count, duration, moment, usd } from "./format.js";
import { byId, element, fill } from "./kit-elements.js";
import { ApiError } from "./kit-fetch.js";
import { possiblyBilled, SIMULATED } from "./money.js";
import { isOperator, setReader } from "./reader.js";
import { openRecord } from "./record.js";
import { statusBadge } from "./status.js";

/** @import { LoggedRequest, LogsPage, Model } from "../answers.js" */

const PAGE = 20;
const EMPTY = { none: "No requests to show.", more: "Nothing here; older ones may fit." };
const FILTERS = ["model", "provider", "task", "status", "caller"];

/**
 * Where this page and those before it begin; the newest one has no cursor.
 * @type {(string | null)[]}
 */
let cursors = [null];
/** @type {string | null} */
let older = null;
let asked = 0;
/** Until no row is pressed: the click is lost of one that is drawn anew before it ends. */
let released = Promise.resolve();
/** @type {Set<string>} */
const callers = new Set();

/** @param {Model[]} models the catalogue */
export function offerFilters(models) {
  const providers = [...new Set(models.map((model) => model.provider))].sort();
  const any = element("option", { value: "" }, "any");
  fill(
    byId("filter-provider", HTMLSelectElement),
    any,
    ...providers.map((name) => element("option", {}, name)),
  );
}

export function connectRequests() {
  byId("filters", HTMLFormElement).addEventListener("change", () => go([null]));
  byId("filters", HTMLFormElement).addEventListener("submit", (event) => event.preventDefault());
  byId("older", HTMLButtonElement).addEventListener("click", () => go([...cursors, older]));
  byId("newer", HTMLButtonElement).addEventListener("click", () => go(cursors.slice(0, -1)));
  const rows = byId("rows", HTMLElement);
  let release = () => {};
  rows.addEventListener("pointerdown", () => {
    release();
    released = new Promise((resolve) => {
      release = resolve;
    });
  });
  // The click comes behind it, in the same task.
  for (const end of ["pointerup", "pointercancel"])
    addEventListener(end, () => setTimeout(release));
  rows.addEventListener("click", (event) => {
    const id = requestAt(/** @type {Element} */ (event.target));
    if (id) openRecord(id);
  });
}

/** @param {(string | null)[]} to */
async function go(to) {
  cursors = to;
  await refreshRequests();
}

/** @param {string} name */
const filter = (name) =>
  /** @type {HTMLInputElement | HTMLSelectElement} */ (byId(`filter-${name}`, HTMLElement)).value;

export async function refreshRequests() {
  const turn = ++asked;
  const filters = Object.fromEntries(FILTERS.map((name) => [name, filter(name).trim()]));
  try {
    const page = await ask(
      "GET",
      `/metrics/logs${query({ limit: PAGE, cursor: cursors.at(-1), ...filters })}`,
    );
    await released;
    if (turn === asked) showPage(page);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (turn === asked) byId("requests-problem", HTMLElement).textContent = problemOf(error);
  }
}

/** @param {ApiError} error */
function problemOf(error) {
  const details = error.details.map(({ field, problem }) => `${field}: ${problem}`);
  return [error.message, ...details].join(" ");
}

/** @param {LogsPage} page */
function showPage({ data: logs, next_cursor: next, reader }) {
  older = next;
  setReader(reader);
  if (isOperator()) offerCallers(logs);
  byId("requests-problem", HTMLElement).textContent = "";
  byId("older", HTMLButtonElement).disabled = !next;
  byId("newer", HTMLButtonElement).disabled = cursors.length === 1;
  byId("page", HTMLElement).textContent = logs.length
    ? `Page ${cursors.length}`
    : EMPTY[next ? "more" : "none"];
  const focused = requestAt(document.activeElement);
  fill(byId("rows", HTMLElement), ...logs.map(row));
  if (focused) refocus(focused);
}

/** Those seen so far. @param {LoggedRequest[]} logs */
function offerCallers(logs) {
  for (const log of logs) callers.add(log.caller);
  const options = [...callers].sort().map((value) => element("option", { value }));
  fill(byId("callers", HTMLDataListElement), ...options);
}

/** @param {Element | null} place somewhere in its row */
const requestAt = (place) => place?.closest("tr[data-request]")?.getAttribute("data-request");

/** The keyboard stays on the row that it was on. @param {string} requestId */
function refocus(requestId) {
  const button = document.querySelector(`tr[data-request="${CSS.escape(requestId)}"] button`);
  if (button instanceof HTMLElement) button.focus();
}

/** @param {LoggedRequest} log */
function row(log) {
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
    isOperator() && cell("Caller", log.caller, log.caller),
    cell("Status", statusBadge(log), log.status),
    cell("Task", log.task ?? "–", log.task),
    cell("Model", log.model ?? "–", log.model),
    cell("Latency", duration(log.latency_ms), log.latency_ms, "number"),
    cell("Cost", cost(log), log.cost_usd, "number"),
    cell("Fallbacks", count(log.fallbacks), log.fallbacks, "number"),
  );
}

/** @param {LoggedRequest} log */
function cost({ mock, cost_usd: paid, simulated_cost_usd: told, possibly_billed_usd: possibly }) {
  // Rows of an earlier version have as their cost what the simulator only pretends.
  const simulated = mock ? (told ?? paid) : 0;
  const known = mock && !told ? 0 : paid;
  return element(
    "span",
    {},
    known || !simulated ? usd(known) : null,
    simulated ? element("span", { title: SIMULATED }, usd(simulated), aside("simulated")) : null,
    possibly ? aside(possiblyBilled(possibly)) : null,
  );
}

/** @param {string} text */
const aside = (text) => element("span", { class: "aside" }, text);

/**
 * @param {string} name
 * @param {Node | string} shown
 * @param {string | number | null} value
 * @param {string} [kind]
 */
function cell(name, shown, value, kind) {
  return element(
    "td",
    { role: "cell", class: kind, "data-name": name, "data-value": value ?? "" },
    shown,
  );
}
