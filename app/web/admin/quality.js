/** The view of the quality: what the last evaluations found, with intervals, the curve of risk, times and what fared worst. */

import { path, request } from "../core/api.js";
import { el } from "../core/dom.js";
import { address } from "../core/address.js";
import { duration, figure, known, t, when } from "../core/strings.js";
import { curve, interval } from "./chart.js";
import { card, hint, moment, table } from "./parts.js";

/** The view; see views.js. */
export function open() {
  const list = el("ul", { class: "runs", "t-aria-label": "quality.runs" });
  const stage = el("div", { class: "run" });
  const node = el("main", { class: "admin" }, el("h1", { t: "quality.title" }), el("p", { class: "lead", t: "quality.lead" }), el("div", { class: "quality-parts" }, list, stage));
  return {
    node,
    async show([, id]) {
      const { items: runs } = await request("GET", "/v1/admin/evaluations");
      const chosen = id ?? runs[0]?.id;
      list.hidden = !runs.length;
      list.replaceChildren(...runs.map((run) => el("li", {}, el("a", { href: address("quality", run.id), "aria-current": run.id === chosen ? "true" : null },
        el("strong", {}, run.dataset), el("span", { class: "hint" }, run.configuration.name, " · ", moment(run.created_at))))));
      if (!chosen) return stage.replaceChildren(el("div", { class: "card empty" }, el("p", { t: "quality.none" }), el("code", {}, "openbook evaluate")));
      const run = await request("GET", path`/v1/admin/evaluations/${chosen}`);
      const same = runs.filter(({ dataset }) => dataset === run.dataset); // the newest come first
      stage.replaceChildren(...body(run, same[same.findIndex((each) => each.id === run.id) + 1]));
    },
  };
}

function body(run, before) {
  const groups = [...Map.groupBy(run.figures, ({ group }) => group)];
  return [
    el("section", { class: "card", "aria-label": run.dataset }, el("h2", {}, run.dataset), hint(["quality.asked", { questions: figure(run.questions), name: run.configuration.name }]),
      before && hint(["quality.against", { when: when(before.created_at) }]), groups.flatMap(([name, figures]) => group(name, figures, before))),
    run.risk_coverage.length > 1 && curve("quality.risk", run.risk_coverage, "quality.coverage", "quality.error"),
    run.timings.length > 0 && times(run.timings),
    run.worst.length > 0 && card("quality.worst",
      run.worst.map((one) => el("details", {}, el("summary", {}, one.question), el("p", {}, one.answer || t("quality.no-answer")), el("p", { class: "hint" }, one.note)))),
  ].filter(Boolean);
}

function group(name, figures, before) {
  const title = known(`quality.group.${name}`) ? `quality.group.${name}` : ["quality.group", { name }];
  const rows = figures.map((each) => {
    const digits = each.name.endsWith("tokens") ? 0 : 3;
    const write = (value, more) => figure(value, { minimumFractionDigits: digits, maximumFractionDigits: digits, ...more });
    const old = before?.figures.find((other) => other.name === each.name && other.group === name);
    return [each.name, write(each.mean), `${write(each.low)} – ${write(each.high)}`, digits ? interval(each) : "", old ? write(each.mean - old.mean, { signDisplay: "exceptZero" }) : "–"];
  });
  return [el("h3", { t: title }), table(title, ["quality.measure", "quality.mean", "quality.interval", "quality.plot", "quality.change"], rows)];
}

function times(timings) {
  const most = Math.max(...timings.map(({ p95 }) => p95), 1);
  return card("quality.times", table("quality.times", ["quality.stage", "health.p50", "health.p95", "quality.plot"],
    timings.map(({ stage, p50, p95 }) => [stage, duration(p50), duration(p95), el("meter", { max: most, value: p95, "aria-hidden": "true" })])));
}
