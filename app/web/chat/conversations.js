/** The list of earlier conversations: find one, open it, rename, export or delete it. */

import { pages, path, request } from "../core/api.js";
import { asked, confirmed } from "../core/dialog.js";
import { el, iconButton, renew, say, sayAs, wordButton } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { address } from "../core/address.js";
import { beginning, when } from "../core/strings.js";

const PAGE = 50;

/** Makes one named after its first question and gives its head. */
export async function createConversation(question) {
  const title = [...question].length > 80 ? `${beginning(question, 79)}…` : question;
  return request("POST", "/v1/conversations", { title });
}

/** Gives a conversation with its messages. */
export function readConversation(id) {
  return request("GET", path`/v1/conversations/${id}`);
}

/** The side list. `left(id)` is called when one was deleted, `changed()` when one is others now, `fail(problem)` on trouble. */
export function conversationList(left, changed, fail) {
  const list = el("ul", { class: "conversations" });
  const none = el("p", { class: "hint", hidden: true });
  const more = el("button", { type: "button", class: "quiet", t: "more", hidden: true });
  const find = el("input", { type: "search", "t-placeholder": "conversations.search", "t-aria-label": "conversations.search" });
  const menu = el("div", { class: "menu row-menu", popover: true });
  let current = null;
  let rows = null;
  let turn = 0;
  let waiting;

  const act = (work) => async () => {
    menu.hidePopover();
    await work().then(changed, fail);
  };
  const open = (entry, button) => {
    const { id, title } = entry.conversation;
    const rename = async () => {
      const words = await asked("conversations.rename", title, "save");
      if (words && words !== title) fill(entry, await request("PATCH", path`/v1/conversations/${id}`, { title: words }));
    };
    const save = async () => (await import("./export.js")).saveConversation(await readConversation(id)); // few do
    const remove = async () => {
      if (!(await confirmed(["conversations.delete-sure", { title }], "delete"))) return;
      await request("DELETE", path`/v1/conversations/${id}`).catch((problem) => {
        if (problem.status !== 404) throw problem; // deleted in another tab
      });
      entry.remove();
      none.hidden = list.childElementCount > 0;
      left(id);
    };
    menu.replaceChildren(wordButton("edit", "conversations.rename", act(rename)), wordButton("download", "conversations.export", act(save)), wordButton("delete", "delete", act(remove)));
    menu.showPopover({ source: button });
    const { right, bottom } = button.getBoundingClientRect();
    menu.style.left = `${Math.max(8, right - menu.offsetWidth)}px`;
    menu.style.top = `${Math.min(bottom + 4, innerHeight - menu.offsetHeight - 8)}px`;
    menu.firstElementChild.focus();
  };
  const row = (conversation) => {
    const { id } = conversation;
    const entry = el("li", { "data-id": id }, el("a", { href: address("c", id) }, el("span"), el("time")),
      iconButton("dots", ["conversations.actions", conversation], (event) => open(entry, event.currentTarget), { "aria-haspopup": "true" }));
    return fill(entry, conversation);
  };
  /** Says in a row what its conversation is now. */
  const fill = (entry, conversation) => {
    const [link, button] = entry.children;
    const [name, time] = link.children;
    entry.conversation = conversation;
    link.title = name.textContent = conversation.title;
    time.dateTime = conversation.updated_at;
    say(time, () => when(conversation.updated_at));
    for (const told of ["aria-label", "title"]) sayAs(button, told, ["conversations.actions", conversation]);
    return entry;
  };
  const mark = () => {
    for (const entry of list.children) entry.firstElementChild.ariaCurrent = entry.dataset.id === current ? "page" : null;
  };
  const next = async (first) => {
    const mine = first ? ++turn : turn;
    const { value = [], done } = await rows.next();
    if (mine !== turn) return; // asked again meanwhile
    const standing = Object.fromEntries([...list.children].map((entry) => [entry.dataset.id, entry]));
    const entries = value.map((each) => (standing[each.id] ? fill(standing[each.id], each) : row(each)));
    renew(list, first ? entries : [...list.children, ...entries]);
    more.hidden = done || value.length < PAGE;
    none.hidden = list.childElementCount > 0;
    none.replaceChildren(el("span", { t: find.value.trim() ? "conversations.no-match" : "conversations.none" }));
    mark();
  };
  const load = async () => {
    const q = find.value.trim();
    rows = pages(`/v1/conversations${q && `?${new URLSearchParams({ q })}`}`, PAGE);
    await next(true);
  };
  more.addEventListener("click", () => next(false).catch(fail));
  find.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => load().catch(fail), 250);
  });

  const node = el("nav", { class: "history", id: "history", "t-aria-label": "conversations.title" },
    el("a", { class: "button new", href: "#/" }, icon("new"), el("span", { t: "conversations.new" })),
    find, list, none, more, menu);
  return {
    node,
    load,
    find: () => find.focus(),
    /** Puts a conversation first, once. */
    add(conversation) {
      list.querySelector(`[data-id=${conversation.id}]`)?.remove();
      list.prepend(row(conversation));
      none.hidden = true;
    },
    /** Marks the one that is open. */
    select(id) {
      current = id;
      mark();
    },
  };
}
