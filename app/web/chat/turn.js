/** One question with its answer, and what can be done with it. */

import { path, request } from "../core/api.js";
import { copied } from "../core/clipboard.js";
import { asked as askedFor } from "../core/dialog.js";
import { announce, el, iconButton, sayAs } from "../core/dom.js";
import { address } from "../core/address.js";
import { t } from "../core/strings.js";
import { answerBody, rate, withCitations } from "./answer.js";
import { copyButton, keepingFocus } from "./rendering.js";

/** An article for a question, its answer still to come. */
export function turnArticle(question) {
  const state = el("p", { class: "state", role: "status", t: "chat.reading" });
  const text = el("div", { class: "answer-text" });
  const body = el("div", { class: "answer" }, text, state);
  const node = el("article", { class: "turn", "aria-busy": "false" }, el("h2", {}, question), body);
  return { node, body, text, state };
}

const EVERYWHERE = { collections: null, filter: null };

/** Puts the whole answer into its turn. `told` is {answer, rendered, rating}; `acts` are {look, again, edit, fail}. */
export function settle(turn, told, acts) {
  const asked = told.answer.asked ?? EVERYWHERE; // others are not told where a shared answer was asked
  keepingFocus(turn.body, () => turn.body.replaceChildren(...answerBody(told, asked, acts.look), actions(told, asked, acts)));
}

function actions({ answer, rating }, asked, { again, edit, fail }) {
  const thumbs = new Map([[1, "up"], [-1, "down"]].map(([value, name]) => [value, iconButton(name, `rate.${name}`, () => judge(value).catch(fail), { "aria-pressed": String(rating === value) })]));
  const judge = async (value) => {
    await rate(answer.id, value);
    for (const [each, button] of thumbs) button.setAttribute("aria-pressed", String(each === value));
    const comment = await askedFor(value > 0 ? "rate.comment-good" : "rate.comment-bad", "", "rate.send", 4, 2000);
    if (comment) await rate(answer.id, value, comment);
    announce(t("rate.thanks"));
  };
  const share = async (event) => {
    const button = event.currentTarget;
    await request("POST", path`/v1/answers/${answer.id}/share`);
    if (!(await copied(`${location.origin}/${address("a", answer.id)}`))) return;
    announce(t("share.copied"));
    button.classList.add("done");
    sayAs(button, "title", "share.copied");
    toast(button, "share.copied");
  };
  const explain = async () => (await import("./why.js")).showWhy(answer, asked); // few ask: it is loaded then
  return el("div", { class: "actions", role: "group", "t-aria-label": "answer.actions" },
    copyButton(() => withCitations(answer), "answer.copy"),
    !answer.abstained && iconButton("share", "share", (event) => share(event).catch(fail)),
    ...thumbs.values(),
    edit && iconButton("edit", "answer.edit", () => edit(answer.question)),
    again && iconButton("retry", "answer.again", () => again(answer.question), { class: "icon-button asks" }),
    iconButton("info", "why", () => explain().catch(fail), { class: "icon-button why-button" }));
}

function toast(button, words) {
  const note = el("span", { class: "toast", t: words });
  button.after(note);
  setTimeout(() => note.remove(), 4000);
}
