/** Requests of a page to its own server, and what is said where no answer comes. */

/** @typedef {{code: string, message: string, details?: any[], retry_after_seconds?: number}} ErrorBody */

/** Something to be said in the place where the answer would be. */
export class Problem extends Error {}

/** What the server refused, as its contract words it. */
export class ApiError extends Problem {
  /**
   * @param {number} status 0 where no answer came
   * @param {ErrorBody} error
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

/** @param {unknown} error whether it is only that nobody waits for the answer any more */
export const isAborted = (error) => error instanceof DOMException && error.name === "AbortError";

/**
 * @param {string} address
 * @param {RequestInit} options
 * @param {string} unreachable what is said where no answer comes
 * @returns {Promise<any>} the answer's JSON
 * @throws {ApiError}
 */
export async function fetchJson(address, options, unreachable) {
  const response = await fetch(address, options).catch(unlessAborted);
  if (!response) throw new ApiError(0, { code: "unreachable", message: unreachable });
  const answer = await response.json().catch(unlessAborted);
  if (response.ok && answer) return answer;
  const { status, headers } = response;
  const message = `The server answered HTTP ${status}${answer ? "" : " without JSON"}.`;
  const seconds = Number(headers.get("Retry-After")) || undefined;
  const error = { code: "unreadable", message, retry_after_seconds: seconds, ...answer?.error };
  throw new ApiError(status, error, answer?.request_id);
}

/** @param {unknown} error */
function unlessAborted(error) {
  if (isAborted(error)) throw error;
  return null;
}
