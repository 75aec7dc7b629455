/** Light, dark, or as the system has it; remembered in this browser. */

const KEPT = "openbook.theme";
export const THEMES = ["system", "light", "dark"];

/** The theme that is chosen. */
export function theme() {
  const kept = localStorage.getItem(KEPT);
  return THEMES.includes(kept) ? kept : "system";
}

/** Chooses a theme and shows it. */
export function setTheme(name) {
  localStorage.setItem(KEPT, name);
  document.documentElement.dataset.theme = name;
}

document.documentElement.dataset.theme = theme();
