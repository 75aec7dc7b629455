/** Speaks to the service: JSON requests, streams of server-sent events, uploads, and problems in words. */

import { reason, t } from "./strings.js";

/** What went wrong: its stable code, and the service's words where it had any; status 0 means that nothing came back. */
export class Problem extends Error {
  constructor(status, body = {}, retryAfter = 0) {
    super();
    const code = status === 401 ? "not_authenticated" : (body.type ?? (status === 0 ? "lost" : "")).split(":").at(-1);
    Object.assign(this, { status, code, detail: body.detail || body.title || "", retryAfter, requestId: body.request_id ?? "" });
  }

  /** In the language that the page speaks now. */
  get message() {
    return reason({ code: this.code, message: this.detail }) || t("problem.other", { status: this.status });
  }
}

function refusal(status, text, retryAfter) {
  let body = {};
  try {
    body = JSON.parse(text);
  } catch {
    body = {}; // a front server's own page: only its status tells anything
  }
  return new Problem(status, typeof body === "object" && body ? body : {}, Number(retryAfter) || 0);
}

/** Joins a path from fixed parts and ids; ids never become slashes or queries. */
export function path(parts, ...ids) {
  return parts.reduce((whole, part, i) => whole + encodeURIComponent(ids[i - 1]) + part);
}

async function send(method, address, body, signal) {
  const headers = body === undefined ? {} : { "Content-Type": "application/json" };
  let response;
  try {
    response = await fetch(address, { method, headers, body: body === undefined ? undefined : JSON.stringify(body), signal });
  } catch (error) {
    throw error.name === "AbortError" ? error : new Problem(0);
  }
  if (!response.ok) throw refusal(response.status, await response.text(), response.headers.get("Retry-After"));
  return response;
}

/** Sends JSON and gives the reply's JSON, or null for an empty one; raises Problem. */
export async function request(method, address, body, signal) {
  const response = await send(method, address, body, signal);
  return response.status === 204 ? null : response.json();
}

/** Gives each server-sent event of a reply as {event, data}, data parsed; works for POST too. */
export async function* events(method, address, body, signal) {
  const response = await send(method, address, body, signal);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  const frame = { event: "", data: [] };
  let rest = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const lines = (rest + value).split(/\r\n|\n|\r(?!$)/);
      rest = lines.pop();
      for (const line of lines) {
        if (line !== "") take(frame, line);
        else if (frame.data.length) yield { event: frame.event || "message", data: JSON.parse(frame.data.join("\n")) };
        if (line === "") Object.assign(frame, { event: "", data: [] });
      }
    }
  } catch (error) {
    if (error.name === "AbortError" || error instanceof Problem) throw error;
    throw new Problem(0);
  } finally {
    reader.cancel().catch(() => {}); // already closed or aborted: nothing left to end
  }
}

function take(frame, line) {
  const [, field, value] = /^([^:]*):? ?(.*)$/s.exec(line);
  if (field === "event") frame.event = value;
  if (field === "data") frame.data.push(value);
}

/** Sends a body and gives the reply's JSON; `progress` hears the share of the bytes that were sent, 0..1. */
export function sendFile(method, address, body, progress) {
  return new Promise((resolve, reject) => {
    const call = new XMLHttpRequest(); // fetch does not tell how much of a body was sent
    call.open(method, address);
    call.upload.onprogress = (event) => event.lengthComputable && progress(event.loaded / event.total);
    call.onerror = () => reject(new Problem(0));
    call.onload = () => {
      if (call.status >= 300) reject(refusal(call.status, call.responseText, call.getResponseHeader("Retry-After")));
      else resolve(JSON.parse(call.responseText));
    };
    call.send(body);
  });
}

/** Uploads files into a collection, or one as a new version of the document `replaces`; gives an entry for each, in order. */
export async function upload(files, { collection, password, folder, replaces }, progress) {
  const form = new FormData();
  if (collection) form.append("collection", collection);
  if (password) form.append("password", password);
  if (folder) form.append("metadata", JSON.stringify({ folder }));
  for (const file of files) form.append("file", file, file.name);
  if (replaces) return [await sendFile("PUT", path`/v1/admin/documents/${replaces}`, form, progress)];
  return (await sendFile("POST", "/v1/admin/documents", form, progress)).documents;
}

/** Gives every row of a cursor-paged list, page by page. */
export async function* pages(address, limit = 500) {
  let cursor = null;
  do {
    const query = new URLSearchParams({ limit, ...(cursor ? { cursor } : {}) });
    const page = await request("GET", `${address}${address.includes("?") ? "&" : "?"}${query}`);
    yield page.items;
    cursor = page.next_cursor;
  } while (cursor);
}
