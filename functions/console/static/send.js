/** Sends what the form holds: as a request, as a job, or only to be routed. */

import { ask } from "./api.js";
import { bodyOf, clearProblems } from "./form.js";
import { byId, element } from "./kit-elements.js";
import { ApiError } from "./kit-fetch.js";
import { say, show, showAnswer, showDryRun, showError } from "./outcome.js";

const FIRST_POLL_MS = 400;
const SLOWEST_POLL_MS = 3000;

/** @typedef {Record<string, unknown>} Body */

/** @type {Record<string, (body: Body) => Promise<void>>} */
const ACTIONS = { generate, job, route };

/** @param {() => void} onFinished called when a request has ended, whichever way */
export function connectForm(onFinished) {
  const form = byId("request", HTMLFormElement);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const action = /** @type {any} */ (event).submitter?.value ?? "generate";
    await run(form, action);
    if (action !== "route") onFinished();
  });
  byId("text", HTMLTextAreaElement).addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    form.requestSubmit(byId("send", HTMLButtonElement));
  });
}

/** @param {HTMLFormElement} form @param {string} action */
async function run(form, action) {
  const body = bodyOf(form);
  const buttons = form.querySelectorAll("button");
  clearProblems(form);
  for (const button of buttons) button.disabled = true;
  byId("outcome", HTMLElement).setAttribute("aria-busy", "true");
  bringIntoView(byId("outcome-title", HTMLElement));
  try {
    await ACTIONS[action](body);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    await showError(error, form, action !== "route");
  } finally {
    for (const button of buttons) button.disabled = false;
    byId("outcome", HTMLElement).removeAttribute("aria-busy");
  }
}

/** On a narrow screen the answer comes below the form. @param {HTMLElement} title */
function bringIntoView(title) {
  const { top } = title.getBoundingClientRect();
  if (top < 0 || top > innerHeight - 100) title.scrollIntoView();
}

/** The page draws the whole decision; a dry run always has it. @param {Body} body */
const explained = (body) => ({ ...body, explain: true });

/** @param {Body} body */
async function generate(body) {
  say("Waiting for the answer …");
  await showAnswer(await ask("POST", "/generate", explained(body)));
}

/** @param {Body} body */
async function route(body) {
  say("Deciding …");
  showDryRun(await ask("POST", "/route", body));
}

/** @param {Body} body */
async function job(body) {
  const { execution_id: id } = await ask("POST", "/jobs", explained(body));
  const stop = element("button", { type: "button", class: "danger" }, "Stop the job");
  stop.addEventListener("click", () => stopJob(id, stop));
  show(
    element(
      "p",
      { class: "job", "data-job": id },
      element("span", { class: "badge" }, "RUNNING"),
      id,
    ),
    stop,
  );
  say("The job is running.");
  const ended = await end(id);
  if (ended.result) return showAnswer(ended.result);
  throw new ApiError(0, ended.error, id);
}

/** @param {string} id @param {HTMLButtonElement} button */
async function stopJob(id, button) {
  button.disabled = true;
  say("Stopping the job …");
  try {
    await ask("DELETE", `/jobs/${id}`);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    say(`The job was not stopped: ${error.message}`);
    button.disabled = false;
  }
}

/** The job when it is over. @param {string} id */
async function end(id) {
  for (let pauseMs = FIRST_POLL_MS; ; pauseMs = Math.min(pauseMs * 1.5, SLOWEST_POLL_MS)) {
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
    const found = await lookUp(id);
    if (found && found.status !== "RUNNING") return found;
  }
}

/** @param {string} id */
async function lookUp(id) {
  try {
    return await ask("GET", `/jobs/${id}`);
  } catch (error) {
    // Too many look-ups: the next one comes later.
    if (error instanceof ApiError && error.status === 429) return null;
    throw error;
  }
}
