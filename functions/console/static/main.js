/** The page: asks for the key, then keeps its three views of the engine up to date. */

import { byId } from "./elements.js";
import { offerModels } from "./form.js";
import { clock } from "./format.js";
import { guard } from "./key.js";
import { refreshRealtime } from "./realtime.js";
import { connectDialog } from "./record.js";
import { connectRequests, offerFilters, refreshRequests } from "./requests.js";
import { connectForm } from "./send.js";
import { refreshTotals } from "./totals.js";

let timer = 0;

async function refresh() {
  await Promise.all([refreshTotals(), refreshRealtime(), refreshRequests()]);
  byId("refreshed").textContent = `Updated ${clock(new Date().toISOString())}`;
}

function refreshByItself() {
  clearInterval(timer);
  const seconds = Number(byId("every").value);
  if (!seconds) return;
  timer = setInterval(() => document.hidden || refresh(), seconds * 1000);
}

guard((models) => {
  offerModels(models);
  offerFilters(models);
  connectDialog();
  connectRequests();
  connectForm(refresh);
  byId("window").addEventListener("change", refreshTotals);
  byId("refresh").addEventListener("click", refresh);
  byId("every").addEventListener("change", refreshByItself);
  refresh();
});
