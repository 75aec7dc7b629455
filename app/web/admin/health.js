/** The view of the health: what does not work in words, the queue, the indexes, and the last hour as charts. */

import { request } from "../core/api.js";
import { el } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { bytes, duration, figure, known, language, t } from "../core/strings.js";
import { overTime } from "./chart.js";
import { card, hint, repeatedly, table } from "./parts.js";

const REFRESH_MS = 10_000;
const STALLED_SECONDS = 120;
const SCARCE_BYTES = 2e9;
const MOMENTS = 60; // in a chart: samples are put together to that many

/** The view; see views.js. */
export function open({ fail }) {
  const stage = el("div");
  const node = el("main", { class: "admin" }, el("h1", { t: "health.title" }), stage);
  let hide = () => {};
  const load = async () => {
    const told = await request("GET", "/v1/admin/health");
    if (!stage.contains(document.activeElement)) stage.replaceChildren(verdict(told), tiles(told), charts(told), indexes(told), routes(told));
  };
  return {
    node,
    async show() {
      hide();
      hide = repeatedly(load, REFRESH_MS, fail);
      await load();
    },
    hide: () => hide(),
  };
}

/** Everything that is not as it should be, each with what it means and what to do; or that all is well. */
function verdict({ reasons, degraded, queue, room, indexes: all }) {
  const trouble = [
    ...Object.entries(reasons).map(([part, words]) => (known(`health.reason.${part}`) ? [`health.reason.${part}`] : ["health.reason", { part, words }])),
    ...Object.entries(degraded).map(([part, count]) => ["health.degraded", { part: known(`degraded.${part}`) ? t(`degraded.${part}`) : part, count: figure(count) }]),
    queue.oldest_seconds > STALLED_SECONDS && !queue.jobs.running && ["health.stalled", { minutes: figure(Math.round(queue.oldest_seconds / 60)) }],
    room.free < SCARCE_BYTES && ["health.scarce", { free: bytes(room.free) }],
    ...all.filter(({ lag }) => lag > 100).map(({ collection, lag }) => ["health.behind", { collection, lag: figure(lag) }]),
  ].filter(Boolean);
  const line = (name, words) => el("li", {}, icon(name), el("span", { t: words }));
  return el("ul", { class: `card verdict ${trouble.length ? "bad" : "good"}`, "t-aria-label": "health.title" }, trouble.length ? trouble.map((words) => line("close", words)) : line("ok", "health.well"));
}

function tiles({ queue, samples, room, generator, embedder, indexes: all }) {
  const sum = (list, pick) => list.reduce((total, one) => total + pick(one), 0);
  const slowest = Math.max(...samples.map(({ answers }) => answers.p95_ms ?? 0), 0);
  const errors = sum(samples, ({ requests }) => requests.failed);
  const tile = (key, value, more, bad) => el("div", { class: `card tile ${bad ? "bad" : ""}` }, el("dt", { t: key }), el("dd", {}, el("strong", {}, value), more && (Array.isArray(more) ? el("span", { class: "hint", t: more }) : more)));
  return el("dl", { class: "tiles" },
    tile("health.waiting", figure(queue.jobs.queued), queue.oldest_seconds === null ? ["health.running", { count: figure(queue.jobs.running) }] : ["health.oldest", { time: duration(queue.oldest_seconds * 1000) }]),
    tile("health.failed-jobs", figure(queue.jobs.failed), queue.jobs.failed > 0 && el("a", { href: "#/documents?status=failed", t: "health.see-failed" }), queue.jobs.failed),
    tile("health.answers", figure(sum(samples, ({ answers }) => answers.count)), ["health.slowest", { time: slowest ? duration(slowest) : "–" }]),
    tile("health.errors", figure(errors), ["health.of-requests", { count: figure(sum(samples, ({ requests }) => requests.ok + requests.refused + requests.failed)) }], errors),
    tile("health.chunks", figure(sum(all, ({ chunks }) => chunks)), ["health.index-bytes", { bytes: bytes(sum(all, (one) => one.bytes)) }]),
    tile("health.room", bytes(room.free), ["health.of-room", { total: bytes(room.total) }]),
    tile("health.generator", generator), tile("health.embedder", embedder));
}

/** Samples put together until there are few enough to draw: counts added up, the worst time and the last queue kept. */
function charts({ samples }) {
  if (samples.length < 2) return hint("health.no-history");
  const step = Math.ceil(samples.length / MOMENTS);
  const groups = [];
  for (let end = samples.length; end > 0; end -= step) groups.unshift(samples.slice(Math.max(0, end - step), end));
  const hour = new Intl.DateTimeFormat(language(), { timeStyle: "short" });
  const at = groups.map((group) => hour.format(new Date(group.at(-1).at)));
  const worst = (kind, name, part, tone) => ({ name, tone, values: groups.map((group) => group.map((one) => one[kind][part]).reduce((most, value) => (value === null ? most : Math.max(most ?? 0, value)), null)) });
  const times = (kind) => [worst(kind, "health.p50", "p50_ms", 0), worst(kind, "health.p95", "p95_ms", 1)];
  const counts = (name, outcome, tone) => ({ name, tone, values: groups.map((group) => group.reduce((total, { requests }) => total + requests[outcome], 0)) });
  const last = (name, part, tone) => ({ name, tone, values: groups.map((group) => group.at(-1)[part]) });
  return el("div", { class: "charts" },
    overTime("health.answer-times", at, times("answers"), " ms"), overTime("health.search-times", at, times("searches"), " ms"),
    overTime("health.requests", at, [counts("health.ok", "ok", 0), counts("health.refused", "refused", 1), counts("health.failed", "failed", "bad")], "", true),
    overTime("health.queue", at, [last("status.queued", "queued", 1), last("status.processing", "running", 0)], ""));
}

function indexes({ indexes: all }) {
  const lag = (value) => el("span", { t: value === null ? "health.closed" : value === 0 ? "health.current" : ["health.lag-of", { lag: figure(value) }] });
  return card("health.indexes", table("health.indexes", ["admin.collection", "admin.title", "document.passages", "admin.size", "health.lag"],
    all.map((one) => [one.collection, figure(one.documents), figure(one.chunks), bytes(one.bytes), lag(one.lag)])));
}

function routes({ routes: all }) {
  const time = (value) => (value === null ? "–" : duration(value));
  return card("health.routes", table("health.routes", ["health.route", "health.requests", "health.refused", "health.failed", "health.p50", "health.p95"],
    all.slice(0, 20).map(({ route, requests, times }) => [el("code", {}, route), figure(times.count), figure(requests.refused), figure(requests.failed), time(times.p50_ms), time(times.p95_ms)])));
}
