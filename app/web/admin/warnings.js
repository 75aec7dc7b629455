/** A document's warnings in words: they are kept as English sentences. */

import { t } from "../core/strings.js";

const IMAGES = /^(?<count>\d+) of (?<all>\d+) pages \((?<pages>[^)]*)\) (?:is an image|are images) without text and (?:was|were) /.source;
const SENTENCES = [
  [/^the (?:file|page|PDF) has no text/, "empty"],
  [/nests too deeply and was read flat$/, "flat"],
  [/^most of the page's text is hidden/, "hidden"],
  [/^a part of the document is embedded/, "embedded"],
  [/^page (?<page>\d+) is damaged/, "damaged"],
  [new RegExp(`${IMAGES}not read: OPENBOOK_OCR_LANGUAGES=`), "images"],
  [new RegExp(`${IMAGES}not read: (?<why>.*)$`), "unread"],
  [new RegExp(`${IMAGES}read by OCR$`), "recognised"],
];

/** The warning in the language of the page; one that is not known stays as it is. */
export function warning(sentence) {
  const [form, key] = SENTENCES.find(([each]) => each.test(sentence)) ?? [];
  return form ? t(`warning.${key}`, form.exec(sentence).groups) : sentence;
}
