/** The API key: asked for, tried, and kept in this tab. */

import { ask, key } from "./api.js";
import { byId } from "./kit-elements.js";
import { ApiError } from "./kit-fetch.js";

/** @import { Model } from "../answers.js" */

const REFUSED = "This API key is not accepted. Check it and enter it again.";

/**
 * @param {(models: Model[]) => void} onAccepted called with the catalogue, which a good key can read
 */
export function guard(onAccepted) {
  byId("key-form", HTMLFormElement).addEventListener("submit", (event) => {
    event.preventDefault();
    key.keep(byId("key", HTMLInputElement).value.trim());
    enter(onAccepted);
  });
  byId("forget-key", HTMLButtonElement).addEventListener("click", () => {
    key.forget();
    // Nothing that the key could read stays in the page.
    location.reload();
  });
  if (key.get()) enter(onAccepted);
}

/** @param {(models: Model[]) => void} onAccepted */
async function enter(onAccepted) {
  const button = byId("use-key", HTMLButtonElement);
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

/** @param {ApiError} error */
function refuse(error) {
  // Without an answer the key may still be good: a reload tries it again.
  if (error.status === 401) key.forget();
  say(error.status === 401 ? REFUSED : error.message);
  byId("key", HTMLInputElement).focus();
}

function show() {
  byId("entrance", HTMLElement).remove();
  for (const part of document.querySelectorAll("[data-inside]")) {
    /** @type {HTMLElement} */ (part).hidden = false;
  }
}

/** @param {string} message */
function say(message) {
  byId("key-problem", HTMLElement).textContent = message;
  byId("key", HTMLInputElement).setAttribute("aria-invalid", String(Boolean(message)));
}
