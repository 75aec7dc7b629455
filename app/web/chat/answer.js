/** Shows an answer: text with citation marks, weak sentences visibly weaker, its sources, or an abstention. */

import { el, say } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { known, t } from "../core/strings.js";

/** Below this support a sentence is shown as weak. */
const WEAK = 0.5;
const MARK = /\[(\d{1,3})\]/g;

/** Text whose labels [n] that `sources` knows are buttons; all else stays text. */
export function citedText(text, sources, open) {
  const nodes = [];
  let end = 0;
  for (const found of text.matchAll(MARK)) {
    const source = sources.get(Number(found[1]));
    if (!source) continue;
    nodes.push(text.slice(end, found.index).replace(/ +$/, "\u202f"), citeMark(source, open));
    end = found.index + found[0].length;
  }
  return [...nodes, text.slice(end)].filter((node) => node !== "");
}

function citeMark(source, open) {
  const words = ["answer.cite", { label: source.label, title: source.document.title || source.document.name }];
  const props = { type: "button", class: "cite", "data-label": source.label, "t-aria-label": words, title: source.quotes[0] ?? "" };
  return el("button", { ...props, onclick: (event) => open(source, event.currentTarget) }, String(source.label));
}

/** One source per label, from an answer's citations: {label, document, chunk_id, page, quotes, boxes}. */
export function sourcesOf(citations) {
  const sources = new Map();
  for (const { label, document, chunk_id, page, quote, boxes } of citations) {
    const source = sources.get(label) ?? { label, document, chunk_id, page, quotes: [], boxes: [] };
    source.quotes.push(quote);
    source.boxes.push(...boxes);
    sources.set(label, source);
  }
  return sources;
}

/** One source per passage of the `context` event; it has a text, and no quotes yet. */
export function passagesOf(context) {
  const source = ({ pages, ...passage }) => ({ ...passage, page: pages[0] ?? null, quotes: [], boxes: [] });
  return new Map(context.passages.map((passage) => [passage.label, source(passage)]));
}

/** The whole answer; `passages` are offered where the documents do not tell. */
export function answerBody(answer, passages, open) {
  if (answer.abstained) return abstention(answer, passages, open);
  const sources = sourcesOf(answer.citations);
  const weak = answer.sentences.some((sentence) => sentence.support < WEAK);
  return [
    el("div", { class: "answer-text" }, sentences(answer, sources, open)),
    weak && el("p", { class: "hint legend", t: "answer.weak-legend" }),
    sources.size > 0 && sourceList("answer.sources", [...sources.values()], open),
    facts(answer),
  ].filter(Boolean);
}

function sentences(answer, sources, open) {
  const points = Array.from(answer.answer); // offsets count code points, JavaScript counts UTF-16 units
  const nodes = [];
  let end = 0;
  for (const sentence of answer.sentences) {
    nodes.push(...citedText(points.slice(end, sentence.start).join(""), sources, open));
    const content = citedText(points.slice(sentence.start, sentence.end).join(""), sources, open);
    if (sentence.support < WEAK) nodes.push(el("span", { class: "weak", "t-title": "answer.weak" }, content));
    else nodes.push(...content);
    end = sentence.end;
  }
  return [...nodes, ...citedText(points.slice(end).join(""), sources, open)];
}

function abstention(answer, passages, open) {
  const nearest = [...passages.values()].slice(0, 3);
  return [
    el("div", { class: "abstained" },
      el("p", { class: "abstained-title" }, icon("shut"), el("strong", { t: "answer.abstained" })),
      el("p", {}, answer.answer)),
    nearest.length > 0 && sourceList("answer.nearest", nearest, open),
    facts(answer),
  ].filter(Boolean);
}

function sourceList(title, sources, open) {
  const card = (source) => {
    const name = source.document.title || source.document.name;
    const where = source.page !== null && el("span", { class: "page", t: ["answer.page", { page: source.page }] });
    const quote = el("q", {}, source.quotes[0] ?? source.text);
    return el("li", {}, el("button", { type: "button", class: "source-card", onclick: (event) => open(source, event.currentTarget) },
      el("span", { class: "source-head" }, el("span", { class: "number" }, String(source.label)), el("span", { class: "name" }, name), where),
      quote));
  };
  return el("section", { class: "sources" }, el("h3", { t: title }), el("ul", {}, sources.map(card)));
}

function facts(answer) {
  const line = el("p", { class: "facts" });
  const by = answer.generator === "extractive" ? "answer.extractive" : ["answer.generated", { generator: answer.generator }];
  if (!answer.abstained) line.append(el("span", { t: by }));
  const total = answer.timings_ms?.total;
  if (total !== undefined) line.append(el("span", { t: ["answer.seconds", { seconds: (total / 1000).toFixed(total < 100 ? 2 : 1) }] }));
  if (answer.degraded.length) {
    const parts = answer.degraded.map((part) => (known(`degraded.${part}`) ? t(`degraded.${part}`) : part)).join(", ");
    line.append(el("span", { class: "degraded", t: ["answer.degraded", { parts }] }));
  }
  return line;
}

/** A failed or stopped answer: what happened, and a way on. */
export function brokenOff(words, retry) {
  const note = el("p", {});
  if (typeof words === "string") note.textContent = words;
  else say(note, words);
  return el("div", { class: "broken", role: "alert" }, note,
    el("button", { type: "button", class: "quiet", onclick: retry }, icon("retry"), el("span", { t: "retry" })));
}
