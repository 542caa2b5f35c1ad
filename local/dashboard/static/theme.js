/** Light or dark: as the system says, until somebody chooses; the choice is remembered. */

const KEY = "dashboard-theme";
const system = matchMedia("(prefers-color-scheme: dark)");

/** @param {HTMLButtonElement} button @param {() => void} changed called when the theme is another */
export function watchTheme(button, changed) {
  const root = document.documentElement;
  const set = (theme) => {
    root.dataset.theme = theme;
    button.setAttribute("aria-pressed", String(theme === "dark"));
  };
  set(root.dataset.theme);
  button.addEventListener("click", () => {
    set(root.dataset.theme === "dark" ? "light" : "dark");
    localStorage.setItem(KEY, root.dataset.theme);
    changed();
  });
  system.addEventListener("change", () => {
    if (localStorage.getItem(KEY)) return;
    set(system.matches ? "dark" : "light");
    changed();
  });
}

/** @returns {Record<string, string>} the page's colours by their names in the style sheet */
export function colours() {
  const style = getComputedStyle(document.documentElement);
  const names = ["text", "muted", "line", "panel", "accent", "bad"];
  return Object.fromEntries(
    names.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]),
  );
}

// Okabe and Ito's colours, which the colour-blind tell apart, and three more for long legends.
const SERIES = [
  "#0072B2",
  "#E69F00",
  "#009E73",
  "#CC79A7",
  "#56B4E9",
  "#D55E00",
  "#8C6BB1",
  "#7A7A52",
  "#B0413E",
];

/** @param {number} place @param {string?} given the body's own colour @returns {string} one that is seen */
export function seriesColour(place, given) {
  return legible(given ?? SERIES[place % SERIES.length], colours().panel);
}

const LEAST_CONTRAST = 3;

function legible(colour, background) {
  let [mixed, behind] = [rgb(colour), rgb(background)];
  if (!mixed || !behind) return colour;
  const end = luminance(behind) > 0.4 ? 0 : 255;
  for (let step = 0; contrast(mixed, behind) < LEAST_CONTRAST && step < 12; step += 1) {
    mixed = mixed.map((part) => part + (end - part) * 0.1);
  }
  return `rgb(${mixed.map(Math.round).join(",")})`;
}

function rgb(colour) {
  const hex = /^#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})$/i.exec(colour);
  return hex?.slice(1).map((part) => parseInt(part, 16));
}

function luminance(parts) {
  const [red, green, blue] = parts.map((part) => {
    const share = part / 255;
    return share <= 0.03928 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(one, other) {
  const [lighter, darker] = [luminance(one), luminance(other)].sort((a, b) => b - a);
  return (lighter + 0.05) / (darker + 0.05);
}
