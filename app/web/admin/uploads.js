/** Uploading: files and folders by drop or choice, each with its progress until it is ready, and its error in words. */

import { path, Problem, request, upload } from "../core/api.js";
import { announce, el, iconButton, say } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { address } from "../core/address.js";
import { bytes, known, t } from "../core/strings.js";
import { hint } from "./parts.js";

const ACCEPTED = [".pdf", ".docx", ".html", ".htm", ".xhtml", ".md", ".markdown", ".txt"];
const AT_ONCE = 2;
const TOGETHER = 20; // small files in one request: each request counts against the key's share
const TOGETHER_BYTES = 4e6;
const ASKED = 200; // jobs in one question
const HOPELESS = ["too_large", "unsupported_format", "format_mismatch", "empty"];

const pause = (seconds) => new Promise((wake) => setTimeout(wake, seconds * 1000));

/** The drop zone and the list of uploads. `collection()` names where they go; `changed()` hears that documents changed. */
export function uploadZone(collection, changed) {
  const all = [];
  const list = el("ul", { class: "uploads", "t-aria-label": "upload.list" });
  const summary = el("div", { class: "row upload-summary", hidden: true });
  const note = el("p", { class: "hint", role: "status" });
  let sending = 0;
  let soon;
  const add = ({ files, left }) => {
    note.replaceChildren(left ? el("span", { t: ["upload.left-out", { count: left }] }) : "");
    for (const { file, folder } of files) all.push(uploadRow({ file, folder, collection: collection() }, { retry, ended }));
    list.append(...all.map(({ node }) => node).filter((node) => !node.isConnected));
    pump();
  };
  const retry = (one) => {
    one.cancelled = false;
    if (one.job) return request("POST", path`/v1/admin/jobs/${one.job}/retry`).then(() => one.at("queued"), (problem) => one.fail(problem)).then(ended);
    one.at("waiting");
    pump();
  };
  const clear = () => {
    for (const one of all.filter((each) => each.ended)) {
      one.node.remove();
      all.splice(all.indexOf(one), 1);
    }
    tell();
  };
  /** One more is over, one way or another: many that end together are one change. */
  function ended() {
    tell();
    clearTimeout(soon);
    soon = setTimeout(changed, 400);
  }
  function pump() {
    tell();
    for (let batch = nextBatch(all); sending < AT_ONCE && batch.length; batch = nextBatch(all)) {
      sending += 1;
      for (const one of batch) one.at("sending");
      send(batch, ended).finally(() => {
        sending -= 1;
        pump();
      });
    }
  }
  function tell() {
    const [good, bad, moving] = [["ready", "partial", "duplicate"], ["failed"]].map((states) => all.filter(({ state }) => states.includes(state))).concat([all.filter((one) => !one.ended)]);
    const now = [good, bad, moving, all].map(({ length }) => length).join();
    if (summary.dataset.now === now) return;
    summary.dataset.now = now;
    summary.hidden = !all.length;
    const words = el("p", { role: "status", t: ["upload.summary", { good: good.length, all: all.length, bad: bad.length }] });
    const again = bad.filter(({ hopeless }) => !hopeless);
    const button = (wanted, key, act) => (wanted ? el("button", { type: "button", class: "quiet", t: key, onclick: act }) : "");
    summary.replaceChildren(words, button(again.length > 1, "upload.retry-all", () => again.forEach(retry)),
      button(moving.length > 1, "upload.cancel-all", () => moving.forEach((one) => one.cancel())), button(moving.length < all.length, "upload.clear", clear));
    if (all.length && !moving.length) announce(words.textContent);
  }
  follow(all, ended);
  return el("div", {}, zoneOf(add), note, summary, list);
}

function zoneOf(add) {
  const choice = (id, words, props, found) => {
    const input = el("input", { type: "file", class: "unseen", id, ...props });
    input.addEventListener("change", () => {
      add(found([...input.files]));
      input.value = ""; // so that the same file can be chosen again
    });
    return [input, el("label", { for: id, class: "link", t: words })];
  };
  const single = (files) => ({ files: files.map((file) => ({ file, folder: "" })), left: 0 });
  const folder = (files) => chosen(files.map((file) => ({ file, folder: file.webkitRelativePath.split("/").slice(0, -1).join("/") })));
  const zone = el("div", { class: "drop" }, icon("upload"),
    el("p", {}, el("span", { t: "upload.drop" }), " ", choice("files", "upload.choose", { multiple: true, accept: ACCEPTED.join() }, single), " ",
      el("span", { t: "upload.or" }), " ", choice("folder", "upload.choose-folder", { webkitdirectory: true }, folder)), hint("upload.formats"));
  const over = (inside) => (event) => {
    event.preventDefault();
    zone.classList.toggle("over", inside);
  };
  zone.addEventListener("dragover", over(true));
  zone.addEventListener("dragleave", over(false));
  zone.addEventListener("drop", async (event) => {
    over(false)(event);
    add(await dropped(event.dataTransfer));
  });
  return zone;
}

/** Of files in folders, those of other kinds and hidden ones are left out and counted. */
function chosen(found) {
  const files = found.filter(({ file: { name } }) => !name.startsWith(".") && ACCEPTED.some((end) => name.toLowerCase().endsWith(end)));
  return { files, left: found.length - files.length };
}

/** What was dropped: files as they are, folders walked; the entries must be taken before the event is over. */
async function dropped(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry()).filter(Boolean);
  const single = await Promise.all(entries.filter(({ isFile }) => isFile).map(fileOf));
  const within = [];
  for (const entry of entries.filter(({ isDirectory }) => isDirectory)) for await (const file of walk(entry)) within.push(file);
  const { files, left } = chosen(within);
  return { files: [...single, ...files], left };
}

const fileOf = (entry) => new Promise((resolve, reject) => {
  entry.file((file) => resolve({ file, folder: entry.fullPath.split("/").slice(1, -1).join("/") }), reject);
});

async function* walk(folder) {
  const reader = folder.createReader();
  for (;;) {
    const entries = await new Promise((resolve, reject) => reader.readEntries(resolve, reject)); // a hundred at a time
    if (!entries.length) return;
    for (const entry of entries) {
      if (entry.isFile) yield await fileOf(entry);
      else yield* walk(entry);
    }
  }
}

/** The next files that travel in one request: a large one alone, small ones of one folder together. */
function nextBatch(all) {
  const batch = [];
  let size = 0;
  for (const one of all.filter(({ state }) => state === "waiting")) {
    const first = batch[0] ?? one;
    const fits = first === one || (size + one.file.size <= TOGETHER_BYTES && !first.password && !one.password);
    if (!fits || first.folder !== one.folder || first.collection !== one.collection) continue;
    batch.push(one);
    size += one.file.size;
    if (batch.length === TOGETHER) break;
  }
  return batch;
}

/** Sends the bytes, again and again while the service is busy or away; what was cancelled meanwhile stays away. */
async function send(batch, ended) {
  for (;;) {
    const some = batch.filter((one) => !one.ended);
    if (!some.length) return;
    const at = (state, share) => some.forEach((one) => !one.ended && one.at(state, share));
    try {
      const entries = await upload(some.map(({ file }) => file), some[0], (share) => at("sending", share));
      entries.forEach((entry, i) => taken(some[i], entry, ended));
      return;
    } catch (problem) {
      if (![0, 429, 503].includes(problem.status)) {
        for (const one of some) if (!one.ended) one.fail(problem);
        return ended();
      }
      at("busy", 0);
      await pause(problem.retryAfter || 2);
    }
  }
}

/** What the service says of one file that was sent. */
function taken(one, entry, ended) {
  if (entry.problem) one.fail(new Problem(entry.problem.status, entry.problem));
  else {
    Object.assign(one, { document: entry.id, job: entry.job_id });
    if (one.cancelled) return one.cancel();
    if (entry.job_id && ["queued", "processing"].includes(entry.latest_status)) return one.at("queued");
    one.done(entry.duplicate ? "duplicate" : entry.status);
  }
  ended();
}

/** Follows all jobs that are under way with one question a second, two hundred at a time. */
async function follow(all, ended) {
  for (;;) {
    await pause(1);
    const moving = all.filter((one) => one.job && !one.ended);
    for (let from = 0; from < moving.length; from += ASKED) {
      const some = moving.slice(from, from + ASKED);
      try {
        const { items } = await request("GET", `/v1/jobs?${new URLSearchParams(some.map(({ job }) => ["id", job]))}`);
        const jobs = new Map(items.map((job) => [job.id, job]));
        for (const one of some) progress(one, jobs.get(one.job));
        if (some.some((one) => one.ended)) ended();
      } catch (problem) {
        if (problem.status === 401) return; // the session is over, and with it this page
        await pause(problem.retryAfter || 2);
      }
    }
  }
}

function progress(one, job) {
  if (one.ended) return; // cancelled while the answer was on its way
  if (!job) one.done("gone");
  else if (job.status === "queued") one.at("queued");
  else if (job.status === "running") one.at(job.stage === "publish" ? "publish" : "parse", job.progress);
  else if (job.status === "failed") one.fail(new Problem(500, { type: job.error?.code, detail: job.error?.message }));
  else one.done(job.status === "cancelled" ? "cancelled" : job.version_status);
}

/** A row of the list, with what can happen to its file. */
function uploadRow(one, { retry, ended }) {
  const { file, folder } = one;
  const state = el("span", { class: "upload-state" });
  const bar = el("progress", { max: 1, value: 0, "t-aria-label": ["upload.progress", { name: file.name }] });
  const stop = iconButton("close", ["upload.cancel", { name: file.name }], () => one.cancel());
  const extra = el("div", { class: "upload-extra" });
  const node = el("li", {}, el("span", { class: "upload-name" }, folder && el("span", { class: "hint" }, `${folder}/`), file.name, " ", el("span", { class: "hint", t: () => bytes(file.size) })), state, stop, bar, extra);
  const show = (name, is, kept, words, ...more) => {
    Object.assign(one, { state: name, ended: is });
    node.className = `upload ${kept}`;
    bar.hidden = stop.hidden = is;
    say(state, words);
    extra.replaceChildren(...more);
  };
  const again = () => el("button", { type: "button", class: "quiet", t: "retry", "t-aria-label": ["upload.retry", { name: file.name }], onclick: () => retry(one) });
  Object.assign(one, {
    node,
    at(stage, share = 0) {
      bar.value = share;
      show(stage, false, "", [`upload.${stage}`, { percent: Math.round(share * 100) }]);
    },
    done(outcome) {
      const more = outcome === "cancelled" ? [again()] : outcome === "partial" ? [el("a", { href: address("documents", one.document), t: "upload.open" })] : [];
      show(outcome, true, ["cancelled", "gone"].includes(outcome) ? "" : "good", `upload.${outcome}`, ...more);
    },
    /** Says what went wrong and what to do; a file that wants a password can be given one, most others can be tried again. */
    fail(problem) {
      const { code, detail } = problem;
      one.hopeless = HOPELESS.includes(code);
      const more = code === "password_required" ? [passwordForm(one, retry)] : one.hopeless ? [] : [again()];
      if (known(`problem.${code}`)) show("failed", true, "bad", `problem.${code}`, el("p", { class: "hint" }, detail), ...more);
      else show("failed", true, "bad", () => t("upload.failed", { reason: problem.message }), ...more);
    },
    /** What is being sent is stopped once the service has named its job. */
    cancel() {
      one.cancelled = true;
      const over = one.job ? request("POST", path`/v1/admin/jobs/${one.job}/cancel`) : Promise.resolve();
      return over.then(() => one.done("cancelled"), (problem) => problem.status !== 409 && one.fail(problem)).then(ended);
    },
  });
  one.at("waiting");
  return one;
}

function passwordForm(one, retry) {
  const field = el("input", { type: "password", required: true, autocomplete: "off", "t-aria-label": ["upload.password", { name: one.file.name }] });
  const submit = (event) => {
    event.preventDefault();
    Object.assign(one, { password: field.value, job: null });
    retry(one);
  };
  return el("form", { class: "row", onsubmit: submit }, field, el("button", { class: "quiet", t: "upload.unlock" }));
}
