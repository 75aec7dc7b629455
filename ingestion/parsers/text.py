"""Plain text → paragraphs, parted by blank lines."""

import re

from ingestion.normalize import decode, tidy
from ingestion.ports import Parser
from ingestion.types import Block, MediaType, ParsedDocument

_BLANK_LINE = re.compile(r"\n\s*\n")


class TextParser(Parser):
    """Reads plain text; its lines stay as they are, for a text may be a poem, an address or a log."""

    @property
    def media_type(self) -> MediaType:
        return "text/plain"

    def parse(self, content: bytes) -> ParsedDocument:
        paragraphs = _BLANK_LINE.split(tidy(decode(content)))
        blocks = tuple(Block(kind="paragraph", text=paragraph) for paragraph in paragraphs if paragraph)
        warnings = () if blocks else ("the file has no text",)
        return ParsedDocument(title="", blocks=blocks, pages=(), metadata={}, warnings=warnings)
