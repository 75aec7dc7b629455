/** The view that asks: conversations at the side, questions with their streamed answers, the source panel. */

import { events, path, Problem, request } from "../core/api.js";
import { announce, el, iconButton, say } from "../core/dom.js";
import { go, rename } from "../core/address.js";
import { addShortcut } from "../core/shortcuts.js";
import { t } from "../core/strings.js";
import { brokenOff, passagesOf } from "./answer.js";
import { composerForm } from "./composer.js";
import { conversationList, createConversation, readConversation } from "./conversations.js";
import { grow, reader } from "./rendering.js";
import { orGone, sourcePanel } from "./source.js";
import { settle, turnArticle } from "./turn.js";
import { readingNote, welcomeCard } from "./welcome.js";

const PENDING = "openbook.pending."; // a conversation's question of this tab that has no whole answer yet
const PLACE = "openbook.place."; // where a conversation was left in this tab, unless at its end
const NEAR_END = 120; // pixels from the end within which the reader is taken along
const OTHERS_MS = 300; // what another tab may take to say that it is answering

/** The view; the context's `fail` hears what no answer can show, such as a session's end. */
export function open({ session, fail }) {
  const panel = sourcePanel((shown) => node.classList.toggle("with-source", shown), fail);
  const look = (source, from) => panel.open(source, wayBack(from));
  const tabs = new BroadcastChannel("openbook");
  const tell = (id = conversation) => tabs.postMessage({ changed: id });
  const list = conversationList((id) => id === conversation && go(""), () => tell(), fail);
  const turns = el("div", { class: "turns", role: "region", "t-aria-label": "chat.messages" });
  const composer = composerForm((question) => ask(question), () => running?.abort(), () => welcome.load().catch(fail));
  const welcome = welcomeCard(session, (question) => askAlso(question), () => composer.scope().collections);
  const refresh = () => Promise.all([welcome.load(), reading.load(), composer.load()]).catch(fail);
  const reading = readingNote(fail, () => welcome.load().catch(fail));
  const title = el("h1", { class: "unseen", t: "chat.messages" });
  const history = iconButton("list", "conversations.show", () => toggleHistory(), { class: "icon-button history-button", "aria-controls": "history", "aria-expanded": "false" });
  const scroller = el("div", { class: "scroll", onclick: () => toggleHistory(false) }, welcome.node, title, turns);
  const node = el("main", { class: "chat" }, list.node, el("section", { class: "talk" }, history, scroller, reading.node, composer.node), panel.node);
  let conversation = null;
  let running = null;
  let visit = 0; // counts what was opened
  let away = true;

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
  /** Remembers which turn stands at the top, and how far it has been read. */
  const leave = () => {
    if (!conversation) return;
    const { top } = scroller.getBoundingClientRect();
    const turn = nearEnd() ? null : [...turns.children].find((each) => each.getBoundingClientRect().bottom > top);
    if (!turn) return sessionStorage.removeItem(PLACE + conversation);
    sessionStorage.setItem(PLACE + conversation, JSON.stringify({ kept: turn.dataset.kept, read: top - turn.getBoundingClientRect().top }));
  };
  /** Goes to where the conversation was left, or to its end. */
  const goBack = (again = 4) => {
    const place = JSON.parse(sessionStorage.getItem(PLACE + conversation) ?? "null");
    const turn = place && [...turns.children].find(({ dataset }) => dataset.kept === place.kept);
    if (!turn) return toEnd(again);
    scroller.scrollTop += turn.getBoundingClientRect().top - scroller.getBoundingClientRect().top + place.read;
    if (again) requestAnimationFrame(() => goBack(again - 1));
  };
  /** Asks for a click elsewhere than in the composer. */
  const askAlso = (question) => {
    if (running || !composer.ready()) return;
    composer.focus();
    ask(question);
  };
  const acts = { look, fail, again: (question) => askAlso(question), edit: (question) => composer.edit(question) };
  const settled = ({ id, question, answer, rendered, rating }) => {
    const turn = turnArticle(question);
    settle(turn, { answer, rendered, rating }, acts);
    turn.node.dataset.kept = id;
    return turn.node;
  };
  const busy = (now) => {
    composer.busy(now);
    for (const button of turns.querySelectorAll(".asks")) button.disabled = now;
  };
  /** To what opened the panel, or to the mark that stands in its place since the answer grew. */
  const wayBack = (from) => {
    const turn = from.closest(".turn");
    const marks = () => [...turn.querySelectorAll(".cite")];
    const at = marks().indexOf(from);
    return { focus: () => (from.isConnected ? from : marks()[at] ?? composer).focus() };
  };

  async function show([first, id], back) {
    if (!back) leave();
    if (first === "a" && id) return showShared(id);
    const wanted = first === "c" && id ? id : null;
    if (wanted === conversation && (wanted !== null || running || !turns.childElementCount)) {
      composer.focus();
      if (back) goBack();
      return back && wanted && !running ? reread(wanted) : null;
    }
    clear(wanted);
    if (wanted === null) return composer.focus();
    if (await reread(wanted)) await resume(wanted);
  }

  function clear(id) {
    visit += 1;
    running?.abort();
    running = null;
    busy(false);
    panel.close();
    conversation = id;
    list.select(id);
    turns.replaceChildren();
    scroller.scrollTop = 0;
    greet(id === null);
  }

  /** Adds what the conversation has more than is shown; whether it is there, and still the one that is open. */
  async function reread(id) {
    const read = await orGone(readConversation(id));
    if (id !== conversation) return false;
    const first = !turns.childElementCount;
    turns.querySelector(".elsewhere")?.remove();
    if (!read) turns.replaceChildren(el("p", { class: "hint", t: "conversations.gone" }));
    const follow = nearEnd();
    const shown = new Set([...turns.children].map((turn) => turn.dataset.kept));
    turns.append(...(read?.messages ?? []).filter((message) => !shown.has(message.id)).map(settled));
    if (first) goBack();
    else if (follow) toEnd(4);
    return read !== null;
  }

  async function showShared(id) {
    clear(null);
    greet(false);
    const mine = visit;
    const shared = await orGone(request("GET", path`/v1/answers/${id}`));
    if (mine !== visit) return; // something else was opened meanwhile
    if (!shared) return turns.prepend(el("p", { class: "hint", t: "share.gone" }));
    const turn = turnArticle(shared.answer.question);
    settle(turn, shared, { ...acts, again: null, edit: null });
    turns.prepend(el("p", { class: "hint shared", t: "share.shown" }), turn.node);
    document.title = `${shared.answer.question.slice(0, 60)} · Openbook`;
  }

  /** Asks again what was being answered when this tab was reloaded, or went to another conversation. */
  async function resume(id) {
    const pending = JSON.parse(sessionStorage.getItem(PENDING + id) ?? "null");
    if (!pending || running) return;
    sessionStorage.removeItem(PENDING + id);
    const since = [...turns.querySelectorAll("[data-kept]")].slice(pending.kept);
    if (since.some((turn) => turn.firstElementChild.textContent === pending.question)) return; // it was answered after all
    if (await answeredElsewhere(id)) return id === conversation && turns.append(el("p", { class: "hint elsewhere", role: "status", t: "chat.elsewhere" }));
    if (id !== conversation || running) return;
    announce(t("chat.resumed"));
    await ask(pending.question, pending.scope);
  }

  /** Whether another tab is answering in a conversation: a tab that was duplicated has all that its original kept. */
  function answeredElsewhere(id) {
    return new Promise((resolve) => {
      const hear = ({ data }) => data.answering === id && resolve(true);
      tabs.addEventListener("message", hear);
      tabs.postMessage({ asked: id });
      setTimeout(() => {
        tabs.removeEventListener("message", hear);
        resolve(false);
      }, OTHERS_MS);
    });
  }

  async function ask(question, scope = composer.scope()) {
    if (running) return;
    const abort = new AbortController();
    running = abort;
    busy(true);
    greet(false);
    const kept = turns.querySelectorAll("[data-kept]").length;
    const turn = turnArticle(question);
    turn.node.setAttribute("aria-busy", "true");
    turns.append(turn.node);
    toEnd();
    let id = conversation;
    try {
      id ??= await begin(question, turn.node);
      sessionStorage.setItem(PENDING + id, JSON.stringify({ question, scope, kept }));
      await answer(turn, id, question, scope, abort.signal);
      sessionStorage.removeItem(PENDING + id);
      tell(id);
    } catch (problem) {
      const here = turns.contains(turn.node);
      if (problem.name !== "AbortError" || here) sessionStorage.removeItem(PENDING + id);
      if (problem.status === 401) composer.keep(question);
      const follow = here && nearEnd();
      breakOff(turn, question, scope, problem);
      if (follow) toEnd();
    } finally {
      turn.node.setAttribute("aria-busy", "false");
      if (running === abort) {
        running = null;
        busy(false);
      }
    }
  }

  /** Begins the conversation that a turn is the first of, and opens it unless another was opened meanwhile; gives its id. */
  async function begin(question, turn) {
    const made = await createConversation(question);
    list.add(made);
    if (turns.contains(turn)) {
      conversation = made.id;
      list.select(made.id);
      if (node.isConnected) rename("c", made.id);
    }
    return made.id;
  }

  async function answer(turn, id, question, scope, signal) {
    const body = { question, conversation_id: id, ...scope, stream: true };
    let context = null;
    let passages = [];
    const unread = reader();
    const find = (label) => passages.find((passage) => passage.label === label);
    for await (const { event, data } of events("POST", "/v1/answers", body, signal)) {
      const follow = nearEnd();
      if (event === "context") {
        context = data;
        passages = passagesOf(data);
        if (passages.length) say(turn.state, ["chat.writing", { count: passages.length }]);
      } else if (event === "delta") {
        announce(unread(data));
        if (passages.length) grow(turn.text, data, find, look); // else an abstention, shown whole
      } else if (event === "answer") {
        settle(turn, { answer: { ...data, asked: scope, context }, rendered: data.rendered }, acts);
        if (!data.degraded.includes("history")) turn.node.dataset.kept = data.id;
        announce(unread({ kept: 0, rendered: data.rendered }));
        const cited = new Set(data.citations.map(({ label }) => label));
        announce(data.abstained ? t("answer.abstained") : t("answer.whole", { count: cited.size }));
        if (follow) toEnd();
        return;
      } else if (event === "error") {
        throw new Problem(data.status, data);
      }
      if (follow) toEnd();
    }
    throw new Problem(0, { type: "ended" });
  }

  function breakOff(turn, question, scope, problem) {
    turn.state.remove();
    const again = () => {
      if (running) return;
      turn.node.remove();
      composer.focus();
      ask(question, scope);
    };
    turn.body.append(brokenOff(problem.name === "AbortError" ? "chat.stopped" : () => problem.message, again));
    if (problem.status === 401) fail(problem);
  }

  tabs.addEventListener("message", ({ data: { asked, changed } }) => {
    if (asked && asked === conversation && running) tabs.postMessage({ answering: asked });
    if (changed === undefined || !node.isConnected) return;
    list.load().catch(fail);
    if (changed !== null && changed === conversation && !running) reread(changed).catch(fail);
  });

  return {
    node,
    refresh,
    hide() {
      leave();
      away = true;
    },
    async show(parts) {
      const back = away;
      away = false;
      if (back) Promise.all([list.load(), refresh()]).catch(fail); // what other tabs did meanwhile, and what was read
      document.title = "Openbook";
      await show(parts, back);
    },
  };
}
