/** Builds elements from text alone: nothing that came from a document, a model or a person is ever parsed as HTML. */

import { t } from "./strings.js";

const SVG = "http://www.w3.org/2000/svg";
const PATHS = {
  close: "M6 6l12 12M18 6L6 18",
  delete: "M5 7h14M10 7V5h4v2M7 7l1 12h8l1-12M10.500 11v4.500M13.500 11v4.500",
  download: "M12 4v11M7.500 11L12 15.500 16.500 11M5 19.500h14",
  leave: "M14 5H6v14h8M11 12h9M17 8.500l3.500 3.500-3.500 3.500",
  list: "M4 6.500h16M4 12h16M4 17.500h10",
  new: "M12 5v14M5 12h14",
  retry: "M19 12a7 7 0 1 1-2.200-5.100M19 4v4h-4",
  send: "M12 19V5M6 11l6-6 6 6",
  stop: "M7.500 7.500h9v9h-9z",
  upload: "M12 16V5M7.500 9.500L12 5l4.500 4.500M5 19.500h14",
  shut: "M6 5.500A1.500 1.500 0 0 1 7.500 4H18v16H7.500A1.500 1.500 0 0 1 6 18.500zM6 18.500A1.500 1.500 0 0 1 7.500 17H18M10 8h4",
};

/** el("button", {class: "quiet", t: "chat.send", onclick}, ...children); `t*` props are translated now and on a switch. */
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

/** Sets an element's words by key, or by [key, values]. */
export function say(node, words) {
  sayAs(node, "text", words);
}

function sayAs(node, attribute, words) {
  node.said = { ...node.said, [attribute]: [words].flat() };
  node.toggleAttribute("data-said", true);
  speak(node);
}

function speak(node) {
  for (const [attribute, [key, values]] of Object.entries(node.said ?? {})) {
    if (attribute === "text") node.textContent = t(key, values);
    else node.setAttribute(attribute, t(key, values));
  }
}

/** Says everything on the page again, after the language changed. */
export function respeak() {
  document.querySelectorAll("[data-said]").forEach(speak);
}

/** A line drawing in the colour of the text, hidden from screen readers. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", PATHS[name]);
  svg.append(path);
  return svg;
}

/** A button that shows only an icon; its words are its label and its tooltip. */
export function iconButton(name, words, onclick, extra = {}) {
  return el("button", { type: "button", class: "icon-button", "t-aria-label": words, "t-title": words, onclick, ...extra }, icon(name));
}

/** Reads a text out to screen readers, after what is still being read. */
export function announce(text) {
  const log = document.getElementById("announcer");
  log.append(el("p", {}, text));
  while (log.childElementCount > 20) log.firstElementChild.remove();
}

/** Asks in a modal dialog; true when the dangerous button was chosen. */
export function confirmed(question, action) {
  const dialog = el("dialog", { class: "confirm", "aria-labelledby": "confirm-words" },
    el("form", { method: "dialog" },
      el("p", { id: "confirm-words", t: question }),
      el("div", { class: "row end" },
        el("button", { class: "quiet", value: "no", autofocus: true, t: "cancel" }),
        el("button", { class: "danger", value: "yes", t: action }))));
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
  });
}
