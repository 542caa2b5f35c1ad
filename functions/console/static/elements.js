/** Elements made of values. Text always goes in as text, never as HTML. */

/**
 * @param {string} tag
 * @param {Record<string, unknown>} [attributes] `on…` are listeners; true is an empty attribute, and
 *   null, undefined and false leave one out
 * @param {...(Node | string | number | null | undefined | false)} children
 * @returns {any} the element
 */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), /** @type {any} */ (value));
    else made.setAttribute(name, value === true ? "" : String(value));
  }
  made.append(...present(children));
  return made;
}

/** Puts these children in the place of all that were there. */
export function fill(parent, ...children) {
  parent.replaceChildren(...present(children));
}

function present(children) {
  return children
    .filter((child) => child !== null && child !== undefined && child !== false)
    .map((child) => (typeof child === "number" ? String(child) : child));
}

export function byId(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`no element ${id}`);
  return /** @type {any} */ (found);
}

/**
 * A list of figures: each a name, what is shown, and the value as the API gave it.
 * @param {[string, Node | string | null | undefined, unknown?, string?][]} entries the last is a name for tests
 */
export function figures(entries) {
  return element(
    "dl",
    { class: "figures" },
    ...entries
      .filter(([, shown]) => shown !== null && shown !== undefined && shown !== "")
      .map(([name, shown, value, key]) =>
        element(
          "div",
          {},
          element("dt", {}, name),
          element("dd", { "data-value": value, "data-figure": key }, shown),
        ),
      ),
  );
}

/**
 * A table that scrolls inside itself where it is too wide.
 * @param {string} caption
 * @param {string[]} heads those that end in `#` stand over numbers
 * @param {(Node | string | null | undefined)[][]} rows the first cell of each heads its row
 */
export function table(caption, heads, rows) {
  const kinds = heads.map((head) => (head.endsWith("#") ? "number" : null));
  return element(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    element(
      "table",
      {},
      element("caption", {}, caption),
      element(
        "thead",
        {},
        element(
          "tr",
          {},
          ...heads.map((head, at) =>
            element("th", { scope: "col", class: kinds[at] }, head.replace(/#$/, "")),
          ),
        ),
      ),
      element(
        "tbody",
        {},
        ...rows.map((cells) =>
          element(
            "tr",
            {},
            ...cells.map((cell, at) =>
              element(
                at === 0 ? "th" : "td",
                { scope: at === 0 ? "row" : null, class: kinds[at] },
                cell ?? "–",
              ),
            ),
          ),
        ),
      ),
    ),
  );
}
