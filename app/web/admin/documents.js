/** The view that keeps the documents: upload, a table with status, delete; and the collections. */

import { path, request } from "../core/api.js";
import { confirmed } from "../core/dialog.js";
import { announce, el, iconButton } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { bytes, t, when } from "../core/strings.js";
import { uploadZone } from "./uploads.js";

const PAGE = 50;
const REFRESH_MS = 2000;
const STATUSES = ["ready", "queued", "processing", "partial", "failed"];

/** The view. */
export function open({ fail, changed }) {
  const into = el("select", { id: "into" });
  const table = documentTable(fail, changed);
  const refresh = () => Promise.all([table.load(), collections.load()]).catch(fail);
  const collections = collectionList(fail, () => {
    refresh();
    changed();
  }, (names) => {
    offer(into, names);
    table.offer(names);
  });
  const ended = () => {
    refresh();
    changed();
  };
  const node = el("main", { class: "admin" },
    el("h1", { class: "unseen", t: "admin.title" }),
    el("div", { class: "admin-top" },
      el("section", { class: "card" },
        el("header", { class: "row" }, el("h2", { t: "upload.title" }), el("label", { for: "into", t: "upload.into" }), into),
        uploadZone(() => into.value, ended)),
      collections.node),
    table.node);
  let timer;
  return {
    node,
    async show() {
      clearInterval(timer);
      timer = setInterval(() => document.hidden || table.follow().catch(fail), REFRESH_MS); // fresh while it is looked at
      await refresh();
    },
    hide: () => clearInterval(timer),
  };
}

function offer(select, names, every = []) {
  const chosen = select.value;
  select.replaceChildren(...every, ...names.map((name) => el("option", { value: name }, name)));
  select.value = names.includes(chosen) || every.length ? chosen : names.find((name) => name === "default") ?? names[0] ?? "";
}

function documentTable(fail, changed) {
  const search = el("input", { type: "search", "t-placeholder": "admin.search", "t-aria-label": "admin.search" });
  const every = el("option", { value: "", t: "admin.collection-all" });
  const collection = el("select", { "t-aria-label": "admin.collection" }, every);
  const status = el("select", { "t-aria-label": "admin.status" },
    el("option", { value: "", t: "admin.status-all" }), STATUSES.map((name) => el("option", { value: name, t: `status.${name}` })));
  const rows = el("tbody");
  const none = el("p", { class: "hint empty", hidden: true });
  const more = el("button", { type: "button", class: "quiet", t: "more", hidden: true, onclick: () => read(cursor).catch(fail) });
  const columns = ["document", "collection", "status", "size", "updated", "actions"];
  const node = el("section", { class: "card documents" },
    el("div", { class: "row filters" }, search, collection, status),
    el("table", { "t-aria-label": "admin.table" }, el("thead", {}, el("tr", {}, columns.map((name) => el("th", { scope: "col", t: `admin.${name}` })))), rows),
    none, more);
  let cursor = null;
  let asked = 0;
  let waiting;
  const read = async (from, limit = PAGE) => {
    const turn = ++asked;
    const chosen = { limit: String(limit), q: search.value.trim(), collection: collection.value, status: status.value, cursor: from };
    const query = new URLSearchParams(Object.entries(chosen).filter(([, value]) => value));
    const page = await request("GET", `/v1/documents?${query}`);
    if (turn !== asked) return; // asked again meanwhile
    cursor = page.next_cursor;
    const remove = (document) => deleteDocument(document).then((gone) => gone && (changed(), load())).catch(fail);
    const made = page.items.map((document) => documentRow(document, remove));
    if (from) rows.append(...made);
    else if (!same(rows, made)) rows.replaceChildren(...made);
    more.hidden = !cursor;
    none.hidden = rows.childElementCount > 0;
    none.replaceChildren(el("span", { t: query.size > 1 ? "admin.no-match" : "admin.none" }));
  };
  const load = () => read(null, Math.min(500, Math.max(PAGE, rows.childElementCount)));
  search.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => load().catch(fail), 250);
  });
  for (const select of [collection, status]) select.addEventListener("change", () => load().catch(fail));
  return {
    node,
    load,
    offer: (names) => offer(collection, names, [every]),
    /** Reads the rows again while any of them is under way. */
    follow: async () => rows.querySelector("[data-moving]") && load(),
  };
}

/** Whether the rows say what the new ones say: then they stay, with the focus that may be in them. */
function same(rows, made) {
  return rows.childElementCount === made.length && made.every((row, i) => row.isEqualNode(rows.children[i]));
}

function documentRow(document, remove) {
  const { id, name, title, status, error } = document;
  const moving = [status, document.latest_status].some((state) => state === "queued" || state === "processing");
  const sizes = [document.pages && ["admin.pages", document], document.chunks && ["admin.passages", document]].filter(Boolean);
  const counts = Object.entries(document.counts ?? {}).map(([step, count]) => `${step}: ${count}`).join("\n");
  const warnings = (document.warnings ?? []).filter((warning) => !error?.message?.includes(warning)); // it names its reasons
  const latest = document.latest_status;
  const note = document.version && latest && document.latest_version !== document.version
    && [latest === "failed" ? "admin.update-failed" : "admin.updating", { version: document.latest_version }];
  return el("tr", { "data-moving": moving, "data-id": id },
    el("th", { scope: "row" }, el("span", { class: "name" }, title || name), title && title !== name && el("span", { class: "hint" }, name),
      error && el("span", { class: "problem" }, error.message || error.code),
      warnings.length > 0 && el("span", { class: "hint" }, warnings.join(" ")), note && el("span", { class: "hint", t: note })),
    el("td", { "data-part": "collection" }, document.collection),
    el("td", { "data-part": "status" }, el("span", { class: `status ${status}`, t: `status.${status}` })),
    el("td", { "data-part": "size", title: counts }, el("span", {}, bytes(document.size)), sizes.map((words) => el("span", { class: "hint", t: words }))),
    el("td", { "data-part": "updated" }, el("time", { datetime: document.updated_at }, when(document.updated_at))),
    el("td", { class: "actions" },
      el("a", { class: "icon-button", href: path`/v1/documents/${id}/file`, download: "", "t-aria-label": ["admin.download", { name }], "t-title": ["admin.download", { name }] }, icon("download")),
      iconButton("delete", ["admin.delete", { name }], () => remove(document))));
}

async function deleteDocument({ id, name }) {
  if (!(await confirmed(["admin.delete-sure", { name }], "delete"))) return false;
  await request("DELETE", path`/v1/admin/documents/${id}`);
  announce(t("admin.deleted", { name }));
  return true;
}

function collectionList(fail, changed, offered) {
  const list = el("ul", { class: "collections" });
  const name = el("input", { id: "collection", required: true, maxlength: 64, pattern: "[a-z0-9][a-z0-9_\\-]*", "t-title": "collections.name", "t-placeholder": "collections.new", "t-aria-label": "collections.new" });
  const trouble = el("p", { class: "problem", role: "alert" });
  const submit = (event) => {
    event.preventDefault();
    trouble.textContent = "";
    request("POST", "/v1/admin/collections", { name: name.value.trim() }).then(() => {
      name.value = "";
      changed();
    }, (problem) => {
      trouble.textContent = problem.message;
    });
  };
  const row = (collection) => {
    const remove = async () => {
      if (!(await confirmed(["collections.delete-sure", { name: collection.name, count: collection.documents }], "delete"))) return;
      await request("DELETE", path`/v1/admin/collections/${collection.name}`).then(changed, fail);
    };
    return el("li", {}, el("span", { class: "name" }, collection.name), el("span", { class: "hint", t: ["collections.documents", { count: collection.documents }] }),
      iconButton("delete", ["collections.delete", { name: collection.name }], remove));
  };
  return {
    node: el("section", { class: "card" }, el("h2", { t: "collections.title" }), list,
      el("form", { class: "row", onsubmit: submit }, name, el("button", { class: "quiet", t: "collections.create" })), trouble),
    async load() {
      const { items } = await request("GET", "/v1/admin/collections?limit=500");
      list.replaceChildren(...items.map(row));
      offered(items.map((collection) => collection.name));
    },
  };
}
