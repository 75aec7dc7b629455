/** Shows an answer: its text with marks, weak sentences with their doubts in words, its sources; or an abstention. */

import { path, request } from "../core/api.js";
import { el } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { duration, known, t } from "../core/strings.js";
import { built, WEAK } from "./rendering.js";

/** One source per citation, in order: {label, document, chunk_id, page, page_label, recognised, quotes, boxes}, with one quote. */
function sourcesOf(citations) {
  return together(citations.map(({ quote, ...citation }) => ({ ...citation, quotes: [quote] })));
}

/** Lets each source know the others, in order. */
function together(sources) {
  for (const source of sources) source.siblings = sources;
  return sources;
}

/** One source per passage of the `context` event; it has a text, and no quotes yet. */
export function passagesOf(context) {
  return together(context.passages.map((passage) => passageSource(passage, passage.label)));
}

/** A passage as a source: {label, document, chunk_id, page, text} without quotes. */
function passageSource({ document, chunk_id, pages, text }, label) {
  return { label, document, chunk_id, page: pages[0] ?? null, text, quotes: [], boxes: [] };
}

/** The whole answer of {answer, rendered}; `asked` is what was asked and where, `look(source, from)` opens a source. */
export function answerBody({ answer, rendered }, asked, look) {
  if (answer.abstained) return abstention(answer, asked, look);
  const sources = sourcesOf(answer.citations);
  const first = (label) => sources.find((source) => source.label === label);
  const find = (label, sentence) => sentence?.citations?.map((at) => sources[at]).find((source) => source.label === label) ?? first(label);
  return [
    el("div", { class: "answer-text" }, built(rendered, find, answer.sentences, look)),
    doubts(answer),
    sources.length > 0 && sourceList("answer.sources", sources.filter((source) => source === first(source.label)), look),
    facts(answer),
  ].filter(Boolean);
}

/** What the weak sentences say that their sources do not. */
function doubts(answer) {
  const weak = answer.sentences.filter((sentence) => sentence.support < WEAK);
  if (!weak.length) return null;
  const kinds = [...new Set(answer.sentences.flatMap((sentence) => sentence.doubts))].filter((kind) => known(`doubt.${kind}`));
  return el("div", { class: "doubts hint", role: "note" }, el("p", { t: "answer.weak-legend" }),
    kinds.length > 0 && el("ul", {}, kinds.map((kind) => el("li", { t: `doubt.${kind}` }))));
}

function abstention(answer, asked, look) {
  const near = el("div", {});
  nearest(asked, answer.question).then((sources) => sources.length && near.append(sourceList("answer.nearest", sources, look)), () => {}); // an extra: its lack is no failure
  return [
    el("div", { class: "abstained", role: "note" },
      el("p", { class: "abstained-title" }, icon("shut"), el("strong", { t: "answer.abstained" })),
      el("p", {}, answer.answer), el("p", { class: "hint", t: "answer.abstained-next" })),
    near,
    facts(answer),
  ];
}

async function nearest({ collections, filter }, question) {
  const { hits } = await request("POST", "/v1/search", { query: question, collections, filter, k: 3 });
  return together(hits.map(({ rank, document, chunk }) => passageSource({ document, chunk_id: chunk.id, pages: chunk.pages, text: chunk.text }, rank)));
}

function sourceList(title, sources, look) {
  const card = (source) => {
    const where = source.page !== null && el("span", { class: "page", t: ["answer.page", { page: source.page_label ?? source.page }] });
    const read = source.recognised && el("span", { class: "page", t: "answer.recognised" });
    return el("li", {}, el("button", { type: "button", class: "source-card", onclick: (event) => look(source, event.currentTarget) },
      el("span", { class: "source-head" }, el("span", { class: "number" }, String(source.label)), el("span", { class: "name" }, source.document.title || source.document.name), where, read),
      el("q", {}, source.quotes[0] ?? source.text)));
  };
  return el("section", { class: "sources" }, el("h3", { t: title }), el("ul", {}, sources.map(card)));
}

function facts(answer) {
  const line = el("p", { class: "facts" });
  const by = answer.generator === "extractive" ? "answer.extractive" : ["answer.generated", { generator: answer.generator }];
  if (!answer.abstained) line.append(el("span", { t: by }));
  if (answer.timings_ms?.total !== undefined) line.append(el("span", { t: () => duration(answer.timings_ms.total) }));
  if (answer.degraded.length) {
    const parts = () => answer.degraded.map((part) => (known(`degraded.${part}`) ? t(`degraded.${part}`) : part)).join(", ");
    line.append(el("span", { class: "degraded", t: () => t("answer.degraded", { parts: parts() }) }));
  }
  return line;
}

/** A failed or stopped answer: what happened, as `say` takes it, and a way on. */
export function brokenOff(words, retry) {
  return el("div", { class: "broken", role: "alert" }, el("p", { t: words }),
    el("button", { type: "button", class: "quiet asks", onclick: retry }, icon("retry"), el("span", { t: "retry" })));
}

/** The answer as Markdown with its citations below it, to be pasted elsewhere. */
export function withCitations({ question, answer, citations }, heading = "") {
  const notes = citations.map(({ label, document, page, quote }) => `[${label}] ${document.title || document.name}${page === null ? "" : `, ${t("answer.page", { page })}`}: “${quote.replaceAll(/\s+/g, " ")}”`);
  return [...(heading ? [`${heading} ${question}`] : []), answer, ...(notes.length ? [notes.join("\n")] : [])].join("\n\n");
}

/** Keeps a thumb's word on an answer. */
export function rate(id, rating, comment) {
  return request("POST", path`/v1/answers/${id}/feedback`, comment ? { rating, comment } : { rating });
}
