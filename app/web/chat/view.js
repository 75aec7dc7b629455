/** The view that asks: conversations at the side, questions with their streamed answers, the source panel. */

import { events, path, Problem, request } from "../core/api.js";
import { announce, el, iconButton, say } from "../core/dom.js";
import { go, rename } from "../core/router.js";
import { addShortcut } from "../core/shortcuts.js";
import { t } from "../core/strings.js";
import { brokenOff, passagesOf } from "./answer.js";
import { composerForm } from "./composer.js";
import { conversationList, createConversation, readConversation } from "./conversations.js";
import { grow } from "./rendering.js";
import { sourcePanel } from "./source.js";
import { settle, turnArticle } from "./turn.js";
import { readingNote, welcomeCard } from "./welcome.js";

const PENDING = "openbook.pending"; // the question of this tab that has no whole answer yet
const NEAR_END = 120; // pixels from the end within which the reader is taken along

/** The view; the context's `fail` hears what no answer can show, such as a session's end. */
export function open({ session, fail }) {
  const panel = sourcePanel((shown) => node.classList.toggle("with-source", shown));
  const look = (source, from) => panel.open(source, from).catch(fail);
  const tabs = new BroadcastChannel("openbook");
  const tell = () => tabs.postMessage(conversation);
  const list = conversationList((id) => id === conversation && go(""), () => tell(), fail);
  const turns = el("div", { class: "turns", role: "region", "t-aria-label": "chat.messages" });
  const composer = composerForm((question) => ask(question), () => running?.abort(), () => welcome.load().catch(fail));
  const welcome = welcomeCard(session, (question) => ask(question), () => composer.scope().collections);
  const refresh = () => Promise.all([welcome.load(), reading.load(), composer.load()]).catch(fail);
  const reading = readingNote(fail, () => welcome.load().catch(fail));
  const title = el("h1", { class: "unseen", t: "chat.messages" });
  const history = iconButton("list", "conversations.show", () => toggleHistory(), { class: "icon-button history-button", "aria-controls": "history", "aria-expanded": "false" });
  const scroller = el("div", { class: "scroll", onclick: () => toggleHistory(false) }, welcome.node, title, turns);
  const node = el("main", { class: "chat" }, list.node, el("section", { class: "talk" }, history, scroller, reading.node, composer.node), panel.node);
  let conversation = null;
  let running = null;
  let listed = false;

  const toggleHistory = (wanted = !node.classList.contains("with-history")) => {
    node.classList.toggle("with-history", wanted);
    history.setAttribute("aria-expanded", String(wanted));
  };
  list.node.addEventListener("click", (event) => event.target.closest("a") && toggleHistory(false));
  node.addEventListener("keydown", (event) => event.key === "Escape" && toggleHistory(false));
  addShortcut("h", "shortcuts.find", () => {
    toggleHistory(true);
    list.find();
  });
  const greet = (now) => {
    welcome.node.hidden = !now;
    title.hidden = now;
  };
  const nearEnd = () => scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < NEAR_END;
  const toEnd = (again = 0) => {
    turns.lastElementChild?.scrollIntoView({ block: "end" });
    if (again) requestAnimationFrame(() => toEnd(again - 1)); // heights that were estimated are known now
  };
  const acts = { look, fail, again: (question) => ask(question), edit: (question) => composer.edit(question) };
  const settled = ({ question, answer, rendered, rating }) => {
    const turn = turnArticle(question);
    settle(turn, { answer, rendered, rating }, composer.scope(), acts);
    return turn.node;
  };

  async function show([first, id]) {
    if (first === "a" && id) return showShared(id);
    const wanted = first === "c" && id ? id : null;
    if (wanted === conversation && (wanted !== null || running || !turns.childElementCount)) return composer.focus();
    clear(wanted);
    if (wanted === null) return composer.focus();
    await reread(wanted);
    await resume(wanted);
  }

  function clear(id) {
    running?.abort();
    panel.close();
    conversation = id;
    list.select(id);
    turns.replaceChildren();
    greet(id === null);
  }

  async function reread(id) {
    const messages = await messagesOf(id);
    if (id !== conversation) return;
    turns.replaceChildren(...(messages ? messages.map(settled) : [el("p", { class: "hint", t: "conversations.gone" })]));
    toEnd(4);
  }

  async function showShared(id) {
    clear(null);
    greet(false);
    try {
      const { answer, rendered } = await request("GET", path`/v1/answers/${id}`);
      const turn = turnArticle(answer.question);
      settle(turn, { answer, rendered }, { collections: null, filter: null }, { ...acts, again: null, edit: null });
      turns.replaceChildren(el("p", { class: "hint shared", t: "share.shown" }), turn.node);
      document.title = `${answer.question.slice(0, 60)} · Openbook`;
    } catch (problem) {
      if (problem.status !== 404) throw problem;
      turns.replaceChildren(el("p", { class: "hint", t: "share.gone" }));
    }
  }

  /** Asks again what was being answered when this tab was reloaded. */
  async function resume(id) {
    const pending = JSON.parse(sessionStorage.getItem(PENDING) ?? "null");
    if (pending?.conversation !== id) return;
    sessionStorage.removeItem(PENDING);
    if (turns.childElementCount !== pending.turns) return; // it was answered after all
    announce(t("chat.resumed"));
    await ask(pending.question, pending.scope);
  }

  async function ask(question, scope = composer.scope()) {
    if (running) return;
    const abort = new AbortController();
    running = abort;
    composer.busy(true);
    greet(false);
    const before = turns.querySelectorAll(".turn").length;
    const turn = turnArticle(question);
    turn.node.setAttribute("aria-busy", "true");
    turns.append(turn.node);
    toEnd();
    try {
      if (conversation === null) await begin(question);
      sessionStorage.setItem(PENDING, JSON.stringify({ conversation, question, scope, turns: before }));
      await answer(turn, question, scope, abort.signal);
      sessionStorage.removeItem(PENDING);
      tell();
    } catch (problem) {
      if (problem.name !== "AbortError" || turn.node.isConnected) sessionStorage.removeItem(PENDING);
      if (problem.status === 401) composer.keep(question);
      const follow = nearEnd();
      breakOff(turn, question, scope, problem);
      if (follow) toEnd();
    } finally {
      turn.node.setAttribute("aria-busy", "false");
      if (running === abort) {
        running = null;
        composer.busy(false);
      }
    }
  }

  async function begin(question) {
    const made = await createConversation(question);
    conversation = made.id;
    list.add(made);
    list.select(made.id);
    rename("c", made.id);
  }

  async function answer(turn, question, scope, signal) {
    const body = { question, conversation_id: conversation, ...scope, stream: true };
    let context = null;
    let passages = new Map();
    for await (const { event, data } of events("POST", "/v1/answers", body, signal)) {
      const follow = nearEnd();
      if (event === "context") {
        context = data;
        passages = passagesOf(data);
        if (passages.size) say(turn.state, ["chat.writing", { count: passages.size }]);
      } else if (event === "delta") {
        announce(data.text);
        if (passages.size) grow(turn.text, data.rendered, passages, look); // else an abstention, shown whole
      } else if (event === "answer") {
        const focused = turn.text.contains(document.activeElement) && document.activeElement.dataset.label;
        settle(turn, { answer: data, rendered: data.rendered, context }, scope, acts);
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

  function breakOff(turn, question, scope, problem) {
    turn.state.remove();
    const again = () => {
      turn.node.remove();
      ask(question, scope);
    };
    turn.body.append(brokenOff(problem.name === "AbortError" ? ["chat.stopped"] : problem.message, again));
    if (problem.status === 401) fail(problem);
  }

  tabs.addEventListener("message", ({ data }) => {
    if (!node.isConnected) return;
    list.load().catch(fail);
    if (data !== null && data === conversation && !running) reread(data).catch(fail);
  });

  return {
    node,
    refresh,
    async show(parts) {
      if (!listed) Promise.all([list.load(), refresh()]).catch(fail);
      listed = true;
      document.title = "Openbook";
      await show(parts);
    },
  };
}

/** A conversation's messages, null where it is gone. */
async function messagesOf(id) {
  try {
    return (await readConversation(id)).messages;
  } catch (problem) {
    if (problem.status !== 404) throw problem;
    return null;
  }
}
