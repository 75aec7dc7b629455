/** Who is logged in, and the view that logs in. */

import { request } from "./api.js";
import { el, say } from "./dom.js";
import { file } from "./address.js";

/** The session's {name, role, ...}, or null when there is none; at first what the page itself tells, where it could. */
export async function currentSession() {
  const told = document.getElementById("session");
  told?.remove();
  if (told?.textContent) return JSON.parse(told.textContent);
  try {
    return await request("GET", "/v1/session");
  } catch (problem) {
    if (problem.status === 401) return null;
    throw problem;
  }
}

/** Ends the session here and on the service. */
export function logOut() {
  return request("DELETE", "/v1/session");
}

/** The login view; `reason` is a key that says why it is shown, `entered` is called once logged in. */
export function loginView(reason, entered) {
  const key = el("input", { id: "key", name: "key", type: "password", required: true, autocomplete: "current-password", spellcheck: "false", autofocus: true });
  const trouble = el("p", { class: "problem", role: "alert" });
  if (reason) say(trouble, reason);
  const submit = async (event) => {
    event.preventDefault();
    try {
      await request("POST", "/v1/session", { key: key.value.trim() });
      await entered();
    } catch (problem) {
      if (problem.status === 401 || problem.status === 422) say(trouble, "login.wrong");
      else say(trouble, () => problem.message);
      key.select();
    }
  };
  return el("main", { class: "login" },
    el("form", { class: "login-card", onsubmit: submit },
      el("img", { src: file("logo.svg"), alt: "", width: 48, height: 48 }),
      el("h1", {}, "Openbook"),
      el("p", { class: "lead", t: "login.lead" }),
      el("label", { for: "key", t: "login.key" }),
      key,
      trouble,
      el("button", { class: "primary", t: "login.submit" }),
      el("p", { class: "hint", t: "login.hint" })));
}
