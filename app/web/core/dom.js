/** Builds elements from text alone: nothing that came from a document, a model or a person is ever parsed as HTML. */

import { icon } from "./icons.js";
import { t } from "./strings.js";

/** el("button", {class: "quiet", t: "chat.send", onclick}, ...children); `t*` props are words as `say` takes them. */
export function el(name, props = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (key === "t") say(node, value);
    else if (key.startsWith("t-")) sayAs(node, key.slice(2), value);
    else node.setAttribute(key, value === true ? "" : String(value));
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

/** Sets an element's words by key, by [key, values] or by what a function gives; they are said anew when the language changes. */
export function say(node, words) {
  sayAs(node, "text", words);
}

/** Sets an attribute's words, given in the same ways. */
export function sayAs(node, attribute, words) {
  node.said = { ...node.said, [attribute]: [words].flat() };
  node.toggleAttribute("data-said", true);
  speak(node);
}

function speak(node) {
  for (const [attribute, [key, values]] of Object.entries(node.said ?? {})) {
    const words = typeof key === "function" ? key() : t(key, values);
    if (attribute === "text") node.textContent = words;
    else node.setAttribute(attribute, words);
  }
}

/** Says everything on the page again, and in `views` that are off it just now, after the language changed. */
export function respeak(views = []) {
  for (const root of [document, ...views]) root.querySelectorAll("[data-said]").forEach(speak);
}

/** Gives a node these children; those that it has stay untouched: one may be pressed just now, or have the focus. */
export function renew(node, children) {
  for (const child of [...node.children]) if (!children.includes(child)) child.remove();
  children.forEach((child, place) => child === node.children[place] || node.insertBefore(child, node.children[place] ?? null));
}

/** A button that shows only an icon; its words are its label and its tooltip. */
export function iconButton(name, words, onclick, extra = {}) {
  return el("button", { type: "button", class: "icon-button", "t-aria-label": words, "t-title": words, onclick, ...extra }, icon(name));
}

/** A button with an icon and words. */
export function wordButton(name, words, onclick, extra = {}) {
  return el("button", { type: "button", class: "quiet", onclick, ...extra }, icon(name), el("span", { t: words }));
}

/** Reads a text out to screen readers, after what is still being read. */
export function announce(text) {
  if (!text) return;
  const log = document.getElementById("announcer");
  log.append(el("p", {}, text));
  while (log.childElementCount > 20) log.firstElementChild.remove();
}
