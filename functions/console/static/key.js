/** The API key: asked for, tried, and kept in this tab. */

import { ApiError, ask, key } from "./api.js";
import { byId } from "./elements.js";

const REFUSED = "This API key is not accepted. Check it and enter it again.";

/**
 * @param {(models: any[]) => void} onAccepted called with the catalogue, which a good key can read
 */
export function guard(onAccepted) {
  byId("key-form").addEventListener("submit", (event) => {
    event.preventDefault();
    key.keep(byId("key").value.trim());
    enter(onAccepted);
  });
  byId("forget-key").addEventListener("click", () => {
    key.forget();
    // Nothing that the key could read stays in the page.
    location.reload();
  });
  if (key.get()) enter(onAccepted);
}

async function enter(onAccepted) {
  const button = byId("use-key");
  say("");
  button.disabled = true;
  try {
    const models = await ask("GET", "/models");
    show();
    onAccepted(models.data);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    refuse(error);
  } finally {
    button.disabled = false;
  }
}

function refuse(error) {
  // Without an answer the key may still be good: a reload tries it again.
  if (error.status === 403) key.forget();
  say(error.status === 403 ? REFUSED : error.message);
  byId("key").focus();
}

function show() {
  byId("entrance").remove();
  for (const part of document.querySelectorAll("[data-inside]")) {
    /** @type {HTMLElement} */ (part).hidden = false;
  }
}

function say(message) {
  byId("key-problem").textContent = message;
  byId("key").setAttribute("aria-invalid", String(Boolean(message)));
}
