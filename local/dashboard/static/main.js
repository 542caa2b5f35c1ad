/** The dashboard that is deployed, drawn and kept up to date. */

import { fetchDashboard, fetchData } from "./api.js";
import { redrawAll } from "./drawing.js";
import { clock } from "./kit-clock.js";
import { byId, element, fill } from "./kit-elements.js";
import { isAborted, Problem } from "./kit-fetch.js";
import { RANGES, rangeOf } from "./range.js";
import { watchTheme } from "./theme.js";
import { fillFrame, hasData, layOut } from "./widgets.js";

/** @import { Dashboard, Variable } from "./api.js" */

const AT_ONCE = 4;
const page = {
  name: byId("name", HTMLElement),
  updated: byId("updated", HTMLElement),
  toolbar: byId("toolbar", HTMLFormElement),
  variables: byId("variables", HTMLElement),
  range: byId("range", HTMLSelectElement),
  every: byId("every", HTMLSelectElement),
  problem: byId("problem", HTMLElement),
  grid: byId("grid", HTMLElement),
  theme: byId("theme", HTMLButtonElement),
};
const address = new URLSearchParams(location.search);
/** @type {{text: string, framed: ReturnType<typeof layOut>}} */
let shown = { text: "", framed: [] };
let running = new AbortController();
let next = 0;

async function refresh() {
  clearTimeout(next);
  running.abort();
  const own = new AbortController();
  running = own;
  try {
    const dashboard = await fetchDashboard(chosen(), own.signal);
    if (own.signal.aborted) return;
    page.problem.hidden = true;
    arrange(dashboard);
    await fillAll(dashboard, own.signal);
    if (!own.signal.aborted) page.updated.textContent = `Updated ${clock(Date.now())}`;
  } catch (error) {
    if (isAborted(error)) return;
    if (!(error instanceof Problem)) throw error;
    page.problem.textContent = error.message;
    page.problem.hidden = false;
    page.updated.textContent = "";
  } finally {
    if (!own.signal.aborted) schedule();
  }
}

function schedule() {
  clearTimeout(next);
  const seconds = Number(page.every.value);
  if (seconds && !document.hidden) next = setTimeout(refresh, seconds * 1000);
}

/** @returns {Record<string, string>} */
function chosen() {
  const kept = new Map([...address].filter(([name]) => name !== "range" && name !== "every"));
  return Object.fromEntries(kept);
}

/** @param {Dashboard} dashboard */
function arrange({ name, body, variables, widgets }) {
  page.name.textContent = name;
  document.title = `${name} · Dashboard`;
  if (!page.range.value) page.range.value = address.get("range") ?? rangeOf(body.start).id;
  if (!page.range.value) page.range.value = rangeOf(body.start).id;
  offer(variables);
  const text = JSON.stringify(widgets);
  // The same widgets keep their charts, which then move on instead of starting anew.
  if (text !== shown.text) shown = { text, framed: layOut(page.grid, widgets) };
}

/** @param {Variable[]} variables */
function offer(variables) {
  const visible = variables.filter((variable) => variable.visible);
  const text = JSON.stringify(visible);
  if (page.variables.dataset.offered === text) return;
  const focused = document.activeElement?.id;
  page.variables.dataset.offered = text;
  fill(page.variables, ...visible.flatMap(control));
  if (focused) document.getElementById(focused)?.focus();
}

/** @param {Variable} variable */
function control(variable) {
  const id = `variable-${variable.id}`;
  const label = element("label", { for: id }, variable.label);
  const options = variable.options.map((one) => element("option", { value: one.value }, one.label));
  const input =
    variable.input === "input" ? element("input", { id }) : element("select", { id }, ...options);
  if (variable.value !== null) input.value = variable.value;
  input.addEventListener("change", () => remember(variable.id, input.value));
  return [label, input];
}

/** @param {Dashboard} dashboard @param {AbortSignal} signal */
async function fillAll(dashboard, signal) {
  const end = Date.now();
  const { length } = RANGES.find((one) => one.id === page.range.value) ?? rangeOf();
  const range = { start: end - length, end };
  Object.assign(page.grid.dataset, range);
  const { name, ...variables } = chosen();
  const waiting = shown.framed.filter(({ widget }) => hasData(widget));
  const one = async () => {
    for (let each = waiting.shift(); each && !signal.aborted; each = waiting.shift()) {
      const { widget, index, frame } = each;
      const request = { dashboard: dashboard.name, index, variables, ...range };
      await fillFrame(frame, widget, () => fetchData(request, signal), range);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, one));
  if (signal.aborted) return;
  page.grid.dataset.drawn = String(end);
  document.body.dataset.ready = "true";
}

/** @param {string} name @param {string} value */
function remember(name, value) {
  address.set(name, value);
  history.replaceState(null, "", `?${address}`);
  return refresh();
}

page.range.append(...RANGES.map((range) => element("option", { value: range.id }, range.label)));
page.range.value = address.get("range") ?? "";
page.every.value = address.get("every") ?? "10";
page.range.addEventListener("change", () => remember("range", page.range.value));
page.every.addEventListener("change", () => remember("every", page.every.value));
page.toolbar.addEventListener("submit", (event) => {
  event.preventDefault();
  refresh();
});
document.addEventListener("visibilitychange", () =>
  document.hidden ? clearTimeout(next) : schedule(),
);
watchTheme(page.theme, redrawAll);
refresh();
