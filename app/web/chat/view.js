/** The view that asks: conversations at the side, questions with their streamed answers, the source panel. */

import { events, Problem, request } from "../core/api.js";
import { answerBody, brokenOff, citedText, passagesOf } from "./answer.js";
import { composerForm } from "./composer.js";
import { conversationList, createConversation, readConversation } from "./conversations.js";
import { announce, el, iconButton, say } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { go, rename } from "../core/router.js";
import { t } from "../core/strings.js";
import { sourcePanel } from "./source.js";

const READING_MS = 3000;

/** The view; the context's `fail` hears what no answer can show, such as a session's end. */
export function open({ session, fail }) {
  const panel = sourcePanel((open) => node.classList.toggle("with-source", open));
  const look = (source, from) => panel.open(source, from).catch(fail);
  const list = conversationList((id) => id === conversation && go(""), fail);
  const turns = el("div", { class: "turns", role: "region", "t-aria-label": "chat.messages" });
  const welcome = welcomeCard(session);
  const reading = readingNote(fail);
  const title = el("h1", { class: "unseen", t: "chat.messages" });
  const composer = composerForm((question) => ask(question), () => running?.abort());
  const history = iconButton("list", "conversations.show", () => toggleHistory(), { class: "icon-button history-button", "aria-controls": "history", "aria-expanded": "false" });
  const node = el("main", { class: "chat" }, list.node,
    el("section", { class: "talk" }, history, el("div", { class: "scroll", onclick: () => toggleHistory(false) }, welcome.node, title, turns), reading.node, composer.node),
    panel.node);
  let conversation = null;
  let running = null;

  const toggleHistory = (open = !node.classList.contains("with-history")) => {
    node.classList.toggle("with-history", open);
    history.setAttribute("aria-expanded", String(open));
  };
  list.node.addEventListener("click", (event) => event.target.closest("a") && toggleHistory(false));
  node.addEventListener("keydown", (event) => event.key === "Escape" && toggleHistory(false));
  const greet = (now) => {
    welcome.node.hidden = !now;
    title.hidden = now;
  };
  const scroller = () => node.querySelector(".scroll");
  const nearEnd = () => scroller().scrollHeight - scroller().scrollTop - scroller().clientHeight < 120;
  const toEnd = () => scroller().scrollTo({ top: scroller().scrollHeight });

  async function show(id) {
    if (id === conversation && (id !== null || running || !turns.childElementCount)) return composer.focus();
    running?.abort();
    panel.close();
    conversation = id;
    list.select(id);
    turns.replaceChildren();
    greet(id === null);
    if (id === null) return composer.focus();
    try {
      const { messages } = await readConversation(id);
      if (id !== conversation) return;
      turns.replaceChildren(...messages.map(({ question, answer }) => {
        const turn = turnArticle(question);
        turn.body.replaceChildren(...answerBody(answer, new Map(), look));
        return turn.node;
      }));
      toEnd();
    } catch (problem) {
      if (problem.status !== 404) throw problem;
      turns.replaceChildren(el("p", { class: "hint", t: "conversations.gone" }));
    }
  }

  async function ask(question) {
    if (running) return;
    const abort = new AbortController();
    running = abort;
    composer.busy(true);
    greet(false);
    const turn = turnArticle(question);
    turn.node.setAttribute("aria-busy", "true");
    turns.append(turn.node);
    toEnd();
    try {
      if (conversation === null) await begin(question);
      await answer(turn, question, abort.signal);
    } catch (problem) {
      if (problem.status === 401) composer.keep(question);
      const follow = nearEnd();
      breakOff(turn, question, problem);
      if (follow) toEnd();
    } finally {
      turn.node.setAttribute("aria-busy", "false");
      running = null;
      composer.busy(false);
    }
  }

  async function begin(question) {
    const made = await createConversation(question);
    conversation = made.id;
    list.add(made);
    list.select(made.id);
    rename("c", made.id);
  }

  async function answer(turn, question, signal) {
    const body = { question, conversation_id: conversation, collections: composer.collections(), stream: true };
    let passages = new Map();
    for await (const { event, data } of events("POST", "/v1/answers", body, signal)) {
      const follow = nearEnd();
      if (event === "context") {
        passages = passagesOf(data);
        if (passages.size) say(turn.state, ["chat.writing", { count: passages.size }]);
      } else if (event === "delta") {
        announce(data.text);
        if (passages.size) turn.text.append(...citedText(data.text, passages, look)); // else an abstention, shown whole
      } else if (event === "answer") {
        const focused = turn.text.contains(document.activeElement) && document.activeElement.dataset.label;
        turn.body.replaceChildren(...answerBody(data, passages, look));
        if (focused) turn.body.querySelector(`.cite[data-label="${focused}"]`)?.focus();
        if (data.abstained) announce(t("answer.abstained"));
        if (follow) toEnd();
        return;
      } else if (event === "error") {
        throw new Problem(data.status, data);
      }
      if (follow) toEnd();
    }
    throw new Problem(0, { detail: t("problem.ended") });
  }

  function breakOff(turn, question, problem) {
    const words = problem.name === "AbortError" ? "chat.stopped" : null;
    turn.state.remove();
    const again = () => {
      turn.node.remove();
      ask(question);
    };
    turn.body.append(brokenOff(words ? [words] : problem.message, again));
    if (problem.status === 401) fail(problem);
  }

  const refresh = () => Promise.all([welcome.load(), reading.load(), composer.load()]).catch(fail);
  let listed = false;
  return {
    node,
    async show([first, id]) {
      if (!listed) Promise.all([list.load(), refresh()]).catch(fail);
      listed = true;
      await show(first === "c" && id ? id : null);
    },
    /** Reads anew what depends on the documents. */
    refresh,
  };
}

function turnArticle(question) {
  const state = el("p", { class: "state", t: "chat.reading" });
  const text = el("div", { class: "answer-text" });
  const body = el("div", { class: "answer" }, text, state);
  const node = el("article", { class: "turn", "aria-busy": "false" }, el("h2", {}, question), body);
  return { node, body, text, state };
}

function welcomeCard(session) {
  const lead = el("p", { class: "lead", t: "chat.lead" });
  const next = el("div", { class: "row centred" });
  const node = el("div", { class: "welcome" },
    el("img", { src: "/static/logo.svg", alt: "", width: 56, height: 56 }), el("h1", { t: "chat.title" }), lead, next);
  return {
    node,
    /** Says what to do next where there is nothing to ask yet. */
    async load() {
      const { items } = await request("GET", "/v1/documents?limit=1");
      say(lead, items.length ? "chat.lead" : "chat.empty");
      if (items.length) return next.replaceChildren();
      next.replaceChildren(session.role === "admin" ? el("a", { class: "button primary", href: "#/documents" }, icon("upload"), el("span", { t: "chat.add" })) : el("p", { t: "chat.ask-admin" }));
    },
  };
}

/** Says while documents are still being read, for an answer given meanwhile may lack them. */
function readingNote(fail) {
  const node = el("p", { class: "hint reading", role: "status" });
  let again;
  const load = async () => {
    clearTimeout(again);
    const moving = await Promise.all(["queued", "processing"].map((status) => request("GET", `/v1/documents?status=${status}&limit=1`)));
    const some = moving.some(({ items }) => items.length > 0);
    node.replaceChildren(...(some ? [el("span", { t: "chat.being-read" })] : []));
    if (some && node.isConnected) again = setTimeout(() => load().catch(fail), READING_MS);
  };
  return { node, load };
}
