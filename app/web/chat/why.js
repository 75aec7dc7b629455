/** «Why this answer»: what was searched, how long each stage took, and the passages that were read, cited and left out. */

import { request } from "../core/api.js";
import { shown } from "../core/dialog.js";
import { el } from "../core/dom.js";
import { duration, figure } from "../core/strings.js";

const STAGES = ["rewrite", "retrieve", "pack", "generate"];
const LOOKED_AT = 12;

/** Shows it for an answer; `asked` is {collections, filter}. */
export async function showWhy(answer, asked) {
  const place = el("div", { class: "why" }, el("p", { class: "hint", t: "loading" }));
  const closed = shown("why", place);
  place.closest("dialog").classList.add("wide");
  try {
    const found = await request("POST", "/v1/search", { query: answer.question, ...asked, k: LOOKED_AT });
    place.replaceChildren(evidence(answer), stages(answer.timings_ms), trace(answer.trace ?? []), passages(answer, found.hits), el("p", { class: "hint", t: "why.search" }));
  } catch (problem) {
    place.replaceChildren(evidence(answer), stages(answer.timings_ms), el("p", { class: "problem", t: () => problem.message }));
  }
  await closed;
}

function evidence({ evidence: share, support, abstained }) {
  const meter = (words, value) => el("div", { class: "meter" }, el("span", { t: words }), el("meter", { min: 0, max: 1, value, "t-aria-label": words }), el("span", {}, percent(value)));
  return el("section", {}, share !== undefined && meter("why.evidence", share), !abstained && meter("why.support", support));
}

function percent(share) {
  return figure(share, { style: "percent", maximumFractionDigits: 0 });
}

function stages(timings) {
  const total = timings.total || 1;
  const row = (name) => {
    const bar = el("span", { class: "bar" });
    bar.style.width = `${Math.max(1, Math.min(100, (timings[name] / total) * 100))}%`;
    return el("li", {}, el("span", { t: `why.${name}` }), el("span", { class: "track" }, bar), el("span", {}, duration(timings[name])));
  };
  return el("section", {}, el("h3", { t: "why.stages" }), el("ul", { class: "stages" }, STAGES.filter((name) => name in timings).map(row),
    el("li", {}, el("strong", { t: "why.total" }), el("span", {}), el("span", {}, duration(timings.total ?? 0)))));
}

function trace(searches) {
  if (searches.length < 2) return "";
  return el("section", {}, el("h3", { t: "why.searches" }), el("ul", {}, searches.map(({ query, hits, took_ms }) =>
    el("li", { class: "searched" }, el("q", {}, query), el("span", { class: "hint", t: ["why.hits", { count: hits }] }), el("span", { class: "hint" }, duration(took_ms))))));
}

function passages({ citations, context }, hits) { // an answer of an earlier release has no context
  const cited = new Map(citations.map((citation) => [citation.chunk_id, citation.label]));
  const read = new Map(context?.passages.map((passage) => [passage.chunk_id, passage.label]));
  const left = (id) => (context?.beside_the_point.includes(id) ? "beside" : context ? "dropped" : "found");
  const row = ({ rank, scores, document, chunk }) => {
    const label = cited.get(chunk.id) ?? read.get(chunk.id);
    const state = cited.has(chunk.id) ? "cited" : read.has(chunk.id) ? "read" : left(chunk.id);
    const cell = (value) => el("td", { class: "score" }, value === null ? "–" : figure(value, { minimumFractionDigits: 3, maximumFractionDigits: 3 }));
    return el("tr", { class: state }, el("td", {}, String(rank)),
      el("th", { scope: "row" }, el("span", { class: "name" }, document.title || document.name), el("span", { class: "hint" }, chunk.text.slice(0, 120))),
      cell(scores.lexical), cell(scores.dense), cell(scores.fused), cell(scores.reranked),
      el("td", {}, el("span", { class: "state-word", t: [`why.${state}`, { label }] })));
  };
  const columns = ["rank", "passage", "lexical", "dense", "fused", "reranked", "use"];
  return el("section", {}, el("h3", { t: "why.passages" }),
    hits.length ? el("div", { class: "table", tabindex: 0, role: "region", "t-aria-label": "why.passages" },
      el("table", {}, el("thead", {}, el("tr", {}, columns.map((name) => el("th", { scope: "col", t: `why.${name}` })))), el("tbody", {}, hits.map(row))))
      : el("p", { class: "hint", t: "why.nothing" }));
}
