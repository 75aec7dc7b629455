"""Plain text → paragraphs, parted by blank lines, and headings where lines look like one."""

import re
from collections.abc import Iterator

from ingestion.charset import decode
from ingestion.normalize import count_invisible, is_spaceless, tidy
from ingestion.ports import Parser
from ingestion.types import Block, MediaType, ParsedDocument

_ESCAPE = re.compile(r"\x1b\[[0-9;?]{0,20}[A-Za-z]")  # what terminals colour text by
_BLANK_LINE = re.compile(r"\n\s*\n")
_UNDERLINE = re.compile(r"[=~-]{3,}")
_NO_HEADINGS_END = "-,.:;!?，、。：；！？"
_LABELLED = re.compile(r"[^\W\d_][^:：]{0,30}(?::[ \t]|：)[ \t]*\S")
_LISTED = re.compile(r"(?:[-*•‣·]|\d{1,3}[.)]) ")


class TextParser(Parser):
    """Reads plain text; its lines stay as they are, for a text may be a poem, an address or a log."""

    @property
    def media_type(self) -> MediaType:
        return "text/plain"

    def parse(self, content: bytes) -> ParsedDocument:
        raw = _ESCAPE.sub("", decode(content))
        paragraphs = _BLANK_LINE.split(tidy(raw))
        blocks = tuple(block for paragraph in paragraphs for block in _blocks(paragraph) if block.text)
        warnings = () if blocks else ("the file has no text",)
        hidden = count_invisible(raw)
        counts = {"hidden_characters": hidden} if hidden else {}
        return ParsedDocument(title="", blocks=blocks, pages=(), metadata={}, warnings=warnings, counts=counts)


def _blocks(paragraph: str) -> Iterator[Block]:
    """A paragraph and the heading right above it: left there, it would pass for the first sentence's beginning."""
    first, _, rest = paragraph.partition("\n")
    second, _, below = rest.partition("\n")
    if second and all(map(_LABELLED.match, paragraph.split("\n"))):
        # They end in no full stop: all would be one sentence.
        yield from (Block("paragraph", line) for line in paragraph.split("\n"))
    elif first[-1:] in _NO_HEADINGS_END:
        yield Block("paragraph", paragraph)
    elif _UNDERLINE.fullmatch(second):
        yield from (Block("heading", first, level=1), Block("paragraph", below))
    elif _ends_without_need(first, second):
        yield from (Block("heading", first, level=1), Block("paragraph", rest))
    else:
        yield Block("paragraph", paragraph)


def _ends_without_need(line: str, below: str) -> bool:
    """Whether the next line, no list's, is far longer and its first word had room here."""
    if not below or _LISTED.match(below):
        return False
    word = 1 if is_spaceless(below[0]) else len(below.split(" ", 1)[0])
    return 2 * len(line) <= len(below) and len(line) + 1 + word <= len(below)
