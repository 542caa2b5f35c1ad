// Before anything is painted, so that a dark page never flashes white.
{
  const remembered = localStorage.getItem("dashboard-theme");
  const dark = remembered
    ? remembered === "dark"
    : matchMedia("(prefers-color-scheme: dark)").matches;
  document.documentElement.dataset.theme = dark ? "dark" : "light";
}
