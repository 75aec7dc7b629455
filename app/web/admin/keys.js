/** The view of the keys: who may ask, made with a role and collections, shown once, revoked. */

import { path, request } from "../core/api.js";
import { copied } from "../core/clipboard.js";
import { confirmed, shown } from "../core/dialog.js";
import { announce, el, iconButton, wordButton } from "../core/dom.js";
import { t } from "../core/strings.js";
import { card, every, hint, moment, table } from "./parts.js";

const COLUMNS = ["keys.name", "keys.role", "keys.collections", "keys.made-at", "keys.used", "admin.actions"];

/** The view; see views.js. */
export function open({ session, fail }) {
  const list = el("section", { class: "card" });
  const limits = el("fieldset", { class: "kinds" });
  const load = async () => {
    const [keys, collections] = await Promise.all([every("/v1/admin/keys"), every("/v1/admin/collections")]);
    const act = (work) => () => work().then(load).catch(fail);
    list.replaceChildren(table("keys.title", COLUMNS, keys.map((key) => row(key, key.id === session.id, act))));
    limits.replaceChildren(el("legend", { t: "keys.limits" }), ...collections.map(({ name }) => el("label", { class: "row" }, el("input", { type: "checkbox", name: "limit", value: name }), name)), hint("keys.limits-hint"));
  };
  const node = el("main", { class: "admin" }, el("h1", { t: "keys.title" }), el("p", { class: "lead", t: "keys.lead" }), makeForm(limits, load, fail), list);
  return { node, show: load };
}

function makeForm(limits, load, fail) {
  const name = el("input", { id: "key-name", required: true, maxlength: 100, autocomplete: "off", "t-placeholder": "keys.name-example" });
  const role = (value) => el("label", {}, el("input", { type: "radio", name: "role", value, checked: value === "reader", onchange: () => { limits.hidden = value === "admin"; } }), el("span", { t: `role.${value}` }));
  const form = el("form", {}, el("div", { class: "row wrap" }, el("label", { for: "key-name", t: "keys.name" }), name,
    el("fieldset", { class: "segments" }, el("legend", { class: "unseen", t: "keys.role" }), ["reader", "admin"].map(role)), el("button", { class: "primary", t: "create" })), limits);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const collections = limits.hidden ? [] : [...limits.querySelectorAll(":checked")].map(({ value }) => value);
    try {
      const made = await request("POST", "/v1/admin/keys", { name: name.value.trim(), role: form.elements.role.value, collections: collections.length ? collections : null });
      form.reset();
      limits.hidden = false;
      await Promise.all([load(), secret(made)]);
    } catch (problem) {
      fail(problem);
    }
  });
  return card("keys.make", form);
}

/** The key itself: the service keeps only its hash, so it is seen here or never. */
function secret(made) {
  const field = el("input", { class: "secret", readonly: true, value: made.key, "t-aria-label": "keys.secret" });
  return shown(["keys.made", made], el("p", { t: "keys.once" }), el("div", { class: "row" }, field, wordButton("copy", "copy", () => copied(made.key))));
}

function row(key, own, act) {
  const { id, name, collections } = key;
  const revoke = async () => {
    if (!(await confirmed(["keys.revoke-sure", { name }], "keys.revoke"))) return;
    await request("DELETE", path`/v1/admin/keys/${id}`);
    announce(t("keys.revoked", { name }));
  };
  return [[el("span", { class: "name" }, name), " ", own && el("span", { class: "badge", t: "keys.own" })].filter(Boolean), el("span", { t: `role.${key.role}` }),
    collections?.length ? collections.join(", ") : el("span", { t: collections ? "keys.no-collection" : "keys.all" }), moment(key.created_at), moment(key.last_used_at) ?? el("span", { t: "keys.never" }),
    own ? "" : iconButton("delete", ["keys.revoke-one", { name }], act(revoke))];
}
