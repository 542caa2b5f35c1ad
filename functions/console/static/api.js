/** The engine's HTTP API, asked with the key of this tab. */

const KEPT_AS = "llm-orchestrator-api-key";
const HERE = location.pathname.slice(0, location.pathname.lastIndexOf("/console"));
const BASE = `${HERE || "/api"}/v1`;

/** What the API refused, as its contract words it. */
export class ApiError extends Error {
  /**
   * @param {number} status 0 where no answer came
   * @param {{code: string, message: string, details?: any[], retry_after_seconds?: number}} error
   * @param {string} requestId
   */
  constructor(status, error, requestId = "") {
    super(error.message);
    this.status = status;
    this.code = error.code;
    this.details = error.details ?? [];
    this.retryAfterSeconds = error.retry_after_seconds ?? null;
    this.requestId = requestId;
  }
}

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
 * @throws {ApiError}
 */
export async function ask(method, path, body) {
  const response = await fetched(method, path, body);
  const answer = await jsonOf(response);
  if (response.ok) return answer;
  const error = answer.error ?? { code: "unreadable", message: `HTTP ${response.status}` };
  const retryAfter = Number(response.headers.get("Retry-After")) || undefined;
  throw new ApiError(
    response.status,
    { retry_after_seconds: retryAfter, ...error },
    answer.request_id,
  );
}

/** @param {Record<string, string | number | null | undefined>} parameters empty ones are left out */
export function query(parameters) {
  const given = Object.entries(parameters).filter(([, value]) => value || value === 0);
  return given.length ? `?${new URLSearchParams(given.map(([k, v]) => [k, String(v)]))}` : "";
}

async function fetched(method, path, body) {
  const headers = { "X-API-Key": key.get() ?? "" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  try {
    return await fetch(BASE + path, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      cache: "no-store",
    });
  } catch {
    throw new ApiError(0, { code: "unreachable", message: "The API cannot be reached." });
  }
}

async function jsonOf(response) {
  try {
    return await response.json();
  } catch {
    const message = `The API answered HTTP ${response.status} without JSON.`;
    throw new ApiError(response.status, { code: "unreadable", message });
  }
}
