"""Media type → Parser."""

from collections.abc import Mapping

from ingestion.parsers.docx.parser import DocxParser
from ingestion.parsers.html.parser import HtmlParser
from ingestion.parsers.markdown.parser import MarkdownParser
from ingestion.parsers.pdf.parser import PdfParser
from ingestion.parsers.text import TextParser
from ingestion.parsers.version import PARSER_VERSION
from ingestion.ports import Parser
from ingestion.types import MediaType

__all__ = ["PARSERS", "PARSER_VERSION"]

_ALL: tuple[Parser, ...] = (PdfParser(), DocxParser(), HtmlParser(), MarkdownParser(), TextParser())
PARSERS: Mapping[MediaType, Parser] = {parser.media_type: parser for parser in _ALL}
