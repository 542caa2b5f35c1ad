/** Elements in one call. */

/**
 * @param {string} tag
 * @param {Record<string, any>} properties `data-…`, `aria-…`, `for` and `role` are attributes; undefined is left out
 * @param {...(Node | string | null)} children
 */
export function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined) continue;
    if (/-|^for$|^role$|^scope$/.test(name)) made.setAttribute(name, value);
    else made[name] = value;
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

/** @param {string[]} columns @param {(string | Node)[][]} rows @param {string=} caption */
export function table(columns, rows, caption) {
  const heads = columns.map((name) => element("th", { scope: "col" }, name));
  const body = rows.map((row) => element("tr", {}, ...row.map((cell) => element("td", {}, cell))));
  return element(
    "table",
    {},
    caption ? element("caption", {}, caption) : null,
    element("thead", {}, element("tr", {}, ...heads)),
    element("tbody", {}, ...body),
  );
}
