/** Starts the page: who is here, which view the address names, and what to do when the session ends. */

import { adminView } from "./admin.js";
import { chatView } from "./chat.js";
import { el, iconButton, respeak } from "./dom.js";
import { currentSession, logOut, loginView } from "./session.js";
import { switchLanguage } from "./strings.js";

const LOGIN_FAILED = "#/login-failed"; // where the service leads from a one-time link that was used before
const root = document.getElementById("app");
let views = null;

/** Shows the login view, or the views of the session; `reason` says why one must log in. */
async function enter(reason) {
  const session = await currentSession();
  views = null;
  if (!session) return root.replaceChildren(languageButton("corner"), loginView(reason, enter));
  const trouble = el("p", { class: "trouble", role: "alert" });
  const fail = (problem) => {
    if (problem.status === 401) return enter("login.ended").catch(unreachable);
    trouble.replaceChildren(problem.message, iconButton("close", "close", () => trouble.replaceChildren()));
    if (!(problem.status >= 0)) throw problem; // ours, not the service's: leave it to the console
  };
  if (location.hash === LOGIN_FAILED) history.replaceState(null, "", "#/");
  const chat = chatView(session, fail);
  const admin = session.role === "admin" ? adminView(fail, () => chat.refresh().catch(fail)) : null;
  views = { chat, admin, fail };
  root.replaceChildren(topBar(session, fail), trouble, chat.node, ...(admin ? [admin.node] : []));
  admin?.watch();
  await Promise.all([route(), chat.load().catch(fail)]); // the conversation first: one may ask while lists load
}

/** Shows what the address names: #/, #/c/ID or #/documents. */
async function route() {
  if (!views) return;
  const { chat, admin, fail } = views;
  const documents = location.hash === "#/documents" && admin !== null;
  chat.node.hidden = documents;
  if (admin) admin.node.hidden = !documents;
  for (const link of document.querySelectorAll(".top nav a")) {
    const here = (link.hash === "#/documents") === documents;
    if (here) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  const conversation = /^#\/c\/(.+)$/.exec(location.hash);
  await (documents ? admin.load() : chat.show(conversation ? decodeURIComponent(conversation[1]) : null).catch(fail));
}

function topBar(session, fail) {
  const leave = () => logOut().then(() => enter(), fail);
  const link = (hash, words) => el("a", { href: hash, t: words });
  return el("header", { class: "top" },
    el("a", { class: "brand", href: "#/", "aria-label": "Openbook" }, el("img", { src: "/static/logo.svg", alt: "", width: 28, height: 28 }), el("span", {}, "Openbook")),
    el("nav", { "t-aria-label": "nav" }, link("#/", "nav.chat"), session.role === "admin" && link("#/documents", "nav.documents")),
    languageButton(""),
    iconButton("leave", "logout", leave));
}

function languageButton(extra) {
  const turn = () => {
    switchLanguage();
    respeak();
  };
  return el("button", { type: "button", class: `quiet language ${extra}`, t: "language", "t-title": "language.label", onclick: turn });
}

function unreachable(problem) {
  root.replaceChildren(el("main", { class: "login" }, el("div", { class: "login-card" },
    el("p", { role: "alert" }, problem.message), el("button", { type: "button", class: "primary", t: "retry", onclick: start }))));
}

function start() {
  enter(location.hash === LOGIN_FAILED ? "login.link" : null).catch(unreachable);
}

window.addEventListener("hashchange", route);
start();
