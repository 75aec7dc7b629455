/** One document whole: its facts, its passages as the system sees them, its versions, and what can be done with it. */

import { path, request, upload } from "../core/api.js";
import { copied } from "../core/clipboard.js";
import { asked, confirmed, shown } from "../core/dialog.js";
import { announce, el, iconButton, say, wordButton } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { address, go } from "../core/address.js";
import { bytes, figure, known, reason, t } from "../core/strings.js";
import { card, facts, fileButton, hint, languageName, moment } from "./parts.js";
import { passagesPart } from "./passages.js";
import { versionsPart } from "./versions.js";
import { warning } from "./warnings.js";

const REFRESH_MS = 2000;

/** Asks, then deletes; gives whether it did. */
export async function deleteDocument({ id, name }) {
  if (!(await confirmed(["admin.delete-sure", { name }], "delete"))) return false;
  await request("DELETE", path`/v1/admin/documents/${id}`);
  announce(t("admin.deleted", { name }));
  return true;
}

/** Shows the document in `stage`, and again when it changes. */
export async function documentPage(stage, id, { fail, changed }) {
  const found = await request("GET", path`/v1/documents/${id}`);
  const again = () => documentPage(stage, id, { fail, changed }).catch(fail);
  const act = (work) => () => work().then((done) => done !== false && (changed(), again())).catch(fail);
  const base = path`/v1/admin/documents/${id}`;
  const state = el("p", { class: "hint", role: "status" });
  const rename = async () => {
    const name = await asked("document.rename", found.name, "document.rename", 1, 255);
    return name !== null && name !== "" && request("PATCH", base, { name });
  };
  const remove = () => deleteDocument(found).then((done) => done && (changed(), go("documents"))).catch(fail);
  const replace = ([file]) => act(async () => {
    const sending = (share) => state.replaceChildren(t("upload.sending", { percent: Math.round(share * 100) }));
    const [entry] = await upload([file], { replaces: id }, sending).finally(() => state.replaceChildren());
    announce(t(entry.duplicate ? "document.same" : "document.new-version-sent"));
  })();
  stage.replaceChildren(
    el("header", { class: "document-head" },
      el("a", { class: "back", href: address("documents") }, icon("back"), el("span", { t: "document.back" })), el("h1", { tabindex: "-1" }, found.title || found.name),
      el("p", { class: "row wrap" }, el("span", { class: `status ${found.status}`, t: `status.${found.status}` }), el("span", { class: "hint" }, found.name)),
      el("div", { class: "row wrap" },
        el("a", { class: "button", href: path`/v1/documents/${id}/file`, download: "" }, icon("download"), el("span", { t: "document.original" })),
        wordButton("edit", "document.rename", act(rename)), fileButton("new-version", "document.new-version", replace), wordButton("delete", "delete", remove)), state),
    el("div", { class: "document-parts" },
      el("div", {}, notes(found, act), passagesPart(found, fail)),
      el("aside", { "t-aria-label": "document.facts" }, factsPart(found), metadataPart(found, base, act), versionsPart(found, act))));
  const moving = [found.status, found.latest_status].some((each) => each === "queued" || each === "processing");
  const head = stage.firstChild;
  if (moving) setTimeout(() => head.isConnected && again(), REFRESH_MS);
}

/** What went wrong or was left out, and what can be done about it. */
function notes(found, act) {
  const said = [
    found.error && el("p", {}, reason(found.error)),
    found.version && found.latest_version !== found.version && found.latest_status !== "ready" && el("p", { t: [found.latest_status === "failed" ? "admin.update-failed" : "admin.updating", { version: found.latest_version }] }),
    ...found.warnings.filter((each) => !found.error?.message.includes(each)).map((each) => el("p", { t: () => warning(each) })),
    found.latest_status === "failed" && found.job_id && el("p", {}, wordButton("retry", "document.read-again", act(() => request("POST", path`/v1/admin/jobs/${found.job_id}/retry`)))),
  ].filter(Boolean);
  return said.length ? el("section", { class: `card notes ${found.status}`, "t-aria-label": "document.notes" }, said) : "";
}

function factsPart(found) {
  const counts = Object.entries(found.counts);
  const languages = counts.filter(([step]) => step.startsWith("chunks_")).map(([step, count]) => `${languageName(step.slice(7))} ${figure(count)}`);
  return card("document.facts", facts([
    ["admin.collection", found.collection], ["admin.size", bytes(found.size)], ["document.kind", found.media_type],
    ["document.pages", found.pages && figure(found.pages)], ["document.passages", found.chunks && figure(found.chunks)],
    ["document.language", languages.length > 1 ? languages.join(", ") : found.language && languageName(found.language)],
    ["document.effective", moment(found.effective_at)], ["document.uploaded", moment(found.created_at)], ["admin.updated", moment(found.updated_at)],
    ...counts.filter(([step]) => !step.startsWith("chunks_")).map(([step, count]) => [known(`counts.${step}`) ? `counts.${step}` : [step.replaceAll("_", " ")], figure(count)]),
    [["SHA-256"], [el("code", {}, `${found.sha256.slice(0, 12)}…`), iconButton("copy", "document.copy-hash", () => copied(found.sha256))]]]));
}

/** A value as it is typed: text as it is, unless it would be read as something else. */
const written = (value) => (typeof value === "string" && read(value) === value ? value : JSON.stringify(value));

/** A typed value: a number, true, false, a list or a text in quotes is taken as such; all else is text. */
function read(text) {
  try {
    const value = JSON.parse(text);
    return value !== null && (typeof value !== "object" || Array.isArray(value)) ? value : text;
  } catch {
    return text;
  }
}

function metadataPart(found, base, act) {
  const entries = Object.entries(found.metadata);
  const part = card("metadata.title", entries.length ? facts(entries.map(([key, value]) => [[key], written(value) || "–"])) : hint("metadata.none"), wordButton("edit", "metadata.edit", act(() => edited(entries, base))));
  return part;
}

/** Edits the metadata as rows of a name and a value; a refusal is said in the dialog, which stays. */
async function edited(entries, base) {
  const rows = el("div", { class: "metadata-rows" });
  const trouble = el("p", { class: "problem", role: "alert" });
  const add = ([key, value]) => {
    const name = el("input", { value: key, maxlength: 64, required: true, "t-aria-label": "keys.name" });
    const row = el("div", { class: "row" }, name, el("input", { value, "t-aria-label": ["metadata.value-of", { key }] }), iconButton("delete", ["metadata.remove", { key }], () => row.remove()));
    rows.append(row);
    return name;
  };
  for (const [key, value] of entries) add([key, written(value)]);
  const save = async (event) => {
    event.preventDefault();
    const all = [...rows.children].map((row) => [...row.querySelectorAll("input")].map(({ value }) => value.trim())).map(([key, value]) => [key, read(value)]);
    await request("PATCH", base, { metadata: Object.fromEntries(all) }).then(() => event.target.closest("dialog").close("yes"), (problem) => say(trouble, () => problem.message));
  };
  const form = el("form", { onsubmit: save }, hint("metadata.hint"), rows, trouble,
    el("div", { class: "row end" }, wordButton("new", "metadata.add", () => add(["", ""]).focus()), el("button", { class: "primary", t: "save" })));
  return (await shown("metadata.edit", form)) === "yes";
}
