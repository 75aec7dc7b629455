/** The box that takes a question; beside it, which collection and which documents to ask. */

import { el, iconButton, say } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { currentSession } from "../core/session.js";

const TYPES = {
  pdf: "application/pdf",
  word: "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
  html: "text/html",
  markdown: "text/markdown",
  text: "text/plain",
};
const FIELD = "\\s*[\\p{L}\\p{Nd}_][\\p{L}\\p{Nd}_ .:\\/\\-]*"; // the names that the service takes, in any script
const DAYS = { min: "1900-01-01", max: "2999-12-31" }; // a year half typed is none
let unasked = ""; // a question that met its session's end

/** The form. `ask(question)` is called for each question, `stop()` for a click while one is answered, `chosen()` on another collection. */
export function composerForm(ask, stop, chosen) {
  const text = el("textarea", { id: "question", rows: 1, maxlength: 4000, "t-placeholder": "chat.placeholder", "t-aria-label": "chat.question", enterkeyhint: "send" });
  text.value = unasked;
  unasked = "";
  const collection = el("select", { "t-aria-label": "chat.collection", hidden: true, onchange: () => chosen() }, el("option", { value: "", t: "chat.everywhere" }));
  const filter = filterFields();
  const go = iconButton("send", "chat.send", undefined, { type: "submit", class: "icon-button primary" });
  const halt = iconButton("stop", "chat.stop", stop, { class: "icon-button primary halt", hidden: true });
  const submit = (event) => {
    event.preventDefault();
    const question = text.value.trim();
    if (!question || !halt.hidden || !filter.ready()) return;
    text.value = "";
    ask(question);
  };
  const node = el("form", { class: "composer", novalidate: true, onsubmit: submit }, el("div", { class: "composer-box" }, text,
    el("div", { class: "row" }, collection, filter.button, filter.node, el("span", { class: "gap" }), go, halt)));
  text.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return; // Enter also ends a Chinese word
    event.preventDefault();
    node.requestSubmit();
  });
  return {
    node,
    focus: () => text.focus({ preventScroll: true }),
    /** Puts a question into the box, to be changed and asked. */
    edit(question) {
      text.value = question;
      text.focus();
    },
    /** Keeps a question for the next session's composer. */
    keep(question) {
      unasked = question;
    },
    ready: () => filter.ready(),
    /** Where to ask: {collections, filter}, as the API has them. */
    scope: () => ({ collections: collection.value ? [collection.value] : null, filter: filter.value() }),
    busy(now) {
      const inside = node.contains(document.activeElement);
      go.hidden = now;
      halt.hidden = !now;
      if (inside) text.focus();
    },
    /** Offers the collections, where there is a choice. */
    async load() {
      const names = (await currentSession())?.collections ?? [];
      const before = collection.value;
      collection.replaceChildren(collection.firstElementChild, ...names.map((name) => el("option", { value: name }, name)));
      collection.value = names.includes(before) ? before : "";
      collection.hidden = names.length < 2;
    },
  };
}

/** Conditions on the documents: their type, when they were added, a field of their metadata. */
function filterFields() {
  const type = el("select", { id: "filter-type" }, el("option", { value: "", t: "filter.any" }), Object.keys(TYPES).map((name) => el("option", { value: name, t: `filter.${name}` })));
  const from = el("input", { id: "filter-from", type: "date", ...DAYS });
  const until = el("input", { id: "filter-until", type: "date", ...DAYS });
  const field = el("input", { id: "filter-field", maxlength: 64, pattern: FIELD, "t-placeholder": "filter.field-example", "t-title": "filter.field-rule", autocapitalize: "none" });
  const value = el("input", { id: "filter-value", maxlength: 200 });
  const fields = [type, from, until, field, value];
  const count = el("span", { class: "count", hidden: true });
  const button = el("button", { type: "button", class: "filter-button", popovertarget: "filter", "t-title": "filter.title" }, icon("filter"), el("span", { t: "filter" }), count);
  const line = (label, input) => [el("label", { for: input.id, t: label }), input];
  const node = el("div", { id: "filter", class: "filter", popover: true, role: "group", "t-aria-label": "filter.title" },
    el("p", { class: "hint", t: "filter.title" }),
    el("div", { class: "filter-grid" }, line("filter.type", type), line("filter.from", from), line("filter.until", until), line("filter.field", field), line("filter.value", value)),
    el("div", { class: "row end" },
      el("button", { type: "button", class: "quiet", t: "filter.clear", onclick: () => {
        for (const each of fields) each.value = "";
        tell();
      } }),
      el("button", { type: "button", class: "primary", popovertarget: "filter", popovertargetaction: "hide", t: "filter.done" })));
  const conditions = () => [
    type.value && { field: "media_type", op: "eq", value: TYPES[type.value] },
    from.value && { field: "created_at", op: "gte", value: midnight(from.value) },
    until.value && { field: "created_at", op: "lt", value: midnight(until.value, 1) },
    field.value.trim() && field.validity.valid && { field: `metadata.${field.value.trim()}`, op: value.value.trim() ? "eq" : "exists", value: value.value.trim() ? typed(value.value.trim()) : true },
  ].filter(Boolean);
  const tell = () => {
    const size = conditions().length;
    count.hidden = !size;
    say(count, ["filter.count", { count: size }]);
  };
  for (const each of fields) each.addEventListener("input", tell);
  /** Whether each field can be used; one that cannot is shown and says why. */
  const ready = () => {
    const bad = fields.find((each) => !each.validity.valid);
    if (bad) node.togglePopover(true);
    return bad?.reportValidity() ?? true;
  };
  return { button, node, ready, value: () => (conditions().length ? { all: conditions() } : null) };
}

/** The moment at which a day begins where the page is read, or the day some days `later`. */
function midnight(day, later = 0) {
  const moment = new Date(`${day}T00:00:00`);
  moment.setDate(moment.getDate() + later);
  return moment.toISOString();
}

/** Metadata is compared by type: what looks like a number or a truth is one. */
function typed(words) {
  if (words === "true" || words === "false") return words === "true";
  return /^-?\d+(\.\d+)?$/.test(words) ? Number(words) : words;
}
