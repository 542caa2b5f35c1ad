/** Apache ECharts in the page's own colours, drawn anew when these or a chart's size change. */

const NAMES = /** @type {const} */ (["text", "muted", "line", "panel", "bad"]);
/**
 * @typedef {Record<(typeof NAMES)[number], string>} Colours
 * @typedef {(colours: Colours) => echarts.EChartsOption} Option
 * @typedef {{option: Option, chart: echarts.ECharts | null}} Drawn
 */

/** @type {Map<Element, Drawn>} */
const drawn = new Map();
const reduced = matchMedia("(prefers-reduced-motion: reduce)");
// A frame later: a chart that changes its own height inside the observer's turn would be an error.
const sizes = new ResizeObserver((entries) => {
  requestAnimationFrame(() => {
    for (const { target } of entries) follow(/** @type {HTMLElement} */ (target));
  });
});

// The style sheet has a pair of each: only of a registered one the computed value is that of now.
for (const name of NAMES) {
  const initialValue = "transparent";
  CSS.registerProperty({ name: `--${name}`, syntax: "<color>", inherits: true, initialValue });
}
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redrawAll);

/** The style sheet's colours by their names, as rgb(). */
export function colours() {
  const style = getComputedStyle(document.documentElement);
  const named = NAMES.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]);
  return /** @type {Colours} */ (Object.fromEntries(named));
}

/**
 * Draws into an element, now or when it has a width; again for a second time in the same one.
 * @param {HTMLElement} place
 * @param {Option} option made anew when the colours change
 */
export function draw(place, option) {
  for (const [old, { chart }] of drawn) {
    if (old.isConnected) continue;
    sizes.unobserve(old);
    chart?.dispose();
    drawn.delete(old);
  }
  const known = drawn.get(place);
  drawn.set(place, { option, chart: known?.chart ?? null });
  paint(place);
  if (!known) sizes.observe(place);
}

/** Draws every chart again, in the colours of now. */
export function redrawAll() {
  for (const place of drawn.keys()) paint(/** @type {HTMLElement} */ (place));
}

/** @param {HTMLElement} place of another size than before */
function follow(place) {
  const entry = drawn.get(place);
  if (entry?.chart) entry.chart.resize();
  else paint(place);
}

/** @param {HTMLElement} place */
function paint(place) {
  const entry = drawn.get(place);
  if (!entry || !place.clientWidth) return;
  const colour = colours();
  const { fontFamily } = getComputedStyle(document.body);
  const font = { fontFamily, fontSize: 12, color: colour.text };
  const option = entry.option(colour);
  entry.chart ??= echarts.init(place, null, { renderer: "canvas" });
  const { chart } = entry;
  if (chart.getWidth() !== place.clientWidth || chart.getHeight() !== place.clientHeight)
    chart.resize();
  chart.setOption(
    {
      animation: !reduced.matches,
      animationDuration: 300,
      aria: { enabled: true },
      textStyle: font,
      ...option,
      tooltip: {
        confine: true,
        backgroundColor: colour.panel,
        borderColor: colour.line,
        textStyle: font,
        ...option.tooltip,
      },
    },
    { notMerge: true },
  );
}
