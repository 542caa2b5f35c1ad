/** Markdown and HTML of others, of which only what shows text is kept. */

import { marked } from "./marked.js";

const TAGS = new Set(
  (
    "A B BLOCKQUOTE BR CAPTION CODE DEL EM H1 H2 H3 H4 H5 H6 HR I LI OL P PRE SPAN STRONG " +
    "TABLE TBODY TD TH THEAD TR UL"
  ).split(" "),
);
const DROPPED = new Set(
  "SCRIPT STYLE TEMPLATE IFRAME OBJECT EMBED SVG MATH FORM INPUT BUTTON".split(" "),
);
const ATTRIBUTES = new Set(["title", "colspan", "rowspan", "scope", "align"]);
const LINK = /^(https:\/\/|[/#](?![/\\]))/i;
const BUTTON = /^button:(primary:)?/;

/** @param {string} text */
export function fromMarkdown(text) {
  const fragment = fromHtml(marked.parse(text, { async: false }));
  for (const link of fragment.querySelectorAll("a")) {
    const button = BUTTON.exec(link.textContent);
    if (!button) continue;
    link.className = button[1] ? "button primary" : "button";
    link.textContent = link.textContent.replace(BUTTON, "");
  }
  return fragment;
}

/** @param {string} text */
export function fromHtml(text) {
  // A document of DOMParser runs nothing and loads nothing.
  const parsed = new DOMParser().parseFromString(text, "text/html");
  const fragment = document.createDocumentFragment();
  fragment.append(...kept(parsed.body));
  return fragment;
}

/** @param {Node} parent @returns {Node[]} */
function kept(parent) {
  return [...parent.childNodes].flatMap((node) => {
    if (node instanceof Text) return [document.createTextNode(node.data)];
    if (!(node instanceof Element) || DROPPED.has(node.nodeName.toUpperCase())) return [];
    if (!TAGS.has(node.nodeName)) return kept(node);
    const copy = document.createElement(node.nodeName);
    for (const { name, value } of node.attributes) {
      if (ATTRIBUTES.has(name)) copy.setAttribute(name, value);
    }
    const href = node.getAttribute("href") ?? "";
    if (copy instanceof HTMLAnchorElement && LINK.test(href)) {
      copy.href = href;
      if (copy.origin !== location.origin) copy.rel = "noreferrer";
    }
    copy.append(...kept(node));
    return [copy];
  });
}
