/** The engine's HTTP API, asked with the key of this tab. */

import { fetchJson } from "./kit-fetch.js";

const KEPT_AS = "llm-orchestrator-api-key";
const HERE = location.pathname.slice(0, location.pathname.lastIndexOf("/console"));
const BASE = `${HERE || "/api"}/v1`;

/** Where the API is described. */
export const DOCS = `${BASE}/docs`;

export const key = {
  get: () => sessionStorage.getItem(KEPT_AS),
  keep: (/** @type {string} */ value) => sessionStorage.setItem(KEPT_AS, value),
  forget: () => sessionStorage.removeItem(KEPT_AS),
};

/**
 * @param {"GET" | "POST" | "DELETE"} method
 * @param {string} path behind `/api/v1`
 * @param {object} [body] sent as JSON
 * @returns {Promise<any>} the answer's JSON
 * @throws {import("./kit-fetch.js").ApiError}
 */
export function ask(method, path, body) {
  /** @type {Record<string, string>} */
  const headers = credential(path);
  if (body !== undefined) headers["Content-Type"] = "application/json";
  /** @type {RequestInit} */
  const options = { method, headers, body: JSON.stringify(body), cache: "no-store" };
  return fetchJson(BASE + path, options, "The API cannot be reached.");
}

/**
 * @param {string} path the one about the caller takes its key as clients of OpenAI's send it
 * @returns {Record<string, string>}
 */
const credential = (path) =>
  path === "/caller" ? { Authorization: `Bearer ${key.get()}` } : { "X-API-Key": key.get() ?? "" };

/** @param {Record<string, string | number | null | undefined>} parameters empty ones are left out */
export function query(parameters) {
  const given = Object.entries(parameters).filter(([, value]) => value || value === 0);
  return given.length ? `?${new URLSearchParams(given.map(([k, v]) => [k, String(v)]))}` : "";
}
