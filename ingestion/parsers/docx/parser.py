"""Word → blocks, by python-docx: headings, paragraphs, lists and tables in order, notes after what refers to them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from io import BytesIO
from typing import cast
from zipfile import BadZipFile
from zlib import error as DeflateError  # noqa: N812 - zlib names it as if it were a function

import docx
from docx.document import Document
from docx.opc.exceptions import OpcError
from docx.oxml.parser import parse_xml

from ingestion.errors import Unreadable
from ingestion.formats import DOCX
from ingestion.normalize import count_invisible, one_line
from ingestion.parsers.docx import archive
from ingestion.parsers.docx.charts import charts
from ingestion.parsers.docx.numbering import Numbering
from ingestion.parsers.docx.placing import Page, remove_unseen
from ingestion.parsers.docx.styles import ParagraphStyle, Styles, is_shaded
from ingestion.parsers.docx.text import TextReader
from ingestion.parsers.docx.xml_tree import Element, count, name_of, value_at, w
from ingestion.parsers.writer import BlockWriter
from ingestion.ports import Parser
from ingestion.types import Block, MediaType, ParsedDocument
from retrieval.types import MetadataValue

_AROUND_BLOCKS = frozenset(("sdt", "sdtContent", "customXml", "ins", "moveTo", "footnote", "endnote", "smartTag"))
_CONTENTS = "Table of Contents"
_NOTES = ("footnotes", "endnotes")
_MAX_KEYWORDS = 30
_SPAN_DIGITS = 4  # of the columns that a cell spans or a row leaves out
_NO_MEMORY = 2  # libxml2's XML_ERR_NO_MEMORY: lxml raises it as if the document's syntax were at fault


class DocxParser(Parser):
    """Reads Word documents (.docx); what was deleted under tracking and what is hidden is left out."""

    @property
    def media_type(self) -> MediaType:
        return DOCX

    def parse(self, content: bytes) -> ParsedDocument:
        archive.check(content)
        try:
            document = docx.Document(BytesIO(content))
            return _read(document)
        # lxml raises SyntaxError's child, and python-docx lets its parts' missing pieces through as they come.
        except (
            AttributeError,
            BadZipFile,
            DeflateError,
            KeyError,
            OpcError,
            SyntaxError,
            TypeError,
            ValueError,
        ) as error:
            if getattr(error, "code", None) == _NO_MEMORY:
                raise MemoryError from error
            raise Unreadable(f"the file is damaged or no Word document: {error}") from error


def _read(document: Document) -> ParsedDocument:
    body, notes = cast("Element", document.element.body), dict(_notes(document))
    page = Page.of(body)
    unseen = sum(remove_unseen(root, page) for root in (body, *notes.values()))
    reader = _Reader(document, TextReader(Styles.of(document)), Numbering.of(document), notes)
    reader.walk(body)
    reader.write_notes()
    blocks = reader.writer.finish()
    title = one_line(document.core_properties.title) or reader.title or _first_heading(blocks)
    warnings = () if blocks else ("the file has no text",)
    if reader.has_foreign_parts:
        warnings += ("a part of the document is embedded in another format and was not read",)
    hidden = unseen + reader.text.hidden + reader.invisible
    counts = {"hidden_characters": hidden, "boilerplate_blocks": reader.contents}
    return ParsedDocument(
        title, blocks, (), _metadata(document), warnings, {step: n for step, n in counts.items() if n}
    )


@dataclass(slots=True)
class _Reader:
    """Walks over the document's tree; `lists` holds which numbering each open list belongs to."""

    document: Document
    text: TextReader
    numbering: Numbering
    notes: Mapping[tuple[str, str], Element]
    writer: BlockWriter = field(default_factory=BlockWriter)
    title: str = ""
    has_foreign_parts: bool = False
    invisible: int = 0
    contents: int = 0
    """Lines of a table of contents, left out."""
    lists: list[str] = field(default_factory=list[str])
    begun: str = ""
    """What the next paragraph goes on: a large first letter, or text whose paragraph's end was deleted."""
    shaded: bool = False
    """Whether what is read stands on a colour: in a box or frame, where white can be seen."""

    def walk(self, parent: Element) -> None:
        for child in parent:
            match name_of(child):
                case "p":
                    self._paragraph(child)
                case "tbl":
                    self._end_begun()
                    self._table(child)
                case "sdt" if value_at(child, "sdtPr/docPartObj/docPartGallery") == _CONTENTS:
                    self.contents += sum(1 for _ in child.iter(w("p")))
                case "altChunk":
                    self.has_foreign_parts = True
                case name if name in _AROUND_BLOCKS:
                    self.walk(child)
                case _:
                    pass
        self._end_begun()

    def write_notes(self) -> None:
        """The notes that the text has referred to since the last time, each under its number."""
        waiting, self.text.notes = self.text.notes, []
        for kind, name, number in waiting:
            note = self.notes.get((kind, name))
            if note is not None:
                paragraphs = (self.text.read(paragraph) for paragraph in note.iter(w("p")))
                self.writer.text(f"[{number}] {' '.join(paragraphs)}")

    def _paragraph(self, paragraph: Element) -> None:
        style = self.text.styles.paragraph(paragraph)
        text = self.text.read(paragraph, shaded=self.shaded)
        self.invisible += count_invisible(text)
        if style.is_contents:
            self.contents += 1
        elif _goes_on(paragraph):
            self.begun += text
        elif (self.begun + text).strip():
            begun, self.begun = self.begun, ""
            self._write(begun + text, style)
        for box in self._boxes(paragraph, paragraph):
            self._walk_frame(box, shaded=True)
        for table in charts(self.document, paragraph):
            self._leave(0)
            self.writer.add(Block("table", table))

    def _end_begun(self) -> None:
        begun, self.begun = self.begun, ""
        if begun.strip():
            self._leave(0)
            self.writer.text(begun)

    def _boxes(self, parent: Element, paragraph: Element) -> Iterator[Element]:
        """The paragraph's text boxes; each stands in the file twice, the second time for old readers."""
        for child in parent:
            name = name_of(child)
            if name == "txbxContent":
                yield child
            elif name == "r" and self.text.styles.has_vanished(child, paragraph):
                continue
            elif name not in ("Fallback", "del", "moveFrom"):
                yield from self._boxes(child, paragraph)

    def _walk_frame(self, frame: Element, *, shaded: bool) -> None:
        outer, self.shaded = self.shaded, self.shaded or shaded
        self.walk(frame)
        self.shaded = outer

    def _write(self, text: str, style: ParagraphStyle) -> None:
        label = self.numbering.label(*style.numbering) if style.numbering else ""
        if label and style.numbering and not style.heading:
            self._enter(*style.numbering)
            self.writer.open_item(label=label)
            self.writer.text(text)
            return
        self._leave(0)
        if style.heading:
            self.write_notes()
        if style.is_title and not self.title:
            self.title = one_line(text)
        if style.heading:
            self.writer.heading(text if label in ("", "-") else f"{label} {text}", style.heading)
        else:
            self.writer.text(text)
            self.write_notes()

    def _enter(self, name: str, depth: int) -> None:
        """Open or close lists until the item's own is the innermost."""
        level = self.numbering.levels[name, depth]
        self._leave(depth + 1)
        if len(self.lists) == depth + 1 and self.lists[-1] != level.numbering:
            self._leave(depth)
        while len(self.lists) <= depth:
            self.writer.open_list(None)
            self.lists.append(level.numbering)

    def _leave(self, depth: int) -> None:
        while len(self.lists) > depth:
            self.writer.close_list()
            self.lists.pop()

    def _table(self, table: Element) -> None:
        self._leave(0)
        parts = [row for row in _children(table, "tr") if not _is_deleted(row)]
        rows = [list(_children(row, "tc")) for row in parts]
        painted = self.text.styles.shades(value_at(table, "tblPr/tblStyle")) or is_shaded(table.find(w("tblPr")))
        if all(len(row) <= 1 for row in rows):  # a frame around text, no table
            for cell in (cell for row in rows for cell in row):
                self._walk_frame(cell, shaded=painted or is_shaded(cell.find(w("tcPr"))))
            return
        self.writer.open_table()
        for part, row in zip(parts, rows, strict=True):
            self.writer.open_row(count(value_at(part, "trPr/gridBefore"), _SPAN_DIGITS) or 0)
            for cell in row:
                self._cell(cell, painted=painted)
        self.writer.close_table()
        self.write_notes()

    def _cell(self, cell: Element, *, painted: bool) -> None:
        properties = cell.find(w("tcPr"))
        merge = properties.find(w("vMerge")) if properties is not None else None
        columns = count(value_at(properties, "gridSpan"), _SPAN_DIGITS) or 1
        grid = self.writer.table
        if grid is None:
            return
        if merge is not None and merge.get(w("val")) != "restart":
            grid.goes_on(columns)
        else:
            text = self.text.read(cell, boxes=True, shaded=painted or is_shaded(properties))
            self.invisible += count_invisible(text)
            grid.cell(one_line(text), columns)


def _children(parent: Element, name: str) -> Iterator[Element]:
    """The rows of a table or the cells of a row, also those inside content controls."""
    for child in parent:
        if name_of(child) == name:
            yield child
        elif name_of(child) in ("sdt", "sdtContent", "customXml", "ins"):
            yield from _children(child, name)


def _goes_on(paragraph: Element) -> bool:
    """Whether the next paragraph goes on with what this one says."""
    properties = paragraph.find(w("pPr"))
    if properties is None:
        return False
    frame, mark = properties.find(w("framePr")), properties.find(w("rPr"))
    is_large = frame is not None and frame.get(w("dropCap")) in ("drop", "margin")
    return is_large or (mark is not None and any(mark.find(w(name)) is not None for name in ("del", "moveFrom")))


def _is_deleted(row: Element) -> bool:
    return row.find(f"{w('trPr')}/{w('del')}") is not None


def _notes(document: Document) -> Iterator[tuple[tuple[str, str], Element]]:
    """The footnotes and endnotes by kind and id; the lines that part them from the text are none."""
    for relation in document.part.rels.values():
        kind = relation.reltype.rpartition("/")[2]
        if kind in _NOTES and not relation.is_external:
            for note in cast("Element", parse_xml(relation.target_part.blob)):
                if note.get(w("type")) in (None, "normal"):
                    yield (kind.removesuffix("s"), note.get(w("id")) or ""), note


def _first_heading(blocks: tuple[Block, ...]) -> str:
    return next((block.text for block in blocks if block.kind == "heading" and block.level == 1), "")


def _metadata(document: Document) -> dict[str, MetadataValue]:
    told = document.core_properties
    words = (one_line(word) for word in told.keywords.replace(";", ",").split(","))
    facts: dict[str, MetadataValue] = {
        "author": one_line(told.author),
        "created": _date(told.created),
        "modified": _date(told.modified),
        "subject": one_line(told.subject),
        "keywords": tuple(dict.fromkeys(word for word in words if word))[:_MAX_KEYWORDS],
    }
    return {key: value for key, value in facts.items() if value}


def _date(moment: datetime | None) -> str:
    return moment.date().isoformat() if moment is not None else ""
