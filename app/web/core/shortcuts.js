/** Keys that work anywhere on the page, and the dialog that lists them. */

import { shown } from "./dialog.js";
import { el } from "./dom.js";
import { go } from "./router.js";

/** Key → what it does; a view may add its own while it is open. One letter alone counts outside of fields only. */
const KEYS = new Map([
  ["?", ["shortcuts.list", shortcutsDialog]],
  ["n", ["shortcuts.new", () => go("")]],
  ["/", ["shortcuts.ask", () => document.getElementById("question")?.focus()]],
]);
const SAID = [["Enter", "shortcuts.send"], ["Shift Enter", "shortcuts.line"], ["Esc", "shortcuts.close"]];

/** Adds a key that works while the view that adds it is on the page. */
export function addShortcut(key, words, act) {
  KEYS.set(key, [words, act]);
}

/** Does what a pressed key means. */
export function shortcutKeys(event) {
  const typing = event.target.closest?.("input, textarea, select, dialog, [contenteditable]");
  if (typing || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  const found = KEYS.get(event.key);
  if (!found || !document.querySelector(".top")) return;
  event.preventDefault();
  found[1]();
}

/** Lists every key. */
export function shortcutsDialog() {
  const rows = [...[...KEYS].map(([key, [words]]) => [key, words]), ...SAID];
  const keys = (names) => names.split(" ").map((name) => el("kbd", {}, name));
  return shown("shortcuts", el("dl", { class: "shortcuts" }, rows.map(([key, words]) => el("div", {}, el("dt", {}, keys(key)), el("dd", { t: words })))));
}
