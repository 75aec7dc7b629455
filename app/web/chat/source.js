/** The source panel: where a quote stands, on its page or among its neighbours, and the way to the other quotes. */

import { pages, path, request } from "../core/api.js";
import { el, iconButton, say, sayAs } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { brokenOff } from "./answer.js";

const ZOOMS = [1, 1.5, 2, 3];
const BOXES = 100;

/** The panel. `changed(open)` is called when it opens or closes, `fail(problem)` when a source could not be read. */
export function sourcePanel(changed, fail) {
  const heading = el("h2", { id: "source-title", tabindex: "-1" });
  const content = el("div", { class: "source-content", tabindex: 0, role: "region", "aria-labelledby": "source-title" });
  const count = el("span", { class: "hint" });
  const step = (by) => panel.open(among.at((among.indexOf(current) + by) % among.length), opener);
  const steps = el("div", { class: "row steps" }, iconButton("back", "source.previous", () => step(-1)), count, iconButton("forward", "source.next", () => step(1)));
  const node = el("aside", { class: "source", "aria-labelledby": "source-title", hidden: true },
    el("header", {}, heading, steps, iconButton("close", "close", () => panel.close())), content);
  node.addEventListener("keydown", (event) => event.key === "Escape" && panel.close());
  let opener = null;
  let current = null;
  let among = [];
  let shown = 0;

  const panel = {
    node,
    /** Shows a source; focus comes here and returns to `from` on closing. */
    async open(source, from) {
      opener = from;
      current = source;
      among = source.siblings ?? [source];
      const turn = ++shown;
      heading.replaceChildren(el("span", { class: "number", "t-aria-label": ["source.of", { label: source.label }] }, String(source.label)),
        source.document.title || source.document.name);
      steps.hidden = among.length < 2;
      say(count, ["source.count", { number: among.indexOf(source) + 1, all: among.length }]);
      content.replaceChildren(el("p", { class: "hint", t: "loading" }));
      node.hidden = false;
      changed(true);
      if (!steps.contains(document.activeElement)) heading.focus({ preventScroll: true });
      try {
        const [document_, found] = await Promise.all([readDocument(source.document.id), findChunk(source)]);
        if (turn !== shown) return; // another source was opened meanwhile
        content.replaceChildren(...body(source, document_, found));
      } catch (problem) {
        if (turn === shown) content.replaceChildren(brokenOff(() => problem.message, () => panel.open(source, from)));
        if (problem.status !== 0) fail(problem);
        return;
      }
      content.scrollTop = 0;
      content.querySelector("mark")?.scrollIntoView({ block: "center" });
      if (source.page !== null) content.scrollTop = 0;
    },
    close() {
      if (node.hidden) return;
      shown += 1;
      node.hidden = true;
      changed(false);
      opener?.focus();
    },
  };
  return panel;
}

/** What `work` gives, or null for what is not there any more. */
export async function orGone(work) {
  try {
    return await work;
  } catch (problem) {
    if (problem.status !== 404) throw problem;
    return null;
  }
}

function readDocument(id) {
  return orGone(request("GET", path`/v1/documents/${id}`));
}

/** The chunk as the document has it now with its neighbours, {before, chunk, after}, or null where it has gone. */
function findChunk({ document, chunk_id }) {
  return orGone((async () => {
    let before = null;
    let chunk = null;
    for await (const chunks of pages(path`/v1/documents/${document.id}/chunks`)) {
      for (const each of chunks) {
        if (chunk) return { before, chunk, after: each };
        if (String(each.id) === String(chunk_id)) chunk = each;
        else before = each;
      }
    }
    return chunk && { before, chunk, after: null };
  })());
}

function body(source, document, found) {
  const names = el("p", { class: "source-file" }, el("span", {}, source.document.name));
  if (!document || !found) return [names, el("p", { class: "hint", t: "source.gone" }), ...source.quotes.map((quote) => el("blockquote", {}, el("mark", {}, quote)))];
  names.append(el("a", { href: path`/v1/documents/${document.id}/file`, download: "" }, icon("download"), el("span", { t: "source.original" })));
  const { before, chunk, after } = found;
  const paged = source.page !== null && document.media_type === "application/pdf";
  const near = (other) => other && el("p", { class: "near" }, other.text);
  return [
    names,
    chunk.headings.length > 0 && el("p", { class: "headings" }, chunk.headings.map((heading) => el("span", {}, heading))),
    paged && pageView(source, document.pages),
    el("div", { class: "passage" }, !paged && near(before), el("blockquote", { "t-aria-label": "source.passage" }, marked(chunk.text, source.quotes)), !paged && near(after)),
  ].filter(Boolean);
}

/** The text with every quote marked; quotes that touch or overlap become one mark. */
function marked(text, quotes) {
  const spans = quotes.map((quote) => [text.indexOf(quote), quote.length]).filter(([start, length]) => start >= 0 && length > 0)
    .map(([start, length]) => [start, start + length]).sort((a, b) => a[0] - b[0]);
  const nodes = [];
  let end = 0;
  for (const [start, stop] of spans) {
    if (stop <= end) continue;
    if (start > end || nodes.length === 0) nodes.push(text.slice(end, start), el("mark", {}, text.slice(Math.max(start, end), stop)));
    else nodes.at(-1).append(text.slice(end, stop));
    end = stop;
  }
  return [...nodes, text.slice(end)];
}

/** The page as a picture, to be turned and zoomed; without boxes of the quotes, the whole passage is marked on its page. */
function pageView(source, last) {
  const { document, chunk_id, boxes } = source;
  let page = source.page;
  let zoom = 0;
  const image = el("img", {});
  const figure = el("div", { class: "page-image", tabindex: 0, role: "group", "t-aria-label": "source.picture" }, image);
  const trouble = el("p", { class: "hint", t: "source.no-image", hidden: true });
  const number = el("span", { class: "page-number", role: "status" });
  const turn = (by) => show(page + by);
  const scale = (by) => {
    zoom += by;
    image.style.width = `${ZOOMS[zoom] * 100}%`;
    smaller.disabled = zoom === 0;
    larger.disabled = zoom === ZOOMS.length - 1;
  };
  const previous = iconButton("back", "source.page-before", () => turn(-1));
  const next = iconButton("forward", "source.page-after", () => turn(1));
  const smaller = iconButton("minus", "source.smaller", () => scale(-1));
  const larger = iconButton("new", "source.larger", () => scale(1));
  const show = (wanted) => {
    page = wanted;
    const marks = boxes.filter(([on]) => on === page).slice(0, BOXES).map(([, ...box]) => ["box", box.map((points) => Math.max(0, points).toFixed(2))]);
    const query = new URLSearchParams(marks.length ? marks : { chunk: chunk_id });
    trouble.hidden = true;
    figure.hidden = false;
    image.src = `${path`/v1/documents/${document.id}/pages/${page}.png`}?${query}`;
    sayAs(image, "alt", ["source.image", { page, title: document.title || document.name }]);
    say(number, ["source.page-of", { page, last: last ?? "?" }]);
    previous.disabled = page <= 1;
    next.disabled = last !== null && page >= last;
  };
  image.addEventListener("error", () => {
    trouble.hidden = false;
    figure.hidden = true;
  });
  scale(0);
  show(page);
  return el("div", { class: "page-view" }, el("div", { class: "row" }, previous, number, next, el("span", { class: "gap" }), smaller, larger), figure, trouble);
}
