/** Builds elements from an answer's tree: a closed set of kinds, their words as text nodes. What it does not know is left out. */

import { copied } from "../core/clipboard.js";
import { el, iconButton } from "../core/dom.js";
import { t } from "../core/strings.js";

/** Below this support a sentence is shown as weak. */
export const WEAK = 0.5;

const CONTAINERS = { paragraph: "p", item: "li", quote: "blockquote", row: "tr", head: "th", cell: "td", strong: "strong", emphasis: "em" };
const BETWEEN = { row: ", ", table: "\n", list: "\n", item: "\n", quote: "\n" };

/** What the leaves need to know: `find(label, sentence)` gives a mark's source, sentences their support, `look` is what a click on a mark does. */
export function built(tree, find, sentences, look) {
  return tree.map((node) => element(node, { find, sentences, look }));
}

/** Gives a function that is told each delta of an answer, and gives the words in it that it has not given yet, to be read out. */
export function reader() {
  const blocks = [];
  let read = "";
  return ({ kept, rendered }) => {
    if (!rendered) return "";
    blocks.splice(kept, Infinity, ...rendered.map(words));
    const all = blocks.join("\n").replaceAll(/ +(?=[.,;:!?\n])/g, "");
    let same = 0;
    while (same < read.length && all[same] === read[same]) same += 1;
    read = all;
    return all.slice(same).trim();
  };
}

/** A node's words without marks; cells and items are told apart. */
function words({ kind, text = "", children = [] }) {
  if (kind === "citation") return "";
  if (kind === "break") return " ";
  return text + children.map(words).join(BETWEEN[kind] ?? "");
}

/** Does `work`, which builds anew what stands in a place: whatever had the focus there has it afterwards. */
export function keepingFocus(place, work) {
  const stops = () => [...place.querySelectorAll("button, [tabindex]")];
  const at = stops().indexOf(document.activeElement);
  work();
  if (!document.querySelector("[aria-describedby=peek]")) unpeek(); // its mark is gone, and told nobody
  if (at >= 0) stops()[at]?.focus({ preventScroll: true });
}

/** Lets a place grow by a delta {text, kept, rendered}: its first `kept` blocks stay as they are, so nothing jumps. Words that are not rendered yet stand as they came. */
export function grow(place, { text, kept, rendered }, find, look) {
  if (!rendered) {
    const last = place.lastElementChild;
    (last?.tagName === "P" ? last : place).append(el("span", {}, text));
    return;
  }
  keepingFocus(place, () => {
    while (place.childElementCount > kept) place.lastElementChild.remove();
    place.append(...built(rendered, find, [], look));
  });
}

function element(node, context) {
  const { kind, text = "", children = [] } = node;
  if (kind === "heading") return el(`h${Math.min(6, node.level + 2)}`, {}, leaves(children, context));
  if (kind === "list") return el(node.start === undefined ? "ul" : "ol", node.start > 1 ? { start: node.start } : {}, inside(children, context));
  if (kind === "table") return el("div", { class: "table", tabindex: 0, role: "region", "t-aria-label": "answer.table" }, el("table", {}, inside(children, context)));
  if (kind === "code") return el("div", { class: "code" }, el("pre", { tabindex: 0 }, el("code", {}, text)), copyButton(() => text, "answer.copy-code"));
  if (kind === "rule") return el("hr");
  if (kind === "break") return el("br");
  if (kind === "code_span") return el("code", {}, text);
  if (kind === "formula") return el("code", { class: "formula" }, text);
  if (kind === "text") return document.createTextNode(text);
  if (kind === "citation") return citation(node, context);
  if (kind === "paragraph" || kind === "cell" || kind === "head") return el(CONTAINERS[kind], {}, leaves(children, context));
  return kind in CONTAINERS ? el(CONTAINERS[kind], {}, inside(children, context)) : null;
}

function inside(children, context) {
  return children.map((child) => element(child, context));
}

/** Leaves, those of one weak sentence together in one element that says so. */
function leaves(children, context) {
  const place = document.createDocumentFragment();
  let weak = null;
  for (const child of children) {
    const number = sentenceOf(child);
    const sentence = context.sentences[number];
    if (!sentence || sentence.support >= WEAK) weak = null;
    else if (weak?.number !== number) {
      weak = { number, node: el("span", { class: "weak", "t-title": "answer.weak" }) };
      place.append(weak.node);
    }
    const node = element(child, context);
    if (node) put(weak?.node ?? place, node);
  }
  return place;
}

/** Appends a node; a mark stays on the line of what stands before it, a dozen letters or another mark. */
function put(place, node) {
  const before = place.lastChild;
  const word = node.className === "cite" && before?.nodeType === Node.TEXT_NODE && before.data.match(/\S{1,12} ?$/)?.[0];
  if (word) {
    before.data = before.data.slice(0, -word.length);
    place.append(el("span", { class: "held" }, word, node));
  } else (node.className === "cite" && before?.className === "held" ? before : place).append(node);
}

function sentenceOf(node) {
  return node.sentence ?? (node.children ?? []).map(sentenceOf).find((number) => number !== undefined);
}

function citation({ label, sentence }, { find, sentences, look }) {
  const source = find(label, sentences[sentence]);
  if (!source) return document.createTextNode(`[${label}]`);
  const words = ["answer.cite", { label, title: source.document.title || source.document.name }];
  const mark = el("button", { type: "button", class: "cite", "data-label": label, "t-aria-label": words }, String(label));
  mark.addEventListener("click", () => look(source, mark));
  for (const kind of ["pointerenter", "focus"]) mark.addEventListener(kind, () => peek(mark, source));
  return mark;
}

let unpeek = () => {};

/** Shows the quote beside its mark until the pointer or the focus leaves; Escape takes it away. */
function peek(mark, source) {
  const quote = source.quotes[0] ?? source.text;
  if (!quote) return;
  unpeek();
  const where = source.page === null ? "" : t("answer.page", { page: source.page });
  const mine = el("div", { class: "peek", id: "peek", role: "tooltip", popover: "manual" },
    el("p", { class: "peek-head" }, el("span", { class: "name" }, source.document.title || source.document.name), el("span", {}, where)),
    el("q", {}, quote));
  document.body.append(mine);
  mine.showPopover();
  const { left, top, bottom } = mark.getBoundingClientRect();
  mine.style.left = `${Math.max(8, Math.min(left, innerWidth - mine.offsetWidth - 8))}px`;
  mine.style.top = `${bottom + mine.offsetHeight + 12 > innerHeight ? Math.max(8, top - mine.offsetHeight - 6) : bottom + 6}px`;
  mark.setAttribute("aria-describedby", "peek");
  const stop = new AbortController();
  const hide = () => {
    stop.abort();
    mine.remove();
    mark.removeAttribute("aria-describedby");
  };
  unpeek = hide;
  for (const kind of ["pointerleave", "blur", "click"]) mark.addEventListener(kind, hide, { signal: stop.signal });
  document.addEventListener("keydown", (event) => event.key === "Escape" && hide(), { signal: stop.signal });
  document.addEventListener("scroll", hide, { signal: stop.signal, capture: true });
}

/** A button that copies what `words()` gives, and says so. */
export function copyButton(words, label) {
  const copy = async () => {
    if (!(await copied(words()))) return;
    button.replaceWith(done);
    setTimeout(() => done.replaceWith(button), 1500);
  };
  const button = iconButton("copy", label, copy);
  const done = iconButton("ok", "copied", undefined, { class: "icon-button done" });
  return button;
}
