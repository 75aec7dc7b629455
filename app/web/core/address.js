/** Addresses of the page: #/, #/c/ID, #/documents?status=failed; app.js shows what they name. */

/** The address of a view's part: address("c", id) is "#/c/ID". */
export function address(...parts) {
  return `#/${parts.map(encodeURIComponent).join("/")}`;
}

/** The address of one of the page's own files: they are served under their version. */
export function file(name) {
  return new URL(`../${name}`, import.meta.url).pathname;
}

/** What the address bar says: {parts, query}, parts decoded; an address that nobody wrote this way has no parts. */
export function here() {
  const [way, query] = location.hash.replace(/^#\/?/, "").split("?");
  try {
    return { parts: way.split("/").map(decodeURIComponent), query: new URLSearchParams(query) };
  } catch {
    return { parts: [""], query: new URLSearchParams() }; // a broken escape
  }
}

/** Goes to an address; a new entry of the browser's history. */
export function go(...parts) {
  location.hash = address(...parts);
}

/** Gives what is shown another address, without another visit. */
export function rename(...parts) {
  history.replaceState(null, "", address(...parts));
}
