/** The list of earlier conversations: open one, start a new one, delete one. */

import { pages, path, request } from "../core/api.js";
import { confirmed } from "../core/dialog.js";
import { el, iconButton } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { when } from "../core/strings.js";

/** Makes a conversation named after its first question and gives its id. */
export async function createConversation(question) {
  const title = question.length > 80 ? `${question.slice(0, 79)}…` : question;
  return request("POST", "/v1/conversations", { title });
}

/** Gives a conversation with its messages. */
export function readConversation(id) {
  return request("GET", path`/v1/conversations/${id}`);
}

/** The side list. `left(id)` is called when a conversation was deleted, `fail(problem)` when something went wrong. */
export function conversationList(left, fail) {
  const list = el("ul", { class: "conversations" });
  const none = el("p", { class: "hint", t: "conversations.none", hidden: true });
  const more = el("button", { type: "button", class: "quiet", t: "more", hidden: true });
  let current = null;
  let rows = null;

  const link = (conversation) => {
    const { id, title } = conversation;
    const remove = async () => {
      if (!(await confirmed(["conversations.delete-sure", { title }], "delete"))) return;
      try {
        await request("DELETE", path`/v1/conversations/${id}`);
      } catch (problem) {
        if (problem.status !== 404) return fail(problem); // deleted in another tab
      }
      entry.remove();
      none.hidden = list.childElementCount > 0;
      left(id);
    };
    const entry = el("li", { "data-id": id },
      el("a", { href: `#/c/${encodeURIComponent(id)}`, title }, el("span", {}, title), el("time", { datetime: conversation.updated_at }, when(conversation.updated_at))),
      iconButton("delete", ["conversations.delete", { title }], remove));
    return entry;
  };
  const mark = () => list.querySelectorAll("li").forEach((entry) => {
    const here = entry.dataset.id === current;
    entry.firstElementChild.toggleAttribute("aria-current", here);
    if (here) entry.firstElementChild.setAttribute("aria-current", "page");
  });
  const next = async () => {
    const { value, done } = await rows.next();
    list.append(...(value ?? []).map(link));
    more.hidden = done || value.length < 50;
    none.hidden = list.childElementCount > 0;
    mark();
  };
  more.addEventListener("click", () => next().catch(fail));

  const node = el("nav", { class: "history", id: "history", "t-aria-label": "conversations.title" },
    el("a", { class: "button new", href: "#/" }, icon("new"), el("span", { t: "conversations.new" })),
    list, none, more);
  return {
    node,
    /** Reads the list again from the newest on. */
    async load() {
      rows = pages("/v1/conversations", 50);
      list.replaceChildren();
      await next();
    },
    /** Puts a conversation first, as the newest. */
    add(conversation) {
      list.prepend(link(conversation));
      none.hidden = true;
    },
    /** Marks the one that is open. */
    select(id) {
      current = id;
      mark();
    },
  };
}
