/** The list of earlier conversations: find one, open it, rename, export or delete it. */

import { pages, path, request } from "../core/api.js";
import { asked, confirmed } from "../core/dialog.js";
import { el, iconButton, wordButton } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { address } from "../core/router.js";
import { when } from "../core/strings.js";
import { withCitations } from "./answer.js";

const PAGE = 50;

/** Makes a conversation named after its first question and gives its head. */
export async function createConversation(question) {
  const title = [...question].length > 80 ? `${beginning(question, 79)}…` : question;
  return request("POST", "/v1/conversations", { title });
}

/** The first characters of a text, none of them cut in half. */
function beginning(text, length) {
  return [...text].slice(0, length).join("");
}

/** Gives a conversation with its messages. */
export function readConversation(id) {
  return request("GET", path`/v1/conversations/${id}`);
}

/** Saves a conversation as a Markdown file, its citations below each answer. */
async function exportConversation({ id, title }) {
  const { messages } = await readConversation(id);
  const text = [`# ${title}`, ...messages.map(({ answer }) => withCitations(answer, "##"))].join("\n\n");
  const file = URL.createObjectURL(new Blob([`${text}\n`], { type: "text/markdown" }));
  el("a", { href: file, download: `${beginning(title.replaceAll(/[^\p{L}\p{N} -]/gu, "").trim(), 60) || "conversation"}.md` }).click();
  setTimeout(() => URL.revokeObjectURL(file), 10_000);
}

/** The side list. `left(id)` is called when a conversation was deleted, `changed()` when one is others now, `fail(problem)` on trouble. */
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
  const open = (conversation, entry, button) => {
    const { id, title } = conversation;
    const rename = async () => {
      const words = await asked("conversations.rename", conversation.title, "save");
      if (!words || words === conversation.title) return;
      conversation.title = (await request("PATCH", path`/v1/conversations/${id}`, { title: words })).title;
      entry.replaceWith(row(conversation));
      mark();
    };
    const remove = async () => {
      if (!(await confirmed(["conversations.delete-sure", { title }], "delete"))) return;
      await request("DELETE", path`/v1/conversations/${id}`).catch((problem) => {
        if (problem.status !== 404) throw problem; // deleted in another tab
      });
      entry.remove();
      none.hidden = list.childElementCount > 0;
      left(id);
    };
    menu.replaceChildren(wordButton("edit", "conversations.rename", act(rename)), wordButton("download", "conversations.export", act(() => exportConversation(conversation))), wordButton("delete", "delete", act(remove)));
    menu.showPopover({ source: button });
    const { right, bottom } = button.getBoundingClientRect();
    menu.style.left = `${Math.max(8, right - menu.offsetWidth)}px`;
    menu.style.top = `${Math.min(bottom + 4, innerHeight - menu.offsetHeight - 8)}px`;
    menu.firstElementChild.focus();
  };
  const row = (conversation) => {
    const { id, title } = conversation;
    const entry = el("li", { "data-id": id },
      el("a", { href: address("c", id), title }, el("span", {}, title), el("time", { datetime: conversation.updated_at, t: () => when(conversation.updated_at) })),
      iconButton("dots", ["conversations.actions", { title }], (event) => open(conversation, entry, event.currentTarget), { "aria-haspopup": "true" }));
    return entry;
  };
  const mark = () => list.querySelectorAll("li").forEach((entry) => {
    if (entry.dataset.id === current) entry.firstElementChild.setAttribute("aria-current", "page");
    else entry.firstElementChild.removeAttribute("aria-current");
  });
  const next = async (first) => {
    const mine = first ? ++turn : turn;
    const { value = [], done } = await rows.next();
    if (mine !== turn) return; // asked again meanwhile
    if (first) list.replaceChildren();
    list.append(...value.map(row));
    more.hidden = done || value.length < PAGE;
    none.hidden = list.childElementCount > 0;
    none.replaceChildren(el("span", { t: find.value.trim() ? "conversations.no-match" : "conversations.none" }));
    mark();
  };
  const load = async () => {
    const query = find.value.trim() ? `?${new URLSearchParams({ q: find.value.trim() })}` : "";
    rows = pages(`/v1/conversations${query}`, PAGE);
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
    /** Puts a conversation first, as the newest. */
    add(conversation) {
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
