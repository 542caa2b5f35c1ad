/** Who asks, and what only an operator's sees. */

/** @import { Reader } from "../answers.js" */

/** @type {Reader | null} */
let reader = null;

/** @param {Reader} told by the list of requests */
export function setReader(told) {
  reader = told;
  for (const part of document.querySelectorAll("[data-operator]")) {
    /** @type {HTMLElement} */ (part).hidden = !told.is_operator;
  }
}

export const isOperator = () => reader?.is_operator ?? false;

/** @param {string} callerId of the key that made a request */
export const isOwn = (callerId) => !reader || reader.caller_id === callerId;
