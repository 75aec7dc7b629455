/** The view of the collections: made, changed, indexed anew, exported, imported and deleted. */

import { path, request, sendFile } from "../core/api.js";
import { confirmed, shown } from "../core/dialog.js";
import { announce, el, iconButton, wordButton } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { figure, reason, t } from "../core/strings.js";
import { card, every, facts, fileButton, hint, moment, repeatedly } from "./parts.js";

const KINDS = ["email", "phone", "iban", "card", "id", "ip"];
const REFRESH_MS = 2000;

/** The view; see views.js. */
export function open({ fail, changed }) {
  const list = el("ul", { class: "collections", "t-aria-label": "collections.title" });
  const none = hint("collections.none", { hidden: true });
  let hide = () => {};
  let before = "";
  const load = async () => {
    const found = await every("/v1/admin/collections");
    const now = JSON.stringify(found) + document.documentElement.lang;
    if (now === before) return; // the focus stays where it is
    before = now;
    list.replaceChildren(...found.map((one) => row(one, act)));
    none.hidden = found.length > 0;
  };
  const act = (work) => () => work().then((done) => done !== false && (changed(), load())).catch(fail);
  const node = el("main", { class: "admin" }, el("h1", { t: "collections.title" }), el("p", { class: "lead", t: "collections.lead" }), makeForm(act), list, none, importPart(act));
  return {
    node,
    async show() {
      hide();
      hide = repeatedly(load, REFRESH_MS, fail);
      await load();
    },
    hide: () => hide(),
  };
}

function kinds(chosen) {
  return el("fieldset", { class: "kinds" }, el("legend", { t: "redact.title" }),
    KINDS.map((kind) => el("label", { class: "row" }, el("input", { type: "checkbox", name: "kind", value: kind, checked: chosen.includes(kind) }), el("span", { t: `redact.${kind}` }))), hint("redact.hint"));
}

const chosenKinds = (form) => [...form.querySelectorAll("[name=kind]:checked")].map(({ value }) => value);

function makeForm(act) {
  const name = el("input", { id: "collection", required: true, maxlength: 64, "t-placeholder": "collections.new" });
  const form = el("form", {}, el("div", { class: "row wrap" }, el("label", { for: "collection", t: "keys.name" }), name, el("button", { class: "primary", t: "create" })),
    el("details", {}, el("summary", { t: "redact.title" }), kinds([])));
  const create = act(async () => {
    const made = await request("POST", "/v1/admin/collections", { name: name.value.trim(), redact: chosenKinds(form) });
    form.reset();
    announce(t("collections.made", made));
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    create();
  });
  return card("collections.make", form);
}

function row(one, act) {
  const { name, documents, redact } = one;
  const base = path`/v1/admin/collections/${name}`;
  const remove = async () => (await confirmed(["collections.delete-sure", { name, count: documents }], "delete")) && request("DELETE", base);
  const change = async () => {
    const form = el("form", { method: "dialog" }, kinds(redact), el("div", { class: "row end" }, el("button", { class: "primary", value: "yes", t: "save" })));
    return (await shown(["redact.change-of", one], form)) === "yes" && request("PATCH", base, { redact: chosenKinds(form) });
  };
  const begin = (options) => act(() => request("POST", `${base}/reindex`, options));
  return el("li", { class: "card" },
    el("header", { class: "row" }, el("h2", {}, name), el("a", { class: "icon-button", href: `${base}/export`, download: "", "t-aria-label": ["collections.export", one], "t-title": ["collections.export", one] }, icon("download")),
      iconButton("delete", ["collections.delete", one], act(remove))),
    facts([
      ["admin.title", el("a", { href: `#/documents?${new URLSearchParams({ collection: name })}`, "t-aria-label": ["collections.documents", { name, count: figure(documents) }] }, figure(documents))],
      ["health.embedder", one.embedder],
      ["redact.title", [redact.map((kind) => t(`redact.${kind}`)).join(", ") || t("redact.none"), " ", el("button", { type: "button", class: "link", t: "redact.change", "t-aria-label": ["redact.change-of", one], onclick: act(change) })]],
      ["keys.made-at", moment(one.created_at)]]),
    one.reindexing ? reindexing(one, base, begin, act) : one.outdated.length > 0 && el("div", { class: "outdated" },
      el("p", {}, one.outdated.flatMap((part) => [el("span", { t: `outdated.${part}` }), " "]), el("span", { t: "outdated.still" })), wordButton("retry", "reindex.begin", begin({}), { "t-aria-label": ["reindex.begin-of", one] })));
}

function reindexing({ name, reindexing: run }, base, begin, act) {
  const told = { done: figure(run.done), documents: figure(run.documents), failed: figure(run.failed) };
  const next = { running: ["stop", "reindex.cancel", act(() => request("POST", `${base}/reindex/cancel`))], cancelled: ["retry", "reindex.go-on", begin({})], stopped: ["forward", "reindex.without-failed", begin({ without_failed: true })] };
  return el("div", { class: "outdated" }, el("p", { t: [`reindex.${run.status}`, told] }),
    el("progress", { max: 1, value: run.documents ? (run.done + run.failed) / run.documents : 0, "t-aria-label": ["reindex.progress", { name }] }),
    run.failures.length > 0 && el("ul", { class: "problem" }, run.failures.map((each) => el("li", {}, `${each.name}: ${reason(each)}`))), wordButton(...next[run.status]));
}

function importPart(act) {
  const state = el("p", { class: "hint", role: "status" });
  const send = (file) => act(async () => {
    const sending = (share) => state.replaceChildren(t(share < 1 ? "upload.sending" : "import.checking", { percent: Math.round(share * 100) }));
    try {
      const done = await sendFile("POST", "/v1/admin/collections/import", file, sending);
      state.replaceChildren(t("import.done", { name: done.collection, documents: figure(done.documents + done.waiting), duplicates: figure(done.duplicates), refused: figure(done.refused.length) }));
    } catch (problem) {
      state.replaceChildren();
      throw problem;
    }
  })();
  return card("import.title", hint("import.hint"), fileButton("import", "import.choose", ([file]) => send(file), { accept: ".tar" }), state);
}
