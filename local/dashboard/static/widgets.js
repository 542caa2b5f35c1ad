/** The grid of widgets: a frame for each, filled by its type. */

import { element } from "./elements.js";
import { scrolling, showAlarms, showRows } from "./lists.js";
import { fromHtml, fromMarkdown } from "./markup.js";
import { showMetric } from "./metric.js";
import { Problem } from "./problem.js";

const SMALL = 6;

/** @param {HTMLElement} grid @param {any[]} widgets @returns {{widget: any, frame: HTMLElement}[]} */
export function layOut(grid, widgets) {
  const ordered = widgets.toSorted(
    (one, other) => (one.y ?? 0) - (other.y ?? 0) || (one.x ?? 0) - (other.x ?? 0),
  );
  const framed = ordered.map((widget, place) => ({
    widget,
    frame: frame(widget, `widget-${place}`),
  }));
  grid.replaceChildren(...framed.map((one) => one.frame));
  return framed;
}

function frame(widget, id) {
  const { type, properties, width = 6, height = 6 } = widget;
  const isPlain = type === "text" && properties.background === "transparent";
  const numbers = type === "metric" && properties.view === "singleValue";
  const several =
    numbers && properties.metrics.filter((row) => row.at(-1)?.visible !== false).length > 1;
  const made = element("section", {
    "data-kind": type,
    className: [
      "widget",
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
  const title = properties.title || titleOf(type);
  made.dataset.widget = title;
  made.setAttribute("aria-labelledby", id);
  made.append(
    element("h3", { id }, title),
    element("div", { className: "content" }, element("p", { className: "waiting" }, "Loading")),
  );
  return made;
}

function titleOf(type) {
  return { alarm: "Alarms", log: "Logs", metric: "Metrics" }[type] ?? "Widget";
}

/** @param {{type: string}} widget */
export function hasData(widget) {
  return widget.type !== "text";
}

/** @param {HTMLElement} frame @param {any} widget @param {() => Promise<any>} fetched @param {{start: number, end: number}} range */
export async function fill(frame, widget, fetched, range) {
  const place = frame.querySelector(".content");
  frame.setAttribute("aria-busy", "true");
  try {
    show(place, widget, await fetched(), range);
    frame.classList.remove("failed");
    delete frame.dataset.error;
  } catch (error) {
    if (error.name === "AbortError") return;
    if (!(error instanceof Problem)) reportError(error);
    frame.classList.add("failed");
    frame.dataset.error = error.message;
    place.replaceChildren(element("p", { className: "problem" }, error.message));
  } finally {
    frame.removeAttribute("aria-busy");
  }
}

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
      return place.replaceChildren(scrolling(title, ofFunction(data)));
  }
}

function ofFunction(data) {
  if (data.html !== undefined) return element("div", { className: "markup" }, fromHtml(data.html));
  if (data.markdown !== undefined)
    return element("div", { className: "markup" }, fromMarkdown(data.markdown));
  return element("pre", {}, data.json);
}
