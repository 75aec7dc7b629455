/** Starts the page: who is here, which view the address names, and what to do when the session ends. */

import { file, here, rename } from "./core/address.js";
import { el, iconButton, respeak, say, wordButton } from "./core/dom.js";
import { icon } from "./core/icons.js";
import { currentSession, logOut, loginView } from "./core/session.js";
import { shortcutKeys, shortcutsDialog } from "./core/shortcuts.js";
import { switchLanguage } from "./core/strings.js";
import { setTheme, theme, THEMES } from "./core/theme.js";
import { viewsFor } from "./views.js";

const root = document.getElementById("app");
let shell = null; // what a session sees: {session, stage, context, opened}
let visit = 0;

/** Shows the login view, or the views of the session; `reason` says why one must log in. */
async function enter(reason) {
  const session = await currentSession();
  shell = null;
  if (!session) return root.replaceChildren(languageButton("corner"), loginView(reason, enter));
  const trouble = el("div", { class: "trouble", role: "alert" });
  const fail = (problem) => {
    if (problem.status === 401) return enter("login.ended").catch(unreachable);
    trouble.replaceChildren(el("p", { t: () => problem.message }), iconButton("close", "close", () => trouble.replaceChildren()));
    if (!(problem.status >= 0)) throw problem; // ours, not the service's: leave it to the console
  };
  if (here().parts[0] === "login-failed") rename("");
  const stage = el("div", { class: "stage" });
  const opened = new Map();
  const changed = () => opened.forEach((view) => view.refresh?.());
  shell = { session, stage, opened, context: { session, fail, changed } };
  root.replaceChildren(topBar(session, fail), trouble, stage);
  await route();
}

/** Opens the view that the address names, or comes back to it. */
async function route() {
  if (!shell) return;
  const { session, stage, opened, context } = shell;
  const { parts, query } = here();
  const views = viewsFor(session.role);
  const wanted = views.find((view) => view.paths.includes(parts[0])) ?? views[0];
  const turn = ++visit;
  try {
    if (!opened.has(wanted.name)) {
      if (wanted.admin) await styled("admin");
      const view = (await wanted.load()).open(context);
      if (!opened.has(wanted.name)) opened.set(wanted.name, view);
    }
    if (turn !== visit || shell?.opened !== opened) return;
    for (const [name, view] of opened) if (name !== wanted.name && view.node.isConnected) view.hide?.();
    const { node } = opened.get(wanted.name);
    if (!node.isConnected) stage.replaceChildren(node); // else what it has scrolled to would be lost
    for (const link of root.querySelectorAll(".top nav a")) {
      if (link.dataset.view !== wanted.name) link.removeAttribute("aria-current");
      else {
        link.setAttribute("aria-current", "page");
        link.scrollIntoView({ block: "nearest", inline: "nearest" });
      }
    }
    await opened.get(wanted.name).show(parts, query);
  } catch (problem) {
    context.fail(problem);
  }
}

/** Loads a stylesheet that the first view does without. */
function styled(name) {
  const href = file(`style/${name}.css`);
  if (document.querySelector(`link[href="${href}"]`)) return null;
  return new Promise((resolve) => {
    document.head.append(el("link", { rel: "stylesheet", href, onload: resolve, onerror: resolve }));
  });
}

function skipLink() {
  const skip = (event) => {
    event.preventDefault();
    const main = root.querySelector("main");
    main.tabIndex = -1;
    main.focus();
  };
  return el("a", { class: "skip unseen", href: "#/", t: "skip", onclick: skip });
}

function topBar(session, fail) {
  const link = (view) => el("a", { href: `#/${view.paths[0]}`, "data-view": view.name, t: `nav.${view.name}` });
  return el("header", { class: "top" }, skipLink(),
    el("a", { class: "brand", href: "#/", "aria-label": "Openbook" }, el("img", { src: file("logo.svg"), alt: "", width: 28, height: 28 }), el("span", {}, "Openbook")),
    el("nav", { "t-aria-label": "nav" }, viewsFor(session.role).map(link)),
    iconButton("settings", "menu", undefined, { popovertarget: "menu", class: "icon-button" }),
    menu(session, fail));
}

function menu(session, fail) {
  const leave = () => logOut().then(() => enter(), fail);
  const choose = (name) => el("label", {}, el("input", { type: "radio", name: "theme", value: name, checked: theme() === name, onchange: () => setTheme(name) }), el("span", { t: `theme.${name}` }));
  const node = el("div", { id: "menu", class: "menu", popover: true },
    el("p", { class: "hint" }, el("span", { t: ["menu.who", { name: session.name || session.role }] })),
    el("fieldset", {}, el("legend", { class: "hint", t: "theme" }), el("div", { class: "segments" }, THEMES.map(choose))),
    languageButton("wide"),
    wordButton("list", "shortcuts", () => {
      node.hidePopover();
      shortcutsDialog();
    }),
    wordButton("leave", "logout", leave));
  return node;
}

function languageButton(extra) {
  const turn = () => speakAnew().catch(unreachable);
  return wordButton("globe", "language", turn, { class: `quiet language ${extra}`, "t-title": "language.label" });
}

/** Turns to the other language: what stands is said again, and what the service tells is written anew. */
async function speakAnew() {
  await switchLanguage();
  if (!shell) return respeak();
  const focused = document.activeElement;
  respeak([...shell.opened.values()].map(({ node }) => node));
  shell.context.changed();
  await route();
  focused.focus();
}

function unreachable(problem) {
  root.replaceChildren(el("main", { class: "login" }, el("div", { class: "login-card" },
    el("p", { role: "alert", t: () => problem.message }), el("button", { type: "button", class: "primary", t: "retry", onclick: start }))));
}

function start() {
  const failed = here().parts[0] === "login-failed"; // where the service leads from a one-time link that was used before
  enter(failed ? "login.link" : null).catch(unreachable);
}

function connection() {
  let note = document.querySelector(".offline");
  if (navigator.onLine) return note?.remove();
  if (!note) document.body.append(el("p", { class: "offline", role: "status", t: "offline" }));
}

window.addEventListener("hashchange", route);
window.addEventListener("online", connection);
window.addEventListener("offline", connection);
document.addEventListener("keydown", shortcutKeys);
start();
