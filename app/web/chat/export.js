/** A conversation as a file to keep. */

import { el } from "../core/dom.js";
import { beginning } from "../core/strings.js";
import { withCitations } from "./answer.js";

/** Saves it as Markdown, its citations below each answer. */
export function saveConversation({ title, messages }) {
  const text = [`# ${title}`, ...messages.map(({ answer }) => withCitations(answer, "##"))].join("\n\n");
  const file = URL.createObjectURL(new Blob([`${text}\n`], { type: "text/markdown" }));
  el("a", { href: file, download: `${beginning(title.replaceAll(/[^\p{L}\p{N} -]/gu, "").trim(), 60) || "conversation"}.md` }).click();
  setTimeout(() => URL.revokeObjectURL(file), 10_000);
}
