"""From a file's name and first bytes to its media type; both must agree."""

import re
from pathlib import PurePosixPath

from ingestion.charset import wide_order
from ingestion.errors import EmptyFile, FormatMismatch, UnsupportedFormat
from ingestion.types import MediaType

HEAD_BYTES = 8192
"""How much of a file `detect` wants to see; less is fine when the file is shorter."""

DOCX: MediaType = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
_BY_EXTENSION: dict[str, MediaType] = {
    ".pdf": "application/pdf",
    ".docx": DOCX,
    ".html": "text/html",
    ".htm": "text/html",
    ".xhtml": "text/html",
    ".md": "text/markdown",
    ".markdown": "text/markdown",
    ".txt": "text/plain",
    ".text": "text/plain",
}
SUFFIXES = frozenset(_BY_EXTENSION)
"""The endings of names that can be ingested, in lower case."""

LOCK_PREFIX = "~$"
"""How the name of a lock begins that Word keeps, hidden, beside a document for as long as it is open."""

_EXPECTED = "expected pdf, docx, html, md or txt"

# Signatures of what people and attackers upload under another name; the wording completes "the content is …".
_SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"PK\x05\x06", "an empty ZIP archive"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old or password-protected Office file"),
    (b"{\\rtf", "RTF"),
    (b"\x89PNG\r\n\x1a\n", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"II*\x00", "a TIFF image"),
    (b"MM\x00*", "a TIFF image"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a program"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ", "an xz archive"),
    (b"7z\xbc\xaf", "a 7-Zip archive"),
    (b"Rar!", "a RAR archive"),
    (b"%!PS", "PostScript"),
    (b"SQLite format 3\x00", "an SQLite database"),
)
_ZIP_CONTENTS: tuple[tuple[bytes, str], ...] = (
    (b"xl/", "an Excel workbook"),
    (b"ppt/", "a PowerPoint presentation"),
    (b"mimetypeapplication/vnd.oasis.opendocument", "an OpenDocument file"),
    (b"mimetypeapplication/epub", "an EPUB book"),
)
_TEXT_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
_CONTROLS = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")  # ESC stays: logs with colours are text
_MARKUP_PREFIX = re.compile(rb"(?:\s+|<\?xml[^>]{0,200}\?>|<!--.{0,4000}?-->)*", re.DOTALL)
_HTML_ROOT = re.compile(rb"<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE)
_SVG_ROOT = re.compile(rb"<(?:!doctype\s+svg|svg)\b", re.IGNORECASE)
_TAG = re.compile(rb"<[!/]?[a-z]", re.IGNORECASE)


def detect(name: str, head: bytes) -> MediaType:
    """Return the media type that the name claims and the first bytes confirm.

    Raises EmptyFile, UnsupportedFormat for what Openbook does not read, FormatMismatch where the two disagree.
    """
    if not head:
        raise EmptyFile(f"{name}: the file is empty")
    claimed = _BY_EXTENSION.get(PurePosixPath(name).suffix.lower())
    found = _sniff(head)
    if claimed is None:
        raise UnsupportedFormat(f"{name}: {_EXPECTED}")
    if claimed == DOCX and found.startswith(("an old or", "an Excel", "a PowerPoint", "an OpenDocument", "an EPUB")):
        raise UnsupportedFormat(f"{name}: the content is {found}; {_EXPECTED}")
    if not _agree(claimed, found, head):
        raise FormatMismatch(f"{name}: the name says {_extension(claimed)} but the content is {found}")
    return claimed


def is_of(media_type: MediaType, head: bytes) -> bool:
    """Whether a file whose first bytes these are can be what it is said to be."""
    return bool(head) and _agree(media_type, _sniff(head), head)


def with_suffix(name: str, media_type: MediaType) -> str:
    """The name, with an ending that says the media type where it has none that does."""
    has_one = _BY_EXTENSION.get(PurePosixPath(name).suffix.lower()) == media_type
    return name if has_one else f"{name}.{_extension(media_type)}"


def _agree(claimed: MediaType, found: str, head: bytes) -> bool:
    match claimed:
        case "application/pdf":
            return found == "PDF"
        case "text/html":
            return found == "HTML" or (found == "text" and _TAG.search(_narrow(head)) is not None)
        case "text/markdown" | "text/plain":
            return found == "text"
        case _:
            return found == "a ZIP archive"


def _sniff(head: bytes) -> str:
    """What the first bytes are, in words."""
    if head.startswith(b"PK\x03\x04"):
        return next((words for mark, words in _ZIP_CONTENTS if mark in head), "a ZIP archive")
    for signature, words in _SIGNATURES:
        if head.startswith(signature):
            return words
    text = _narrow(head)
    root = _MARKUP_PREFIX.match(text)
    start = root.end() if root else 0
    if _HTML_ROOT.match(text, start):
        return "HTML"
    if _SVG_ROOT.match(text, start):
        return "an SVG image"
    # Readers find the header in the first 1,024 bytes; a page or program before it makes it a polyglot, refused above.
    if b"%PDF-" in head[:1024]:
        return "PDF"
    is_text = head.startswith(_TEXT_MARKS) or len(_CONTROLS.findall(head)) * 100 <= len(head) or wide_order(head)
    return "text" if is_text else "binary"


def _narrow(head: bytes) -> bytes:
    """The head without a byte order mark; of UTF-16, the Latin letters."""
    if head.startswith(_TEXT_MARKS[1:]):
        return head[2:].replace(b"\x00", b"")
    if b"\x00" in head and wide_order(head):
        return head.replace(b"\x00", b"")
    return head.removeprefix(_TEXT_MARKS[0])


def _extension(media_type: MediaType) -> str:
    return next(extension for extension, known in _BY_EXTENSION.items() if known == media_type)[1:]
