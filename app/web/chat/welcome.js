/** What stands where no question was asked yet: first questions from the documents, or what to do where there are none. */

import { request } from "../core/api.js";
import { el, say } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { file } from "../core/address.js";
import { language } from "../core/strings.js";

const OFFERED = 4;
const READING_MS = 3000;

/** The card. `ask(question)` is called for a question that is chosen, `collections()` names those that are asked. */
export function welcomeCard(session, ask, collections) {
  const lead = el("p", { class: "lead", t: "chat.lead" });
  const next = el("div", { class: "next" });
  const node = el("div", { class: "welcome" },
    el("img", { src: file("logo.svg"), alt: "", width: 56, height: 56 }), el("h1", { t: "chat.title" }), lead, next);
  let turn = 0;
  const offer = async (only, asked) => {
    const { items } = await request("GET", `/v1/suggestions?${new URLSearchParams({ limit: 12, ...only })}`);
    if (asked !== turn) return; // asked again meanwhile
    const mine = (item) => (item.language === "zh") === (language() === "zh-CN");
    const chosen = [...items.filter(mine), ...items.filter((item) => !mine(item))].slice(0, OFFERED);
    const card = ({ question, document }) => el("li", {}, el("button", { type: "button", class: "suggestion", onclick: () => ask(question) },
      el("span", {}, question), el("span", { class: "hint" }, document.title || document.name)));
    next.replaceChildren(...(chosen.length ? [el("h2", { class: "hint", t: "chat.suggestions" }), el("ul", { class: "suggestions" }, chosen.map(card))] : []));
  };
  return {
    node,
    /** Reads what there is to ask about. */
    async load() {
      const [name] = collections() ?? [];
      const only = name ? { collection: name } : {};
      const mine = ++turn;
      const { items } = await request("GET", `/v1/documents?${new URLSearchParams({ limit: 1, ...only })}`);
      if (mine !== turn) return;
      say(lead, items.length ? "chat.lead" : name ? ["chat.empty-collection", { name }] : "chat.empty");
      if (items.length) return offer(only, mine);
      next.replaceChildren(session.role === "admin" ? el("a", { class: "button primary", href: "#/documents" }, icon("upload"), el("span", { t: "chat.add" })) : el("p", { t: "chat.ask-admin" }));
    },
  };
}

/** Says while documents are still being read, for an answer given meanwhile may lack them; `read()` is called when they are. */
export function readingNote(fail, read) {
  const node = el("p", { class: "hint reading", role: "status" });
  let again;
  const load = async () => {
    clearTimeout(again);
    const moving = await Promise.all(["queued", "processing"].map((status) => request("GET", `/v1/documents?status=${status}&limit=1`)));
    const some = moving.some(({ items }) => items.length > 0);
    if (!some && node.childElementCount) read();
    node.replaceChildren(...(some ? [el("span", { t: "chat.being-read" })] : []));
    if (some && node.isConnected) again = setTimeout(() => load().catch(fail), READING_MS);
  };
  return { node, load };
}
