/** Which view an address names: #/, #/c/ID, #/documents?status=failed; each view is loaded when it is first visited. */

import { administratorsWords } from "./strings.js";

/** In the order of the navigation. `paths` are the first parts of the addresses; the chat's first part may be empty; `style` is loaded with it. */
export const VIEWS = [
  { name: "chat", paths: ["", "c", "a"], words: "nav.chat", load: () => import("../chat/view.js") },
  ...["documents", "collections", "keys", "quality", "health"].map(adminView),
];

function adminView(name) {
  const load = async () => (await Promise.all([import(`../admin/${name}.js`), administratorsWords()]))[0];
  return { name, paths: [name], words: `nav.${name}`, admin: true, style: "admin", load };
}

/** The views that a role may see. */
export function viewsFor(role) {
  return VIEWS.filter((view) => !view.admin || role === "admin");
}

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
