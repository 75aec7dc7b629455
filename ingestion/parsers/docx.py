"""Word → blocks, by python-docx: headings, paragraphs, lists and tables in document order, notes and boxes after."""

from collections.abc import Iterator
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
from ingestion.normalize import one_line
from ingestion.parsers import docx_archive
from ingestion.parsers.docx_styles import ListLevel, ParagraphStyle, Styles
from ingestion.parsers.writer import BlockWriter
from ingestion.parsers.xml_tree import Element, name_of, w
from ingestion.ports import Parser
from ingestion.types import Block, MediaType, ParsedDocument
from retrieval.types import MetadataValue

_SKIPPED = frozenset(("pPr", "rPr", "del", "moveFrom", "Fallback", "instrText", "rt", "txbxContent", "sdtPr", "tblPr"))
_CHARACTERS = {"tab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-", "p": " ", "tbl": " "}
_MATH = {"den": "/", "sup": "^", "sub": "_"}  # what stands before a part of a formula
_NOTES = ("/footnotes", "/endnotes")


class DocxParser(Parser):
    """Reads Word documents (.docx); what was deleted under tracking and what is hidden is left out."""

    @property
    def media_type(self) -> MediaType:
        return DOCX

    def parse(self, content: bytes) -> ParsedDocument:
        docx_archive.check(content)
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
            raise Unreadable(f"the file is damaged or no Word document: {error}") from error


def _read(document: Document) -> ParsedDocument:
    reader = _Reader(Styles.of(document))
    reader.walk(cast("Element", document.element.body))
    for notes in _notes(document):
        reader.walk(notes)
    blocks = reader.writer.finish()
    properties = document.core_properties
    title = one_line(properties.title) or reader.title or _first_heading(blocks)
    facts = {
        "author": one_line(properties.author),
        "created": _date(properties.created),
        "modified": _date(properties.modified),
    }
    metadata: dict[str, MetadataValue] = {key: value for key, value in facts.items() if value}
    return ParsedDocument(title, blocks, (), metadata, () if blocks else ("the file has no text",))


@dataclass(slots=True)
class _Reader:
    """Walks over the document's tree; `open` holds which list each open level belongs to."""

    styles: Styles
    writer: BlockWriter = field(default_factory=BlockWriter)
    title: str = ""
    open: list[str] = field(default_factory=list[str])
    counts: dict[tuple[str, int], int] = field(default_factory=dict[tuple[str, int], int])

    def walk(self, parent: Element) -> None:
        for child in parent:
            match name_of(child):
                case "p":
                    self._paragraph(child)
                case "tbl":
                    self._table(child)
                case "sdt" | "sdtContent" | "customXml" | "ins" | "moveTo" | "footnote" | "endnote" | "smartTag":
                    self.walk(child)
                case _:
                    pass

    def _paragraph(self, paragraph: Element) -> None:
        text = "".join(_characters(paragraph))
        style = self.styles.paragraph(paragraph)
        if text.strip():
            self._write(text, style)
        for box in _boxes(paragraph):
            self.walk(box)

    def _write(self, text: str, style: ParagraphStyle) -> None:
        if style.list is not None and not style.heading:
            self._enter(style.list)
            self.writer.open_item()
            self.writer.text(text)
            return
        self._leave(0)
        if style.is_title and not self.title:
            self.title = one_line(text)
        if style.heading:
            self.writer.heading(text, style.heading)
        else:
            self.writer.text(text)

    def _enter(self, item: ListLevel) -> None:
        """Open or close lists until the item's own is the innermost; a list goes on counting where it was left."""
        depth = item.level + 1
        self._leave(depth)
        if self.open and self.open[-1] != item.list and len(self.open) == depth:
            self._leave(depth - 1)
        for deeper in [known for known in self.counts if known[0] == item.list and known[1] > item.level]:
            del self.counts[deeper]
        count = self.counts.get((item.list, item.level), item.start - 1) + 1
        self.counts[item.list, item.level] = count
        for level in range(len(self.open), depth):
            shape = self.styles.numberings.get((item.list, level), item)
            going_on = self.counts.get((item.list, level), shape.start - 1) + (level < item.level)
            self.writer.open_list(going_on if shape.numbered else None)
            self.open.append(item.list)

    def _leave(self, depth: int) -> None:
        while len(self.open) > depth:
            self.writer.close_list()
            self.open.pop()

    def _table(self, table: Element) -> None:
        self._leave(0)
        rows = [list(_children(row, "tc")) for row in _children(table, "tr")]
        if all(len(row) <= 1 for row in rows):  # a frame around text, no table
            for cell in (cell for row in rows for cell in row):
                self.walk(cell)
            return
        self.writer.open_table()
        for row in rows:
            self.writer.open_row()
            for cell in row:
                self._cell(cell)
        self.writer.close_table()

    def _cell(self, cell: Element) -> None:
        """A cell's text once, empty cells for the rest of what it spans, so that columns stay columns."""
        merge = cell.find(f"{w('tcPr')}/{w('vMerge')}")
        goes_on = merge is not None and merge.get(w("val")) != "restart"
        self.writer.text("" if goes_on else "".join(_characters(cell, boxes=True)))
        span = cell.find(f"{w('tcPr')}/{w('gridSpan')}")
        width = (span.get(w("val")) if span is not None else None) or "1"
        for _ in range(min(int(width), 64) - 1):
            self.writer.text("")


def _characters(element: Element, *, boxes: bool = False) -> Iterator[str]:
    """The visible characters inside; a paragraph's own only, unless `boxes` asks for those in its text boxes too."""
    for child in element:
        name = name_of(child)
        if name == "t":
            yield child.text or ""
        elif name == "r" and _is_hidden(child):
            continue
        elif name not in _SKIPPED or (boxes and name == "txbxContent"):
            yield _CHARACTERS.get(name, "") or _MATH.get(name, "")
            yield from _characters(child, boxes=boxes)


def _is_hidden(run: Element) -> bool:
    vanish = run.find(f"{w('rPr')}/{w('vanish')}")
    return vanish is not None and vanish.get(w("val")) not in ("0", "false", "off")


def _boxes(paragraph: Element) -> Iterator[Element]:
    """The paragraph's text boxes; each stands in the file twice, the second time for old readers."""
    for child in paragraph:
        name = name_of(child)
        if name == "txbxContent":
            yield child
        elif name != "Fallback":
            yield from _boxes(child)


def _children(parent: Element, name: str) -> Iterator[Element]:
    """The rows of a table or the cells of a row, also those inside content controls."""
    for child in parent:
        if name_of(child) == name:
            yield child
        elif name_of(child) in ("sdt", "sdtContent", "customXml", "ins"):
            yield from _children(child, name)


def _notes(document: Document) -> Iterator[Element]:
    for relation in document.part.rels.values():
        if relation.reltype.endswith(_NOTES) and not relation.is_external:
            yield cast("Element", parse_xml(relation.target_part.blob))


def _first_heading(blocks: tuple[Block, ...]) -> str:
    return next((block.text for block in blocks if block.kind == "heading" and block.level == 1), "")


def _date(moment: datetime | None) -> str:
    return moment.date().isoformat() if moment is not None else ""
