/** The source panel: the passage that an answer quotes, with the quoted words marked, and its page where it has one. */

import { pages, path } from "../core/api.js";
import { el, iconButton } from "../core/dom.js";
import { icon } from "../core/icons.js";

/** The panel. `changed(open)` is called when it opens or closes. */
export function sourcePanel(changed) {
  const heading = el("h2", { id: "source-title", tabindex: "-1" });
  const content = el("div", { class: "source-content" });
  const shut = iconButton("close", "close", () => panel.close());
  const node = el("aside", { class: "source", "aria-labelledby": "source-title", hidden: true }, el("header", {}, heading, shut), content);
  node.addEventListener("keydown", (event) => event.key === "Escape" && panel.close());
  let opener = null;
  let shown = 0;

  const panel = {
    node,
    /** Shows a source; focus comes here and returns to `from` on closing. */
    async open(source, from) {
      opener = from;
      const turn = ++shown;
      heading.replaceChildren(el("span", { class: "number", "t-aria-label": ["source.of", { label: source.label }] }, String(source.label)),
        source.document.title || source.document.name);
      content.replaceChildren(el("p", { class: "hint", t: "loading" }));
      node.hidden = false;
      changed(true);
      heading.focus({ preventScroll: true });
      const chunk = await findChunk(source.document.id, source.chunk_id);
      if (turn !== shown) return; // another source was opened meanwhile
      content.replaceChildren(...body(source, chunk));
      content.querySelector("mark")?.scrollIntoView({ block: "nearest" });
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

/** The chunk as the document has it now, or null where it has gone. */
async function findChunk(documentId, chunkId) {
  try {
    for await (const chunks of pages(path`/v1/documents/${documentId}/chunks`)) {
      const chunk = chunks.find(({ id }) => String(id) === String(chunkId));
      if (chunk) return chunk;
    }
  } catch (problem) {
    if (problem.status !== 404) throw problem;
  }
  return null;
}

function body(source, chunk) {
  const { document, page, quotes } = source;
  const names = el("p", { class: "source-file" }, document.name);
  if (page !== null) names.append(el("span", { t: ["source.page", { page }] }));
  if (!chunk) return [names, el("p", { class: "hint", t: "source.gone" }), ...quotes.map((quote) => el("blockquote", {}, el("mark", {}, quote)))];
  return [
    names,
    chunk.headings.length > 0 && el("p", { class: "headings" }, chunk.headings.map((heading) => el("span", {}, heading))),
    el("blockquote", { class: "passage", "t-aria-label": "source.passage" }, marked(chunk.text, quotes)),
    page !== null && pageImage(source),
    el("p", {}, el("a", { class: "button", href: path`/v1/documents/${document.id}/file`, download: "" }, icon("download"), el("span", { t: "source.original" }))),
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

/** The page as a picture; without boxes of the quotes, the whole passage is marked on it. */
function pageImage({ document, chunk_id, page, boxes }) {
  const words = ["source.image", { page, title: document.title || document.name }];
  const marks = boxes.filter(([on]) => on === page).slice(0, 100).map(([, ...box]) => ["box", box.map((points) => Math.max(0, points).toFixed(2))]);
  const query = new URLSearchParams(marks.length ? marks : { chunk: chunk_id });
  const address = `${path`/v1/documents/${document.id}/pages/${page}.png`}?${query}`;
  const image = el("img", { src: address, "t-alt": words, loading: "lazy" });
  const figure = el("figure", { class: "page-image" }, el("a", { href: address, target: "_blank", rel: "noopener" }, image));
  image.addEventListener("error", () => figure.replaceWith(el("p", { class: "hint", t: "source.no-image" })));
  return figure;
}
