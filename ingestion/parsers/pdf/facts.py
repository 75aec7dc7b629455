"""What pypdf knows of a PDF: outline, page labels, document information, passwords; and its second opinion on text."""

import logging
import re
from collections.abc import Iterator, Sequence, Set
from io import BytesIO
from typing import cast

from pypdf import PasswordType, PdfReader, PdfWriter
from pypdf.errors import PyPdfError
from pypdf.generic import Destination

from ingestion.errors import PasswordRequired, Unreadable
from ingestion.normalize import fold_glyphs, one_line, tidy
from ingestion.parsers.pdf.headings import Outline, letters
from ingestion.types import Block, Page
from retrieval.types import MetadataValue, Region

_SECOND_OPINION_PAGES = 50  # pypdf is 4 to 17 times slower, and a scan has nothing for it to find either
_OUTLINE_ENTRIES = 10_000
_LONGEST_FACT = 1000  # characters
_NO_TITLE = re.compile(r"untitled.*|microsoft word - .*|.*\.(?:docx?|indd|tex|dvi|pdf|qxd|rtf)|\W*", re.IGNORECASE)

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


def reader_of(content: bytes) -> PdfReader | None:
    """pypdf's view of the file, for what PDFium is not asked; none where it cannot open it."""
    try:
        reader = PdfReader(BytesIO(content))
        return reader if not reader.is_encrypted or reader.decrypt("") else None
    except _PYPDF_ERRORS:
        return None


def decrypted(content: bytes, password: str) -> bytes:
    try:
        reader = PdfReader(BytesIO(content))
        if reader.decrypt(password) == PasswordType.NOT_DECRYPTED:
            raise PasswordRequired("the password does not open the PDF")
        plain = BytesIO()
        PdfWriter(clone_from=reader).write(plain)
    except _PYPDF_ERRORS as error:
        raise Unreadable(f"the PDF cannot be decrypted: {error}") from error
    return plain.getvalue()


def page_labels(reader: PdfReader | None) -> Sequence[str]:
    try:
        return reader.page_labels if reader is not None and "/PageLabels" in reader.root_object else ()
    except _PYPDF_ERRORS:
        return ()


def outline_of(reader: PdfReader | None) -> Outline:
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


def facts_of(reader: PdfReader | None) -> tuple[str, dict[str, MetadataValue]]:
    """The title, and what else the document says of itself; dates as ISO has them."""
    title, facts = "", dict[str, MetadataValue]()
    try:
        known = reader.metadata if reader is not None else None
        if known is not None:
            title = one_line(str(known.title or ""))
            for key, text in (("author", known.author), ("subject", known.subject), ("keywords", known.keywords)):
                facts[key] = one_line(str(text or ""))[:_LONGEST_FACT]
            for key, date in (("created", known.creation_date), ("modified", known.modification_date)):
                facts[key] = date.date().isoformat() if date is not None else ""
    except _PYPDF_ERRORS:
        pass  # an unreadable date or name: what was read before it stands
    return "" if _NO_TITLE.fullmatch(title) else title, {key: value for key, value in facts.items() if value}


def page_sizes(reader: PdfReader | None) -> Iterator[Page]:
    """The pages as pypdf sees them, of a file that PDFium does not open."""
    try:
        for number, page in enumerate(reader.pages[:_SECOND_OPINION_PAGES] if reader is not None else (), 1):
            yield Page(number, float(page.cropbox.width), float(page.cropbox.height), None)
    except _PYPDF_ERRORS:
        return


def second_opinion(reader: PdfReader | None, pages: Set[int]) -> Iterator[Block]:
    """pypdf's text of a document in which PDFium finds none, on the `pages` of these numbers; it knows no boxes."""
    try:
        for number, page in enumerate(reader.pages[:_SECOND_OPINION_PAGES] if reader is not None else (), 1):
            if number not in pages:
                continue
            for paragraph in tidy(fold_glyphs(page.extract_text())).split("\n\n"):
                if paragraph:
                    yield Block("paragraph", paragraph, 0, (Region(0, len(paragraph), number, None),))
    except _PYPDF_ERRORS:
        return
