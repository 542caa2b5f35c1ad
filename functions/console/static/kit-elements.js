/** Elements made of values. Text always goes in as text, never as HTML. */

/** @typedef {Node | string | number | null | undefined | false} Child the last three are left out */

/**
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, unknown>} [attributes] true is an empty one; null, undefined and false
 *   leave one out
 * @param {...Child} children
 */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    made.setAttribute(name, value === true ? "" : String(value));
  }
  fill(made, ...children);
  return made;
}

/**
 * Puts these children in the place of all that were there.
 * @param {Element} parent
 * @param {...Child} children
 */
export function fill(parent, ...children) {
  const present = children.filter((one) => one !== null && one !== undefined && one !== false);
  parent.replaceChildren(...present.map((one) => (typeof one === "number" ? String(one) : one)));
}

/**
 * @template {HTMLElement} T
 * @param {string} id
 * @param {new () => T} kind its class
 */
export function byId(id, kind) {
  const found = document.getElementById(id);
  if (found instanceof kind) return found;
  throw new Error(`no ${kind.name} ${id}`);
}

/**
 * What scrolls inside itself where it is too large, by keyboard, too.
 * @param {string} label
 * @param {...Child} children
 */
export function scrolling(label, ...children) {
  const attributes = { class: "scrolling", tabindex: "0", role: "region", "aria-label": label };
  return element("div", attributes, ...children);
}

/**
 * @param {string | null} caption
 * @param {string[]} heads
 * @param {Child[][]} rows
 * @param {"td" | "th"} first what the first cell of each row is
 */
export function table(caption, heads, rows, first = "td") {
  const cells = (/** @type {Child[]} */ row) =>
    row.map((cell, at) => {
      const tag = at === 0 ? first : "td";
      return element(tag, { scope: tag === "th" && "row" }, cell ?? "–");
    });
  return element(
    "table",
    {},
    caption && element("caption", {}, caption),
    element(
      "thead",
      {},
      element("tr", {}, ...heads.map((head) => element("th", { scope: "col" }, head))),
    ),
    element("tbody", {}, ...rows.map((row) => element("tr", {}, ...cells(row)))),
  );
}
