/** The form of a request: its body, and what the API finds wrong with a field, beside that field. */

import { byId, element, fill } from "./kit-elements.js";

/** @import { Model } from "../answers.js" */
/** @typedef {HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement} Field */

const NUMBERS = ["max_cost_usd", "max_latency_ms", "max_output_tokens", "temperature"];
const TEXTS = ["task", "text", "system", "model_preference", "session_id"];

/** @param {HTMLFormElement} form */
export function bodyOf(form) {
  const given = new FormData(form);
  /** @param {string[]} names */
  const filled = (names) => names.filter((name) => String(given.get(name) ?? "").trim() !== "");
  /** @type {Record<string, unknown>} */
  const body = Object.fromEntries(filled(TEXTS).map((name) => [name, given.get(name)]));
  for (const name of filled(NUMBERS)) body[name] = Number(given.get(name));
  const models = String(given.get("model") ?? "")
    .split(",")
    .map((id) => id.trim())
    .filter(Boolean);
  if (models.length === 1) body.model = models[0];
  if (models.length > 1) body.models = models;
  // Of a list nothing else is asked unless the request says so.
  if (!given.has("fallback")) body.fallback = false;
  else if (body.models) body.fallback = true;
  if (given.get("response_format") !== "text") {
    body.response_format = { type: given.get("response_format") };
  }
  return body;
}

/**
 * Shows each problem at its field and moves to the first of them.
 * @param {HTMLFormElement} form
 * @param {{field: string, problem: string}[]} details
 * @returns {{field: string, problem: string}[]} those of which the form has no field
 */
export function showProblems(form, details) {
  const elsewhere = details.filter(({ field, problem }) => !mark(fieldOf(form, field), problem));
  const first = form.querySelector("[aria-invalid=true]");
  if (first) /** @type {Field} */ (first).focus();
  return elsewhere;
}

/** @param {HTMLFormElement} form */
export function clearProblems(form) {
  for (const field of form.querySelectorAll("[aria-invalid]")) clear(/** @type {Field} */ (field));
}

/** @param {Model[]} models the catalogue */
export function offerModels(models) {
  const usable = models.filter((model) => model.usable);
  fill(
    byId("models", HTMLDataListElement),
    ...usable.map((model) => element("option", { value: model.id }, model.provider)),
  );
}

/** @param {HTMLFormElement} form @param {string} path */
function fieldOf(form, path) {
  const name = path.split(".")[0];
  const found = form.elements.namedItem(name === "models" ? "model" : name);
  const isField = found instanceof HTMLElement && found.matches("input, select, textarea");
  return isField ? /** @type {Field} */ (found) : null;
}

/** @param {Field | null} field @param {string} problem */
function mark(field, problem) {
  if (!field) return false;
  clear(field);
  const id = `${field.id}-problem`;
  field.after(element("p", { class: "problem", id }, problem));
  field.setAttribute("aria-invalid", "true");
  field.dataset.described = field.getAttribute("aria-describedby") ?? "";
  field.setAttribute("aria-describedby", `${field.dataset.described} ${id}`.trim());
  field.addEventListener("input", () => clear(field), { once: true });
  return true;
}

/** @param {Field} field */
function clear(field) {
  if (!field.hasAttribute("aria-invalid")) return;
  byId(`${field.id}-problem`, HTMLElement).remove();
  field.removeAttribute("aria-invalid");
  if (field.dataset.described) field.setAttribute("aria-describedby", field.dataset.described);
  else field.removeAttribute("aria-describedby");
}
