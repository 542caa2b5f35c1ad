/** The grid of widgets: a frame for each, filled by its type. */

import { element, fill, scrolling } from "./kit-elements.js";
import { isAborted, Problem } from "./kit-fetch.js";
import { showAlarms, showRows } from "./lists.js";
import { fromHtml, fromMarkdown } from "./markup.js";
import { showMetric } from "./metric.js";

/** @import { Range, Widget } from "./api.js" */

const SMALL = 6;

/**
 * @param {HTMLElement} grid
 * @param {Widget[]} widgets
 * @returns each with its frame and its place in the body, in the order of the frames
 */
export function layOut(grid, widgets) {
  const framed = widgets.map((widget, index) => {
    return { widget, index, frame: frame(widget, `widget-${index}`) };
  });
  framed.sort(
    ({ widget: one }, { widget: other }) =>
      (one.y ?? 0) - (other.y ?? 0) || (one.x ?? 0) - (other.x ?? 0),
  );
  fill(grid, ...framed.map((one) => one.frame));
  return framed;
}

/** @param {Widget} widget @param {string} id */
function frame(widget, id) {
  const { type, properties, width = 6, height = 6 } = widget;
  const isPlain = type === "text" && properties.background === "transparent";
  const numbers = type === "metric" && properties.view === "singleValue";
  const several =
    numbers &&
    properties.metrics.filter((/** @type {any[]} */ row) => row.at(-1)?.visible !== false).length >
      1;
  const made = element("section", {
    "data-kind": type,
    class: [
      "widget panel",
      numbers ? "of-numbers" : `of-${type}`,
      isPlain && "plain",
      width <= SMALL && !several && "small",
    ]
      .filter(Boolean)
      .join(" "),
  });
  if (widget.x !== undefined && widget.y !== undefined) {
    made.style.setProperty("--column", String(widget.x + 1));
    made.style.setProperty("--row", String(widget.y + 1));
  }
  made.style.setProperty("--width", String(width));
  made.style.setProperty("--height", String(height));
  if (type === "text") {
    made.append(fromMarkdown(properties.markdown ?? ""));
    made.dataset.widget = properties.title || (made.querySelector("h1, h2, h3")?.textContent ?? "");
    return made;
  }
  const title = properties.title || (TITLES[type] ?? "Widget");
  made.dataset.widget = title;
  made.setAttribute("aria-labelledby", id);
  made.append(
    element("h3", { id }, title),
    element("div", { class: "content" }, element("p", { class: "waiting" }, "Loading")),
  );
  return made;
}

/** @type {Record<string, string>} */
const TITLES = { alarm: "Alarms", log: "Logs", metric: "Metrics" };

/** @param {{type: string}} widget */
export function hasData(widget) {
  return widget.type !== "text";
}

/**
 * @param {HTMLElement} frame
 * @param {Widget} widget
 * @param {() => Promise<any>} fetched
 * @param {Range} range
 */
export async function fillFrame(frame, widget, fetched, range) {
  const place = /** @type {HTMLElement} */ (frame.querySelector(".content"));
  frame.setAttribute("aria-busy", "true");
  try {
    show(place, widget, await fetched(), range);
    frame.classList.remove("failed");
    delete frame.dataset.error;
  } catch (error) {
    if (isAborted(error)) return;
    if (!(error instanceof Problem)) reportError(error);
    const message = error instanceof Error ? error.message : String(error);
    frame.classList.add("failed");
    frame.dataset.error = message;
    fill(place, element("p", { class: "problem" }, message));
  } finally {
    frame.removeAttribute("aria-busy");
  }
}

/**
 * @param {HTMLElement} place
 * @param {Widget} widget
 * @param {any} data of its type
 * @param {Range} range
 */
function show(place, widget, data, range) {
  const title = widget.properties.title ?? "";
  switch (widget.type) {
    case "metric":
      return showMetric(place, widget, data, range);
    case "log":
      return showRows(place, title, data);
    case "alarm":
      return showAlarms(place, title, data);
    default:
      return fill(place, scrolling(title, ofFunction(data)));
  }
}

/** @param {{html?: string, markdown?: string, json?: string}} data */
function ofFunction(data) {
  if (data.html !== undefined) return element("div", { class: "markup" }, fromHtml(data.html));
  if (data.markdown !== undefined)
    return element("div", { class: "markup" }, fromMarkdown(data.markdown));
  return element("pre", {}, data.json);
}
