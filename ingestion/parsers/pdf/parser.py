"""PDF → pages and blocks: text and boxes by PDFium; what the document says of itself by pypdf."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace

import numpy as np
import pypdfium2 as pdfium
from pypdf import PdfReader

from ingestion.errors import ParseLimit, PasswordRequired, Unreadable
from ingestion.page_count import page_done
from ingestion.parsers.pdf import facts
from ingestion.parsers.pdf.characters import read_characters
from ingestion.parsers.pdf.drawn import Floats, View, read_drawn
from ingestion.parsers.pdf.layout import blocks
from ingestion.parsers.pdf.lines import Line, read_lines
from ingestion.parsers.pdf.objects import size_of
from ingestion.parsers.pdf.order import in_order
from ingestion.parsers.pdf.rows import Item, Table, rows
from ingestion.parsers.pdf.rules import ruled_tables
from ingestion.parsers.pdf.running import PageLines, running_lines
from ingestion.parsers.pdf.tables import with_tables
from ingestion.ports import Parser
from ingestion.types import MediaType, Page, ParsedDocument

_PASSWORD_ERROR = pdfium.raw.FPDF_ERR_PASSWORD
_NO_BOXES = np.zeros((0, 4))
_MOST_PAGES = 20_000  # more are one page over and over: as many real ones take far longer than parsing may
_NAMED_PAGES = 10  # in one warning
_SCAN = 0.5  # of a page's area, for a picture that is the page and not on it
_UNMAPPED = 0.05  # of a page's characters; single signs that a font does not name are bullets and the like
_STAMP = re.compile(r"[\W_A-Za-z]{0,20}\d{3,}")  # the number that scans in a lawsuit or an archive are stamped with


@dataclass(frozen=True, slots=True, eq=False)
class _Sheet:
    """A page as read: its lines in the order in which it writes them, its rules and its images.

    `garbled`: its fonts do not say which letters they draw. `hidden`: it has characters that nobody sees.
    """

    page: Page
    lines: Sequence[Line]
    across: Floats
    down: Floats
    images: Floats
    garbled: bool = False
    hidden: bool = False


class PdfParser(Parser):
    """Reads PDFs; every block's regions say on which page and in which box each of its lines or table rows stands."""

    @property
    def media_type(self) -> MediaType:
        return "application/pdf"

    def parse(self, content: bytes) -> ParsedDocument:
        reader = facts.reader_of(content)
        warnings: list[str] = []
        counts: Counter[str] = Counter()
        damage: pdfium.PdfiumError | None = None
        sheets: list[_Sheet] = []
        try:
            sheets = _read(content, reader, warnings, counts)
        except pdfium.PdfiumError as error:
            if error.err_code == _PASSWORD_ERROR:
                raise Unreadable("the PDF is encrypted: upload it with its password") from error
            damage = error
        sheets = list(_without_running(sheets, counts))
        pages = tuple(sheet.page for sheet in sheets)
        found = tuple(blocks(list(_laid_out(sheets, counts)), facts.outline_of(reader)))
        if not found:
            pages = pages or tuple(facts.page_sizes(reader))
            hidden = {sheet.page.number for sheet in sheets if sheet.hidden}  # a second parser would read it
            found = tuple(facts.second_opinion(reader, {page.number for page in pages} - hidden))
        if damage is not None and not found:
            raise Unreadable(f"the PDF is damaged: {damage}") from damage
        if not found and not counts["image_only_pages"]:  # those are told of by whoever has them recognised
            warnings.append("the PDF has no text: its pages are empty")
        title, metadata = facts.facts_of(reader)
        return ParsedDocument(title, found, pages, metadata, tuple(warnings), +counts)


def unlock(content: bytes, password: str | None) -> bytes | None:
    """Open the PDF as a test; return it decrypted if it takes a password, None if it opens without.

    Raises PasswordRequired for no or a wrong one, Unreadable for a damaged file.
    """
    try:
        with closing(pdfium.PdfDocument(content)):
            return None
    except pdfium.PdfiumError as error:
        if error.err_code != _PASSWORD_ERROR:
            if facts.reader_of(content) is not None:
                return None
            raise Unreadable(f"the PDF is damaged: {error}") from error
    if password is None:
        raise PasswordRequired("the PDF is encrypted: give its password")
    return facts.decrypted(content, password)


def _read(content: bytes, reader: PdfReader | None, warnings: list[str], counts: Counter[str]) -> list[_Sheet]:
    """Every page; what could not be read is added to `warnings`."""
    sheets: list[_Sheet] = []
    with closing(pdfium.PdfDocument(content)) as document:
        if len(document) > _MOST_PAGES:
            raise ParseLimit(f"the PDF has {len(document):,} pages, more than {_MOST_PAGES:,}")
        labels = facts.page_labels(reader)
        for number in range(1, len(document) + 1):
            label = labels[number - 1] if number <= len(labels) else None
            try:
                with closing(document[number - 1]) as page:
                    sheets.append(_sheet(page, number, label, counts))
            except pdfium.PdfiumError:
                warnings.append(f"page {number} is damaged and was not read")
                sheets.append(_Sheet(Page(number, 0.0, 0.0, label), (), _NO_BOXES, _NO_BOXES, _NO_BOXES))
            page_done(number, len(document))
    garbled = [str(sheet.page.number) for sheet in sheets if sheet.garbled]
    if garbled:
        named = ", ".join(garbled[:_NAMED_PAGES]) + (" …" if len(garbled) > _NAMED_PAGES else "")
        warnings.append(
            f"the fonts of {len(garbled)} of {len(sheets)} pages ({named}) do not say which letters they draw: "
            "some of what was read there is not what is to be seen"
        )
    return sheets


def _sheet(page: pdfium.PdfPage, number: int, label: str | None, counts: Counter[str]) -> _Sheet:
    width, height = size_of(page)
    view = View(page.get_bbox(), page.get_rotation())
    drawn = read_drawn(page, view)
    with closing(page.get_textpage()) as text_page:
        characters = read_characters(page, text_page, view, drawn)
        lines = read_lines(text_page, characters, drawn.down, number)
    counts["hidden_characters"] += characters.hidden
    lines = [_clipped(line, width, height) for line in lines]
    page_told = Page(number, round(width, 2), round(height, 2), label)
    garbled = characters.unmapped > _UNMAPPED * len(characters.inked)
    return _Sheet(page_told, lines, drawn.across, drawn.down, drawn.images, garbled, characters.hidden > 0)


def _without_running(sheets: Sequence[_Sheet], counts: Counter[str]) -> Iterator[_Sheet]:
    """The pages without what only runs along, each told of whether a picture is all that is left of it."""
    running = running_lines([PageLines(sheet.page.number, sheet.page.height, sheet.lines) for sheet in sheets])
    for sheet in sheets:
        along = running[sheet.page.number]
        lines = [line for place, line in enumerate(sheet.lines) if place not in along]
        if _is_scan(sheet) and all(_STAMP.fullmatch(line.text) for line in lines):
            lines = []
        textless = not lines and len(sheet.images) > 0 and (not sheet.lines or _is_scan(sheet))
        counts["running_lines"] += len(sheet.lines) - len(lines)
        counts["image_only_pages"] += textless
        yield replace(sheet, page=replace(sheet.page, textless=textless), lines=lines)


def _is_scan(sheet: _Sheet) -> bool:
    """Whether a picture takes most of the page: what little is written there then is a stamp on it."""
    page = np.array([sheet.page.width, sheet.page.height])
    if not page.all():
        return False
    sides = np.clip(sheet.images[:, 2:], 0, page) - np.clip(sheet.images[:, :2], 0, page)
    return bool((sides.prod(axis=1) >= _SCAN * page.prod()).any())


def _laid_out(sheets: Sequence[_Sheet], counts: Counter[str]) -> Iterator[list[Line | Table]]:
    """Each page's lines and tables in reading order."""
    for sheet in sheets:
        page = with_tables(in_order(_items(sheet.lines, sheet.across, sheet.down)))
        counts["tables"] += sum(isinstance(item, Table) for item in page)
        yield page


def _items(lines: Sequence[Line], across: Floats, down: Floats) -> list[Item]:
    """Rows and ruled tables, as the page writes them; a table stands where the first of its lines does."""
    tables = {min(places): (places, table) for places, table in ruled_tables(lines, across, down)}
    taken = {place for places, _ in tables.values() for place in places}
    items: list[Item] = []
    free: list[Line] = []
    for place, line in enumerate(lines):
        if place in tables:
            items += [*rows(free), tables[place][1]]
            free = []
        elif place not in taken:
            free.append(line)
    return items + rows(free)


def _clipped(line: Line, width: float, height: float) -> Line:
    """The line with its box cut to the page."""
    x0, y0, x1, y1 = line.box
    box = (
        round(min(max(x0, 0.0), width), 2),
        round(min(max(y0, 0.0), height), 2),
        round(min(max(x1, 0.0), width), 2),
        round(min(max(y1, 0.0), height), 2),
    )
    return Line(line.text, line.page, box, line.height, line.size, line.bold, line.hyphen)
