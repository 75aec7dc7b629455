/** Modal dialogs: one that shows, one that confirms, one that asks for words. */

import { el, iconButton } from "./dom.js";

/** Shows children under a title until closed; gives the dialog's return value ("" when it was dismissed). */
export function shown(title, ...children) {
  const dialog = el("dialog", { "t-aria-label": title, closedby: "any" },
    el("header", { class: "row" }, el("h2", { t: title }), iconButton("close", "close", () => dialog.close(""))),
    ...children);
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue);
    });
  });
}

/** Asks before what cannot be undone; true when the dangerous button was chosen. */
export async function confirmed(question, action) {
  const form = el("form", { method: "dialog" }, el("p", { t: question }), choices("danger", action));
  return (await shown(action, form)) === "yes";
}

/** Asks for words, `value` to begin with; gives them, or null when dismissed. `rows` above 1 takes several lines. */
export async function asked(title, value, action, rows = 1, limit = 200) {
  const field = el(rows > 1 ? "textarea" : "input", { "t-aria-label": title, maxlength: limit, autofocus: true, ...(rows > 1 ? { rows } : {}) });
  field.value = value;
  const outcome = await shown(title, el("form", { method: "dialog" }, field, choices("primary", action)));
  return outcome === "yes" ? field.value.trim() : null;
}

/** The first submit button is what Enter presses: so the way out is no submit button. */
function choices(kind, action) {
  const leave = (event) => event.currentTarget.closest("dialog").close("");
  return el("div", { class: "row end" }, el("button", { type: "button", class: "quiet", t: "cancel", onclick: leave, autofocus: kind === "danger" }),
    el("button", { class: kind, value: "yes", t: action }));
}
