/** Copying, also where the browser keeps the clipboard from pages, as it does over plain HTTP. */

import { shown } from "./dialog.js";
import { announce, el } from "./dom.js";
import { t } from "./strings.js";

/** Copies a text and says so, or shows it selected, to be copied by hand; gives whether it was copied. */
export async function copied(text) {
  const done = (await navigator.clipboard?.writeText(text).then(() => true, () => false)) || selected(text);
  if (done) announce(t("copied"));
  return done;
}

/** The old way: a field whose words are selected. It stays open where that way is closed too. */
function selected(text) {
  const field = el("textarea", { class: "secret", readonly: true, rows: 4, "t-aria-label": "copy.by-hand" });
  field.value = text;
  shown("copy.by-hand", field);
  field.select();
  const done = document.execCommand("copy");
  if (done) field.closest("dialog").close();
  return done;
}
