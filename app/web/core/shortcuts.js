/** Keys that work anywhere on the page, and the dialog that lists them. */

import { shown } from "./dialog.js";
import { el } from "./dom.js";
import { go } from "./address.js";

/** Key → what it does; a view may add its own while it is open. One letter alone counts outside of fields only. */
const KEYS = new Map([
  ["?", ["shortcuts.list", shortcutsDialog]],
  ["n", ["shortcuts.new", () => go("")]],
  ["/", ["shortcuts.ask", () => document.getElementById("question")?.focus()]],
]);
const KEPT = "openbook.letters"; // "off" for those whom single letters disturb
const SAID = [["Enter", "shortcuts.send"], ["Shift Enter", "shortcuts.line"], ["Esc", "shortcuts.close"]];

/** Adds a key that works while the view that adds it is on the page. */
export function addShortcut(key, words, act) {
  KEYS.set(key, [words, act]);
}

/** Does what a pressed key means. */
export function shortcutKeys(event) {
  const typing = event.target.closest?.("input, textarea, select, dialog, [contenteditable]");
  if (typing || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  const found = localStorage.getItem(KEPT) === "off" ? undefined : KEYS.get(event.key);
  if (!found || !document.querySelector(".top")) return;
  event.preventDefault();
  found[1]();
}

/** Lists every key. */
export function shortcutsDialog() {
  const rows = [...[...KEYS].map(([key, [words]]) => [key, words]), ...SAID];
  const keys = (names) => names.split(" ").map((name) => el("kbd", {}, name));
  const turn = (event) => localStorage.setItem(KEPT, event.target.checked ? "on" : "off");
  const letters = el("input", { type: "checkbox", checked: localStorage.getItem(KEPT) !== "off", onchange: turn });
  return shown("shortcuts", el("label", { class: "row" }, letters, el("span", { t: "shortcuts.letters" })), el("dl", { class: "shortcuts" }, rows.map(([key, words]) => el("div", {}, el("dt", {}, keys(key)), el("dd", { t: words })))));
}
