/** The view of the documents: add some, find them among a hundred thousand, follow what is under way; one of them whole. */

import { path, request } from "../core/api.js";
import { el, iconButton, renew, wordButton } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { address } from "../core/address.js";
import { bytes, reason } from "../core/strings.js";
import { deleteDocument, documentPage } from "./document.js";
import { every, hint, moment, repeatedly } from "./parts.js";
import { uploadZone } from "./uploads.js";
import { warning } from "./warnings.js";

const PAGE = 50;
const REFRESH_MS = 3000;
const STATUSES = ["ready", "queued", "processing", "partial", "failed"];
const COLUMNS = [["document", "name"], ["collection"], ["status"], ["size", "size"], ["updated", "updated"], ["actions"]];
const NEWEST = "-created";

/** The view; see views.js. */
export function open({ fail, changed }) {
  const into = el("select", { id: "into" });
  const table = documentTable(fail, changed);
  const refresh = () => Promise.all([table.load(), every("/v1/admin/collections").then((all) => {
    const names = all.map(({ name }) => name);
    offer(into, names, names.includes("default") ? "default" : names[0]);
    table.offer(names);
  })]).catch(fail);
  const zone = uploadZone(() => into.value, () => changed());
  const list = el("div", {}, el("h1", { t: "admin.title" }),
    el("section", { class: "card", "t-aria-label": "upload.title" }, el("header", { class: "row" }, el("h2", { t: "upload.title" }), el("label", { for: "into", t: "upload.into" }), into), zone), table.node);
  const one = el("div", { hidden: true });
  let hide = () => {};
  return {
    node: el("main", { class: "admin" }, list, one),
    refresh: () => list.isConnected && !list.hidden && refresh(),
    async show([, id], query) {
      hide();
      list.hidden = Boolean(id);
      one.hidden = !id;
      one.replaceChildren();
      if (id) return documentPage(one, id, { fail, changed }).then(() => one.querySelector("h1").focus());
      table.narrow(query);
      hide = repeatedly(table.follow, REFRESH_MS, fail);
      await refresh();
    },
    hide() {
      hide();
      one.replaceChildren();
    },
  };
}

/** Offers names beside what is there always; what was chosen stays chosen. */
function offer(select, names, otherwise = "") {
  const chosen = select.value || otherwise;
  select.replaceChildren(...[...select.options].filter(({ value }) => !value), ...names.map((name) => el("option", { value: name }, name)));
  select.value = names.includes(chosen) ? chosen : otherwise;
}

function documentTable(fail, changed) {
  const search = el("input", { type: "search", maxlength: 200, "t-placeholder": "admin.search", "t-aria-label": "admin.search" });
  const collection = el("select", { "t-aria-label": "admin.collection" }, el("option", { value: "", t: "admin.collection-all" }));
  const status = el("select", { "t-aria-label": "admin.status" }, el("option", { value: "", t: "admin.status-all" }), STATUSES.map((name) => el("option", { value: name, t: `status.${name}` })));
  const rows = el("tbody");
  const none = el("p", { class: "hint empty", hidden: true });
  const place = el("p", { class: "hint", role: "status" });
  const back = wordButton("back", "admin.previous", () => turn(cursors.slice(0, -1)));
  const on = wordButton("forward", "admin.next", () => turn([...cursors, next]));
  const heads = COLUMNS.map(([name, key]) => el("th", { scope: "col", "data-key": key }, key ? el("button", { type: "button", class: "sort", t: `admin.${name}`, onclick: () => sortBy(key) }) : el("span", { t: `admin.${name}` })));
  let sort = NEWEST;
  let cursors = [""]; // of the pages up to the one that is shown
  let next = "";
  let asked = 0;
  let waiting;

  const wanted = (extra) => new URLSearchParams(Object.entries({ sort: sort === NEWEST ? "" : sort, q: search.value.trim(), collection: collection.value, status: status.value, ...extra }).filter(([, value]) => value));
  const load = async () => {
    const turn = ++asked;
    const page = await request("GET", `/v1/documents?${wanted({ limit: PAGE, cursor: cursors.at(-1) })}`);
    if (turn !== asked) return; // asked again meanwhile
    next = page.next_cursor;
    const remove = (document) => deleteDocument(document).then((gone) => gone && changed()).catch(fail);
    const standing = new Map([...rows.children].map((row) => [row.dataset.id, row]));
    const made = page.items.map((document) => documentRow(document, remove));
    renew(rows, made.map((row) => (row.isEqualNode(standing.get(row.dataset.id)) ? standing.get(row.dataset.id) : row)));
    const from = (cursors.length - 1) * PAGE;
    none.hidden = made.length > 0;
    none.replaceChildren(el("span", { t: search.value.trim() || collection.value || status.value ? "admin.no-match" : "admin.none" }));
    place.replaceChildren(made.length ? el("span", { t: ["admin.place", { from: from + 1, to: from + made.length }] }) : "");
    back.disabled = cursors.length === 1;
    on.disabled = !next;
  };
  const turn = (to) => {
    cursors = to;
    return load().then(() => node.scrollIntoView({ block: "nearest" })).catch(fail);
  };
  const begin = () => {
    cursors = [""];
    for (const head of heads) if (head.dataset.key) head.setAttribute("aria-sort", sort === head.dataset.key ? "ascending" : sort === `-${head.dataset.key}` ? "descending" : "none");
    const query = wanted({}).toString();
    history.replaceState(null, "", `${address("documents")}${query && `?${query}`}`); // a reload, or a friend, sees the same
  };
  const anew = () => {
    begin();
    load().catch(fail);
  };
  const sortBy = (key) => {
    sort = sort === key ? `-${key}` : sort === `-${key}` ? NEWEST : key;
    anew();
  };
  search.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(anew, 250);
  });
  for (const select of [collection, status]) select.addEventListener("change", anew);
  const node = el("section", { class: "card documents", "t-aria-label": "admin.table" },
    el("div", { class: "row filters" }, search, collection, status),
    el("table", { "t-aria-label": "admin.table" }, el("thead", {}, el("tr", {}, heads)), rows), none,
    el("nav", { class: "row pager", "t-aria-label": "admin.pages-of" }, back, place, on));
  return {
    node,
    load,
    offer: (names) => offer(collection, names),
    /** Shows what the address asks for. */
    narrow(query) {
      const [name, key] = [query.get("collection") ?? "", query.get("sort") ?? ""];
      if (name && ![...collection.options].some(({ value }) => value === name)) collection.append(el("option", { value: name }, name));
      collection.value = name;
      search.value = query.get("q") ?? "";
      status.value = STATUSES.includes(query.get("status")) ? query.get("status") : "";
      sort = COLUMNS.some(([, known]) => known && known === key.replace(/^-/, "")) ? key : NEWEST;
      begin();
    },
    /** Reads the rows again while any of them is under way. */
    follow: async () => rows.querySelector("[data-moving]") && load(),
  };
}

function documentRow(document, remove) {
  const { id, name, title, status, error, version, latest_version: latest, latest_status: coming } = document;
  const moving = [status, coming].some((state) => state === "queued" || state === "processing");
  const warnings = document.warnings.filter((warning) => !error?.message.includes(warning)); // it names its reasons
  const sizes = [document.pages && ["admin.pages", document], document.chunks && ["admin.passages", document]].filter(Boolean);
  return el("tr", { "data-moving": moving, "data-id": id },
    el("th", { scope: "row" }, el("a", { class: "name", href: address("documents", id) }, name), !name.startsWith(title) && el("span", { class: "hint" }, title),
      error && el("span", { class: "problem" }, reason(error)), warnings.length > 0 && el("span", { class: "hint", t: () => warnings.map(warning).join(" ") }),
      version && latest !== version && coming !== "ready" && hint([coming === "failed" ? "admin.update-failed" : "admin.updating", { version: latest }])),
    el("td", { "data-part": "collection" }, document.collection),
    el("td", { "data-part": "status" }, el("span", { class: `status ${status}`, t: `status.${status}` })),
    el("td", { "data-part": "size" }, bytes(document.size), sizes.map((words) => el("span", { class: "hint", t: words }))),
    el("td", { "data-part": "updated" }, moment(document.updated_at)),
    el("td", { class: "actions" },
      el("a", { class: "icon-button", href: path`/v1/documents/${id}/file`, download: "", "t-aria-label": ["admin.download", { name }], "t-title": ["admin.download", { name }] }, icon("download")),
      iconButton("delete", ["admin.delete", { name }], () => remove(document))));
}
