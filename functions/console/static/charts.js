/** Apache ECharts in the page's own colours, redrawn when its width or the colour scheme changes. */

const drawn = new Map();
const reduced = matchMedia("(prefers-reduced-motion: reduce)");
// A frame later: a chart that changes its own height inside the observer's turn would be an error.
const sizes = new ResizeObserver((entries) => {
  requestAnimationFrame(() => {
    for (const { target } of entries)
      if (drawn.get(target)?.width !== target.clientWidth) redraw(target);
  });
});

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  for (const place of drawn.keys()) redraw(place);
});

/**
 * @typedef {{text: string, muted: string, line: string, panel: string, accent: string, ok: string,
 *   bad: string, warn: string, cost: string, latency: string, quality: string,
 *   availability: string, rest: string, track: string}} Colours
 */

/**
 * Draws into an element that is in the page; again for a second time in the same one.
 * @param {HTMLElement} place its height is the chart's, unless the option names another
 * @param {(width: number, colours: Colours) => {chart: any, height?: number}} option ECharts'
 *   option at this width, and the height that it needs
 */
export function draw(place, option) {
  for (const old of drawn.keys()) if (!old.isConnected) drop(old);
  const known = drawn.get(place);
  drawn.set(place, { option, chart: known?.chart ?? null, width: null });
  if (known) redraw(place);
  // The observer tells the first size, too.
  else sizes.observe(place);
}

function drop(place) {
  sizes.unobserve(place);
  drawn.get(place).chart?.dispose();
  drawn.delete(place);
}

function redraw(place) {
  const entry = drawn.get(place);
  if (!entry || !place.clientWidth) return;
  entry.width = place.clientWidth;
  const option = entry.option(place.clientWidth, colours());
  if (option.height) place.style.height = `${option.height}px`;
  entry.chart ??= globalThis.echarts.init(place, null, { renderer: "svg" });
  entry.chart.resize();
  entry.chart.setOption({ ...base(), ...option.chart }, { notMerge: true });
}

function base() {
  return {
    animation: !reduced.matches,
    animationDuration: 250,
    aria: { enabled: true },
    textStyle: { fontFamily: getComputedStyle(document.body).fontFamily },
  };
}

/** @returns {Colours} */
function colours() {
  const style = getComputedStyle(document.documentElement);
  return /** @type {any} */ (
    new Proxy({}, { get: (_, name) => style.getPropertyValue(`--${String(name)}`).trim() })
  );
}

/** @param {Colours} colour */
export function tooltip(colour) {
  return {
    confine: true,
    backgroundColor: colour.panel,
    borderColor: colour.line,
    textStyle: { color: colour.text, fontSize: 12 },
  };
}
