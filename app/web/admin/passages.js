/** A document's passages as the system sees them: on the pages of a PDF with their boxes, else as a list. */

import { path, request } from "../core/api.js";
import { el, iconButton, wordButton } from "../core/dom.js";
import { figure } from "../core/strings.js";
import { svg } from "./chart.js";
import { card, hint, languageName } from "./parts.js";

const SOME = 50;
const MANY = 500;
const SCALE = 2; // pixels of a page's picture to a point

/** The passages, read as far as they are looked at. */
export function passagesPart(found, fail) {
  if (!found.chunks) return card("document.passages", hint(found.version ? "passages.none" : "passages.not-yet"));
  const paged = found.media_type === "application/pdf" && found.pages;
  return card("document.passages", ...(paged ? byPage(found, fail) : byList(found, fail)));
}

/** Reads chunks from the beginning on, some at a time; each call gives the next, and `done` says that these were the last. */
function reader(id, limit) {
  const state = { chunks: [], done: false, more };
  let cursor = "";
  let last = Promise.resolve();
  /** One after the other: two at once would read the same. */
  function more() {
    last = last.catch(() => {}).then(next);
    return last;
  }
  async function next() {
    if (state.done) return [];
    const page = await request("GET", `${path`/v1/documents/${id}/chunks`}?limit=${limit}${cursor && `&cursor=${encodeURIComponent(cursor)}`}`);
    cursor = page.next_cursor;
    state.done = !cursor;
    state.chunks.push(...page.items);
    return page.items;
  }
  return state;
}

function passage({ id, ordinal, headings, text, tokens, language, pages }) {
  return el("li", { class: "passage-card", "data-chunk": id, tabindex: 0 },
    el("p", { class: "row hint" }, el("span", { class: "number" }, figure(ordinal + 1)), el("span", { class: "headings" }, headings.map((heading) => el("span", {}, heading)))),
    el("p", { class: "passage-text" }, text),
    el("p", { class: "hint row" }, el("span", { t: ["passages.tokens", { count: figure(tokens) }] }), el("span", {}, languageName(language)), pages.length > 1 && el("span", { t: ["passages.pages", { from: pages[0], to: pages.at(-1) }] })));
}

function byList(found, fail) {
  const read = reader(found.id, SOME);
  const list = el("ol", { class: "passage-list" });
  const load = () => read.more().then((some) => {
    list.append(...some.map(passage));
    more.hidden = read.done;
  }).catch(fail);
  const more = wordButton("down", "more", load, { hidden: true });
  load();
  return [list, more];
}

function byPage(found, fail) {
  const read = reader(found.id, MANY);
  const list = el("ol", { class: "passage-list" });
  const stage = el("div", { class: "page-stage" });
  const turn = async (wanted) => {
    const page = Math.min(found.pages, Math.max(1, wanted || 1));
    number.value = page;
    back.disabled = page === 1;
    on.disabled = page === found.pages;
    while (!read.done && (read.chunks.at(-1)?.pages[0] ?? 0) <= page) await read.more(); // reading order goes with the pages
    if (Number(number.value) !== page) return; // turned on meanwhile
    const here = read.chunks.filter(({ pages }) => pages.includes(page));
    list.replaceChildren(...(here.length ? here.map(passage) : [el("li", {}, hint("passages.none-here"))]));
    stage.replaceChildren(pagePicture(found, page, here, list));
  };
  const show = (wanted) => turn(wanted).catch(fail);
  const number = el("input", { type: "number", min: 1, max: found.pages, value: 1, "t-aria-label": "passages.page", onchange: () => show(Number(number.value)) });
  const back = iconButton("back", "passages.previous", () => show(Number(number.value) - 1));
  const on = iconButton("forward", "passages.next", () => show(Number(number.value) + 1));
  show(1);
  return [el("div", { class: "row page-bar" }, back, number, el("span", { class: "hint", t: ["passages.of", { pages: figure(found.pages) }] }), on), el("div", { class: "page-parts" }, stage, list)];
}

/** The page with a box around each passage; a passage and its boxes light up together. */
function pagePicture(found, page, chunks, list) {
  const image = el("img", { src: path`/v1/documents/${found.id}/pages/${page}.png`, "t-alt": ["passages.image", { page, title: found.title || found.name }] });
  const boxes = chunks.flatMap(({ id, boxes: all }) => all.filter(([on]) => on === page).map(([, x, y, x1, y1]) => svg("rect", { x, y, width: x1 - x, height: y1 - y, rx: 2, "data-chunk": id })));
  const overlay = svg("svg", { "aria-hidden": "true" }, boxes);
  const light = ({ target }) => {
    const { chunk } = target.closest("[data-chunk]")?.dataset ?? {};
    if (chunk) for (const one of [...boxes, ...list.children]) one.classList.toggle("lit", one.dataset.chunk === chunk);
  };
  overlay.addEventListener("pointerover", light);
  overlay.addEventListener("click", () => list.querySelector(".lit")?.scrollIntoView({ block: "nearest" }));
  for (const kind of ["pointerover", "focusin"]) for (const one of list.children) one.addEventListener(kind, light);
  const node = el("figure", { class: "page-picture" }, image, overlay);
  image.addEventListener("load", () => {
    overlay.setAttribute("viewBox", `0 0 ${image.naturalWidth / SCALE} ${image.naturalHeight / SCALE}`);
    node.classList.add("loaded");
  });
  image.addEventListener("error", () => node.replaceChildren(hint("source.no-image")));
  return node;
}
