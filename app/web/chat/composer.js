/** The box that takes a question, and the collection to ask. */

import { el, iconButton } from "../core/dom.js";
import { currentSession } from "../core/session.js";

let unasked = ""; // a question that met its session's end

/** The form. `ask(question)` is called for each question, `stop()` for a click while one is being answered. */
export function composerForm(ask, stop) {
  const text = el("textarea", { id: "question", rows: 1, maxlength: 4000, "t-placeholder": "chat.placeholder", "t-aria-label": "chat.question" });
  text.value = unasked;
  unasked = "";
  const collection = el("select", { "t-aria-label": "chat.collection", hidden: true }, el("option", { value: "", t: "chat.everywhere" }));
  const go = iconButton("send", "chat.send", undefined, { type: "submit", class: "icon-button primary" });
  const halt = iconButton("stop", "chat.stop", stop, { class: "icon-button primary halt", hidden: true });
  const submit = (event) => {
    event.preventDefault();
    const question = text.value.trim();
    if (!question || !halt.hidden) return;
    text.value = "";
    ask(question);
  };
  const node = el("form", { class: "composer", onsubmit: submit }, el("div", { class: "composer-box" }, text, el("div", { class: "row end" }, collection, go, halt)));
  text.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return; // Enter also ends a Chinese word
    event.preventDefault();
    node.requestSubmit();
  });
  return {
    node,
    focus: () => text.focus(),
    /** Keeps a question for the next session's composer. */
    keep(question) {
      unasked = question;
    },
    collections: () => (collection.value ? [collection.value] : null),
    busy(now) {
      const inside = node.contains(document.activeElement);
      go.hidden = now;
      halt.hidden = !now;
      if (inside) text.focus();
    },
    /** Offers the collections, where there is a choice. */
    async load() {
      const names = (await currentSession())?.collections ?? [];
      collection.replaceChildren(collection.firstElementChild, ...names.map((name) => el("option", { value: name }, name)));
      collection.hidden = names.length < 2;
    },
  };
}

