/** Uploading: many files by drop or choice, each with its progress until it is ready, and its error in words. */

import { events, path, request, upload } from "../core/api.js";
import { el, say } from "../core/dom.js";
import { icon } from "../core/icons.js";

const ACCEPTED = ".pdf,.docx,.html,.htm,.xhtml,.md,.markdown,.txt";
const AT_ONCE = 2;

/** The drop zone and the list of uploads. `collection()` names where they go; `changed()` hears of each end. */
export function uploadZone(collection, changed) {
  const input = el("input", { type: "file", multiple: true, accept: ACCEPTED, id: "files", class: "unseen" });
  const zone = el("div", { class: "drop" }, icon("upload"),
    el("p", {}, el("span", { t: "upload.drop" }), " ", input, el("label", { for: "files", class: "link", t: "upload.choose" })),
    el("p", { class: "hint", t: "upload.formats" }));
  const list = el("ul", { class: "uploads", "t-aria-label": "upload.list" });
  const clear = el("button", { type: "button", class: "quiet", t: "upload.clear", hidden: true });
  const send = pool(AT_ONCE);
  const watch = pool(AT_ONCE);

  let waiting;
  const soon = () => {
    clearTimeout(waiting);
    waiting = setTimeout(changed, 500); // one refresh for many files that end together
  };
  const add = (files) => {
    for (const file of files) {
      const row = uploadRow(file, clear);
      list.append(row.node);
      const start = (password) => send(() => transfer(row, file, collection(), password))
        .then((entry) => entry && watch(() => follow(row, entry)))
        .catch((problem) => row.fail(problem, start))
        .finally(soon);
      start();
    }
  };
  input.addEventListener("change", () => {
    add(input.files);
    input.value = ""; // so that the same file can be chosen again
  });
  const over = (inside) => (event) => {
    event.preventDefault();
    zone.classList.toggle("over", inside);
  };
  zone.addEventListener("dragover", over(true));
  zone.addEventListener("dragleave", over(false));
  zone.addEventListener("drop", (event) => {
    over(false)(event);
    add(event.dataTransfer.files);
  });
  clear.addEventListener("click", () => {
    list.querySelectorAll(".done").forEach((row) => row.remove());
    clear.hidden = true;
  });
  return el("div", {}, zone, list, clear);
}

/** Runs at most `size` tasks at a time, in the order they were given. */
function pool(size) {
  const waiting = [];
  let busy = 0;
  const next = () => {
    if (busy === size || !waiting.length) return;
    busy += 1;
    waiting.shift()().finally(() => {
      busy -= 1;
      next();
    });
  };
  return (task) => new Promise((resolve, reject) => {
    waiting.push(() => task().then(resolve, reject));
    next();
  });
}

const pause = (seconds) => new Promise((wake) => setTimeout(wake, seconds * 1000));

/** Sends the bytes, again and again while the service is busy; gives the document, or null where it was there before. */
async function transfer(row, file, collection, password) {
  for (;;) {
    try {
      const entry = await upload(file, collection, password, (share) => row.at("upload.sending", share));
      if (!entry.duplicate || !["queued", "processing"].includes(entry.status)) {
        if (entry.duplicate) row.done("upload.duplicate");
        else if (!entry.job_id) row.done(`upload.${entry.status}`);
        if (entry.duplicate || !entry.job_id) return null;
      }
      row.at("upload.queued", 0);
      return entry;
    } catch (problem) {
      if (problem.status !== 429) throw problem;
      row.at("upload.busy", 0);
      await pause(problem.retryAfter || 2);
    }
  }
}

/** Follows the job's events until it ends; a stream that ends before its job is opened again. */
async function follow(row, entry) {
  for (;;) {
    try {
      for await (const { event, data } of events("GET", path`/v1/jobs/${entry.job_id}/events`)) {
        if (event !== "error" && (await ended(row, entry, data))) return;
      }
    } catch (problem) {
      if (![0, 429, 503].includes(problem.status)) throw problem;
      await pause(problem.retryAfter || 1);
    }
    await pause(1);
  }
}

async function ended(row, entry, job) {
  if (job.status === "queued") row.at("upload.queued", 0);
  if (job.status === "running") row.at(job.stage === "publish" ? "upload.publish" : "upload.parse", job.progress);
  if (job.status === "cancelled") row.done("upload.cancelled");
  if (job.status === "failed") throw new Error(job.error?.message ?? job.error?.code ?? "");
  if (job.status === "succeeded") {
    const document = await request("GET", path`/v1/documents/${entry.id}`);
    row.done(document.status === "partial" ? "upload.partial" : "upload.ready");
  }
  return job.status === "cancelled" || job.status === "succeeded";
}

function uploadRow(file, clear) {
  const state = el("span", { class: "upload-state", t: "upload.waiting" });
  const bar = el("progress", { max: 1, value: 0, "t-aria-label": ["upload.progress", { name: file.name }] });
  const extra = el("div", { class: "upload-extra" });
  const node = el("li", { class: "upload" }, el("span", { class: "upload-name" }, file.name), state, bar, extra);
  const end = (outcome) => {
    bar.hidden = true;
    node.classList.add("done", outcome);
    clear.hidden = false;
  };
  return {
    node,
    at(key, share) {
      bar.value = share;
      say(state, [key, { percent: Math.round(share * 100) }]);
    },
    done(key) {
      end("good");
      say(state, key);
    },
    /** Says what went wrong; a file that wants a password can be given one, any other can be tried again. */
    fail(problem, start) {
      end("bad");
      say(state, ["upload.failed", { reason: problem.message }]);
      const again = (password) => {
        node.classList.remove("done", "bad");
        extra.replaceChildren();
        bar.hidden = false;
        start(password);
      };
      if (/password/.test(problem.type)) extra.replaceChildren(passwordForm(file, again));
      else if (problem.status !== 413 && problem.status !== 415) {
        extra.replaceChildren(el("button", { type: "button", class: "quiet", t: "retry", onclick: () => again() }));
      }
    },
  };
}

function passwordForm(file, again) {
  const field = el("input", { type: "password", required: true, autocomplete: "off", "t-aria-label": ["upload.password", { name: file.name }] });
  const submit = (event) => {
    event.preventDefault();
    again(field.value);
  };
  return el("form", { class: "row", onsubmit: submit }, field, el("button", { class: "quiet", t: "upload.unlock" }));
}
