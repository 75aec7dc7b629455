/** The views in the order of the navigation; each is loaded when it is first visited. */

import { administratorsWords } from "./core/strings.js";

/** `paths` are first parts of addresses. */
const VIEWS = [
  { name: "chat", paths: ["", "c", "a"], load: () => import("./chat/view.js") },
  ...["documents", "collections", "keys", "quality", "health"].map(adminView),
];

function adminView(name) {
  const load = async () => (await Promise.all([import(`./admin/${name}.js`), administratorsWords()]))[0];
  return { name, paths: [name], admin: true, load };
}

/** The views that a role may see. */
export function viewsFor(role) {
  return VIEWS.filter((view) => !view.admin || role === "admin");
}
