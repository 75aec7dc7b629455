/** What the administrator's views are made of: cards, tables, facts, moments, and lists read whole. */

import { pages } from "../core/api.js";
import { el } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { t, when } from "../core/strings.js";

/** Small, soft words by key. */
export const hint = (words, extra = {}) => el("p", { class: "hint", t: words, ...extra });

/** A section with a heading. */
export function card(title, ...children) {
  return el("section", { class: "card", "t-aria-label": title }, el("h2", { t: title }), ...children);
}

/** A table with its heads by key; a row is [head, ...cells], each text, a node or a list of them. */
export function table(label, heads, rows) {
  return el("div", { class: "wide", tabindex: 0 }, el("table", { "t-aria-label": label },
    el("thead", {}, el("tr", {}, heads.map((key) => el("th", { scope: "col", t: key })))),
    el("tbody", {}, rows.map(([head, ...cells]) => el("tr", {}, el("th", { scope: "row" }, head), cells.map((cell) => el("td", {}, cell)))))));
}

/** Pairs of a key (or plain text, in a list of one) and a value; an empty value is left out. */
export function facts(pairs) {
  return el("dl", { class: "facts-list" }, pairs.filter(([, value]) => value).map(([key, value]) => el("div", {}, Array.isArray(key) ? el("dt", {}, key[0]) : el("dt", { t: key }), el("dd", {}, value))));
}

/** A moment as the page writes it. */
export const moment = (iso) => iso && el("time", { datetime: iso, t: () => when(iso) });

/** A label that looks like a button and chooses files. */
export function fileButton(id, words, take, extra = {}) {
  const input = el("input", { type: "file", class: "unseen", id, ...extra });
  input.addEventListener("change", () => {
    const files = [...input.files];
    input.value = ""; // so that the same file can be chosen again
    if (files.length) take(files);
  });
  return el("span", {}, input, el("label", { class: "button", for: id }, icon("upload"), el("span", { t: words })));
}

/** All rows of a list. */
export async function every(address) {
  const found = [];
  for await (const some of pages(address)) found.push(...some);
  return found;
}

/** A language's name in the language of the page. */
export function languageName(code) {
  if (!code || code === "und") return t("language.unknown");
  return new Intl.DisplayNames([document.documentElement.lang], { type: "language" }).of(code);
}

/** Runs `load` now and every so often while the page is looked at; gives what ends that. */
export function repeatedly(load, milliseconds, fail) {
  const timer = setInterval(() => !document.hidden && load().catch(fail), milliseconds);
  return () => clearInterval(timer);
}
