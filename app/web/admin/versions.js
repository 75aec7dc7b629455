/** A document's versions: listed, compared with the one that answers, and made to answer again. */

import { path, request } from "../core/api.js";
import { shown } from "../core/dialog.js";
import { announce, el, wordButton } from "../core/dom.js";
import { bytes, figure, reason, t } from "../core/strings.js";
import { card, every, hint, moment } from "./parts.js";

/** The versions that are kept, newest first. */
export function versionsPart(found, act) {
  const list = el("ol", { class: "versions" });
  every(path`/v1/documents/${found.id}/versions`).then((all) => list.append(...all.map((version) => row(found, version, act))), act(() => Promise.resolve(false)));
  return card("versions.title", list);
}

function row(found, { number, live, status, created_at: made, size, name, error, chunks }, act) {
  const restore = async () => {
    const back = await request("POST", path`/v1/admin/documents/${found.id}/versions/${number}/restore`);
    announce(t(back.version === number ? "versions.restored" : "versions.read-again", { number }));
  };
  const compared = () => compare(found, number).then(() => false);
  return el("li", { class: live ? "live" : "" },
    el("p", { class: "row wrap" }, el("strong", { t: ["versions.number", { number }] }), live ? el("span", { class: "badge", t: "versions.live" }) : el("span", { class: `status ${status}`, t: `status.${status}` })),
    el("p", { class: "hint" }, moment(made), ` · ${bytes(size)} · ${name}`), error && el("p", { class: "problem" }, reason(error)),
    !live && chunks > 0 && ["ready", "partial"].includes(status) && el("p", { class: "row wrap" },
      wordButton("list", "versions.compare", act(compared), { "t-aria-label": ["versions.compare-with", { number, live: found.version }] }),
      wordButton("retry", "versions.restore", act(restore), { "t-aria-label": ["versions.restore-one", { number }] })));
}

/** Shows what became of the passages of the earlier of two versions in the later one. */
async function compare(found, number) {
  const [from, to] = [number, found.version].sort((a, b) => a - b);
  const list = el("div", { class: "differences", tabindex: 0, role: "region", "t-aria-label": "versions.title" });
  let cursor = "";
  const read = async (changes) => {
    const query = new URLSearchParams([...changes.map((change) => ["change", change]), ["limit", 50], ...(cursor ? [["cursor", cursor]] : [])]);
    const page = await request("GET", `${path`/v1/documents/${found.id}/versions/${from}/compare/${to}`}?${query}`);
    cursor = page.next_cursor ?? "";
    list.append(...page.items.map(({ change, headings, text }) => el("article", { class: `difference ${change}` },
      el("p", { class: "hint" }, el("strong", { t: `versions.${change}` }), " ", headings.join(" › ")), el("p", { class: "passage-text" }, text))));
    if (!list.childElementCount) list.append(hint("versions.no-difference"));
    more.hidden = !cursor;
    return page;
  };
  const chosen = () => [...choices.querySelectorAll(":checked")].map(({ value }) => value);
  const choices = el("div", { class: "row wrap" });
  const more = wordButton("down", "more", () => read(chosen()), { hidden: true });
  const again = () => {
    cursor = "";
    list.replaceChildren();
    return chosen().length && read(chosen());
  };
  const first = await read(["added", "removed"]);
  choices.append(...["added", "removed", "kept"].map((value) => el("label", { class: "row" },
    el("input", { type: "checkbox", value, checked: value !== "kept", onchange: again }), el("span", { t: [`versions.count-${value}`, { count: figure(first[value]) }] }))));
  await shown(["versions.comparison", { from, to }], choices, list, more);
}
