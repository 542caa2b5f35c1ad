/** Light or dark: as the system says, until somebody chooses; the choice is remembered. */

const KEY = "dashboard-theme";
const system = matchMedia("(prefers-color-scheme: dark)");

/**
 * @param {HTMLButtonElement} button
 * @param {() => void} changed called when the theme is another
 */
export function watchTheme(button, changed) {
  const { dataset } = document.documentElement;
  const set = (/** @type {string} */ theme) => {
    dataset.theme = theme;
    button.setAttribute("aria-pressed", String(theme === "dark"));
  };
  set(dataset.theme ?? "light");
  button.addEventListener("click", () => {
    const chosen = dataset.theme === "dark" ? "light" : "dark";
    set(chosen);
    localStorage.setItem(KEY, chosen);
    changed();
  });
  system.addEventListener("change", () => {
    if (localStorage.getItem(KEY)) return;
    set(system.matches ? "dark" : "light");
    changed();
  });
}
