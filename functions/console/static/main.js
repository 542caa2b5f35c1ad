/** The page: asks for the key, then keeps its views of the engine up to date. */

import { DOCS } from "./api.js";
import { refreshBudget } from "./budget.js";
import { offerModels } from "./form.js";
import { guard } from "./key.js";
import { clock } from "./kit-clock.js";
import { byId } from "./kit-elements.js";
import { refreshRealtime } from "./realtime.js";
import { connectDialog } from "./record.js";
import { connectRequests, offerFilters, refreshRequests } from "./requests.js";
import { connectForm } from "./send.js";
import { refreshTotals } from "./totals.js";

let timer = 0;

// Two requests at once at most: a new account runs few functions side by side.
async function refresh() {
  await Promise.all([refreshTotals(), refreshRealtime()]);
  await Promise.all([refreshRequests(), refreshBudget()]);
  byId("refreshed", HTMLElement).textContent = `Updated ${clock(Date.now())}`;
}

function refreshByItself() {
  clearInterval(timer);
  const seconds = Number(byId("every", HTMLSelectElement).value);
  if (!seconds) return;
  timer = setInterval(() => document.hidden || refresh(), seconds * 1000);
}

byId("docs", HTMLAnchorElement).href = DOCS;

guard((models) => {
  offerModels(models);
  offerFilters(models);
  connectDialog();
  connectRequests();
  connectForm(refresh);
  byId("window", HTMLSelectElement).addEventListener("change", refreshTotals);
  byId("refresh", HTMLButtonElement).addEventListener("click", refresh);
  byId("every", HTMLSelectElement).addEventListener("change", refreshByItself);
  refresh();
});
