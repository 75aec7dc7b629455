"""PDF → pages and blocks: text and boxes by PDFium; outline, labels, metadata, passwords, second opinion by pypdf."""

import logging
import re
from collections.abc import Iterator, Sequence
from contextlib import closing
from io import BytesIO
from typing import cast

import pypdfium2 as pdfium
from pypdf import PasswordType, PdfReader, PdfWriter
from pypdf.errors import PyPdfError
from pypdf.generic import Destination

from ingestion.errors import PasswordRequired, Unreadable
from ingestion.normalize import fold_glyphs, one_line, tidy
from ingestion.page_count import page_done
from ingestion.parsers.pdf_layout import Outline, blocks, letters
from ingestion.parsers.pdf_lines import Line, read_lines
from ingestion.ports import Parser
from ingestion.types import Block, MediaType, Page, ParsedDocument
from retrieval.types import MetadataValue, Region

_SECOND_OPINION_PAGES = 50  # pypdf is 4 to 17 times slower, and a scan has nothing for it to find either
_OUTLINE_ENTRIES = 10_000
_NAMED_PAGES = 10  # in one warning
_NO_TITLE = re.compile(r"untitled.*|microsoft word - .*|.*\.(?:docx?|indd|tex|dvi|pdf|qxd|rtf)|\W*", re.IGNORECASE)
_PASSWORD_ERROR = pdfium.raw.FPDF_ERR_PASSWORD

# What pypdf lets through on damaged files, besides its own errors; the rest of the document does not hang on it.
_PYPDF_ERRORS = (
    PyPdfError,
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    NotImplementedError,
    OSError,
    RecursionError,
    TypeError,
    ValueError,
)

logging.getLogger("pypdf").setLevel(logging.CRITICAL)


class PdfParser(Parser):
    """Reads PDFs; every block's regions say on which page and in which box each of its lines stands."""

    @property
    def media_type(self) -> MediaType:
        return "application/pdf"

    def parse(self, content: bytes) -> ParsedDocument:
        reader = _reader(content)
        warnings: list[str] = []
        damage: pdfium.PdfiumError | None = None
        try:
            pages, lines = _read(content, _labels(reader), warnings)
        except pdfium.PdfiumError as error:
            if error.err_code == _PASSWORD_ERROR:
                raise Unreadable("the PDF is encrypted: upload it with its password") from error
            pages, lines, damage = (), [], error
        found = tuple(blocks(lines, _outline(reader)))
        if not found:
            pages = pages or tuple(_sizes(reader))
            found = tuple(_second_opinion(reader, len(pages)))
        if damage is not None and not found:
            raise Unreadable(f"the PDF is damaged: {damage}") from damage
        if not found:
            warnings.append("the PDF has no text: its pages are empty or images")
        title, metadata = _metadata(reader)
        counts = {"image_only_pages": sum(page.textless for page in pages)}
        found_counts = {step: count for step, count in counts.items() if count}
        return ParsedDocument(title, found, pages, metadata, tuple(warnings), found_counts)


def unlock(content: bytes, password: str | None) -> bytes | None:
    """Open the PDF as a test; return it decrypted if it takes a password, None if it opens without.

    Raises PasswordRequired for no or a wrong one, Unreadable for a damaged file.
    """
    try:
        with closing(pdfium.PdfDocument(content)):
            return None
    except pdfium.PdfiumError as error:
        if error.err_code != _PASSWORD_ERROR:
            if _reader(content) is not None:
                return None
            raise Unreadable(f"the PDF is damaged: {error}") from error
    if password is None:
        raise PasswordRequired("the PDF is encrypted: give its password")
    return _decrypted(content, password)


def _decrypted(content: bytes, password: str) -> bytes:
    try:
        reader = PdfReader(BytesIO(content))
        if reader.decrypt(password) == PasswordType.NOT_DECRYPTED:
            raise PasswordRequired("the password does not open the PDF")
        plain = BytesIO()
        PdfWriter(clone_from=reader).write(plain)
    except _PYPDF_ERRORS as error:
        raise Unreadable(f"the PDF cannot be decrypted: {error}") from error
    return plain.getvalue()


def _read(content: bytes, labels: Sequence[str], warnings: list[str]) -> tuple[tuple[Page, ...], list[list[Line]]]:
    """Every page's size and lines; what could not be read is added to `warnings`."""
    pages: list[Page] = []
    lines: list[list[Line]] = []
    with closing(pdfium.PdfDocument(content)) as document:
        for number in range(1, len(document) + 1):
            label = labels[number - 1] if number <= len(labels) else None
            width, height, found, textless = 0.0, 0.0, list[Line](), False
            try:
                with closing(document[number - 1]) as page:
                    width, height = page.get_size()
                    found, is_partial = read_lines(page, number)
                    if is_partial:
                        warnings.append(f"page {number}: text outside the page was left out")
                    textless = not found and _has_image(page)
            except pdfium.PdfiumError:
                warnings.append(f"page {number} is damaged and was not read")
            pages.append(Page(number, round(width, 2), round(height, 2), label, textless))
            lines.append(found)
            page_done(number, len(document))
    images = [page.number for page in pages if page.textless]
    if images and len(images) < len(pages):
        warnings.append(_missing(images, len(pages)))
    return tuple(pages), lines


def _has_image(page: pdfium.PdfPage) -> bool:
    images = cast("Iterator[object]", page.get_objects(filter=[pdfium.raw.FPDF_PAGEOBJ_IMAGE], max_depth=3))
    return next(images, None) is not None


def _missing(images: Sequence[int], pages: int) -> str:
    """Names the pages that are images, so that nobody takes them for read."""
    named = ", ".join(map(str, images[:_NAMED_PAGES])) + (" …" if len(images) > _NAMED_PAGES else "")
    return f"{len(images)} of {pages} pages are images without text and were not read: {named}"


def _reader(content: bytes) -> PdfReader | None:
    """pypdf's view of the file, for what PDFium is not asked; none where it cannot open it."""
    try:
        reader = PdfReader(BytesIO(content))
        return reader if not reader.is_encrypted or reader.decrypt("") else None
    except _PYPDF_ERRORS:
        return None


def _labels(reader: PdfReader | None) -> Sequence[str]:
    try:
        return reader.page_labels if reader is not None and "/PageLabels" in reader.root_object else ()
    except _PYPDF_ERRORS:
        return ()


def _outline(reader: PdfReader | None) -> Outline:
    found: dict[tuple[int, str], int] = {}
    try:
        for title, level, page in _entries(reader, reader.outline, 1) if reader is not None else ():
            found.setdefault((page, letters(fold_glyphs(one_line(title)))), level)
            if len(found) >= _OUTLINE_ENTRIES:
                break
    except _PYPDF_ERRORS:
        pass  # a damaged outline: what was read of it stands, headings show by their size all the same
    return found


def _entries(reader: PdfReader, entries: Sequence[object], level: int) -> Iterator[tuple[str, int, int]]:
    for entry in entries:
        if isinstance(entry, list):
            yield from _entries(reader, cast("list[object]", entry), level + 1)
        elif isinstance(entry, Destination) and entry.title:
            number = reader.get_destination_page_number(entry)
            if number is not None:
                yield str(entry.title), min(level, 6), number + 1


def _metadata(reader: PdfReader | None) -> tuple[str, dict[str, MetadataValue]]:
    title, facts = "", dict[str, MetadataValue]()
    try:
        known = reader.metadata if reader is not None else None
        if known is not None:
            title = one_line(str(known.title or ""))
            facts["author"] = one_line(str(known.author or ""))
            for key, date in (("created", known.creation_date), ("modified", known.modification_date)):
                facts[key] = date.date().isoformat() if date is not None else ""
    except _PYPDF_ERRORS:
        pass  # an unreadable date or name: what was read before it stands
    return "" if _NO_TITLE.fullmatch(title) else title, {key: value for key, value in facts.items() if value}


def _sizes(reader: PdfReader | None) -> Iterator[Page]:
    """The pages as pypdf sees them, of a file that PDFium does not open."""
    try:
        for number, page in enumerate(reader.pages[:_SECOND_OPINION_PAGES] if reader is not None else (), 1):
            yield Page(number, float(page.cropbox.width), float(page.cropbox.height), None)
    except _PYPDF_ERRORS:
        return


def _second_opinion(reader: PdfReader | None, pages: int) -> Iterator[Block]:
    """pypdf's text of a document in which PDFium finds none, on the first `pages`; it knows no boxes."""
    most = min(pages, _SECOND_OPINION_PAGES)
    try:
        for number, page in enumerate(reader.pages[:most] if reader is not None else (), 1):
            for paragraph in tidy(fold_glyphs(page.extract_text())).split("\n\n"):
                if paragraph:
                    yield Block("paragraph", paragraph, 0, (Region(0, len(paragraph), number, None),))
    except _PYPDF_ERRORS:
        return
