"""Markdown → blocks, by markdown-it-py; knows front matter and the marks of MkDocs."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from markdown_it import MarkdownIt
from markdown_it.token import Token

from ingestion.charset import decode
from ingestion.normalize import clean
from ingestion.parsers import mkdocs
from ingestion.parsers.markup import strip_tags
from ingestion.parsers.writer import BlockWriter
from ingestion.ports import Parser
from ingestion.types import Block, MediaType, ParsedDocument
from retrieval.types import MetadataValue

_MAX_MARKERS = 16  # containers opened on one line; past it markdown-it's recursion and its own limit would lose text
_MAX_INDENT = 100
_MAX_NESTING = 400  # above what the two limits before can add up to: markdown-it drops deeper text without a word
_MAX_INLINE = 100_000  # matching links and emphasis is quadratic in a paragraph's marks: past these it stays as it is
_MAX_BRACKETS = 2000

_MARKER = r"[ \t]*(?:>|[-+*](?=[ \t])|\d{1,9}[.)](?=[ \t]))"
_DEEP_MARKERS = re.compile(rf"^((?:{_MARKER}){{{_MAX_MARKERS}}})(?:{_MARKER})+", re.MULTILINE)
_DEEP_INDENT = re.compile(rf"^([ \t]{{{_MAX_INDENT}}})[ \t]+", re.MULTILINE)
_FRONT_MATTER = re.compile(r"---[ \t]*\n(.*?)^(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL | re.MULTILINE)
_FRONT_KEY = re.compile(r"([A-Za-z_][\w-]{0,63}):[ \t]*(.{0,1000})$")
_FRONT_KEYS = 50


class MarkdownParser(Parser):
    """Reads Markdown: headings, paragraphs, lists, tables and code, in order."""

    @property
    def media_type(self) -> MediaType:
        return "text/markdown"

    def parse(self, content: bytes) -> ParsedDocument:
        metadata, body = _front_matter(clean(decode(content)))
        plain = mkdocs.plain(body)
        flat = _flatten(plain)
        blocks = _Reader().read(_tokens(flat))
        title = metadata.pop("title", None)
        if not isinstance(title, str):
            title = next((b.text for b in blocks if b.kind == "heading" and b.level == 1), "")
        warnings = ("some of the Markdown nests too deeply and was read flat",) if flat != plain else ()
        if not blocks:
            warnings += ("the file has no text",)
        return ParsedDocument(title, blocks, (), metadata, warnings)


@dataclass(slots=True)
class _Reader:
    """Walks over the tokens once and writes what they say."""

    writer: BlockWriter = field(default_factory=BlockWriter)
    level: int = 0  # of the heading that is open

    def read(self, tokens: Iterable[Token]) -> tuple[Block, ...]:
        for token in tokens:
            match token.type:
                case "heading_open":
                    self.level = int(token.tag[1])
                case "heading_close":
                    self.level = 0
                case "inline" if self.level:
                    self.writer.heading(_inline(token.children or ()), self.level)
                case "inline":
                    self.writer.text(_inline(token.children or ()))
                case "fence" | "code_block":
                    self.writer.code(token.content)
                case "html_block":
                    self.writer.text(strip_tags(token.content))
                case _:
                    self._structure(token)
        return self.writer.finish()

    def _structure(self, token: Token) -> None:
        match token.type:
            case "bullet_list_open":
                self.writer.open_list(None)
            case "ordered_list_open":
                self.writer.open_list(int(token.attrs.get("start", 1)))
            case "list_item_open":
                self.writer.open_item()
            case "bullet_list_close" | "ordered_list_close":
                self.writer.close_list()
            case "table_open":
                self.writer.open_table()
            case "tr_open":
                self.writer.open_row()
            case "table_close":
                self.writer.close_table()
            case _:
                pass


def _tokens(markdown: str) -> Iterator[Token]:
    """markdown-it's tokens, paragraph by paragraph; one with marks past all reason keeps them as text."""
    environment: dict[str, object] = {}
    reader = MarkdownIt("commonmark", {"maxNesting": _MAX_NESTING}).enable(["table", "strikethrough"])
    reader.core.ruler.disable("inline")
    for token in reader.parse(markdown, environment):
        if token.type == "inline":
            token.children = []
            if len(token.content) > _MAX_INLINE or token.content.count("[") > _MAX_BRACKETS:
                token.children.append(Token("text", "", 0, content=token.content))
            else:
                reader.inline.parse(token.content, reader, environment, token.children)
        yield token


def _inline(tokens: Sequence[Token]) -> str:
    """The text of a paragraph; images give what their alternative text says."""
    parts: list[str] = []
    for token in tokens:
        match token.type:
            case "softbreak" | "hardbreak":
                parts.append("\n")
            case "image":
                parts.append(_inline(token.children or ()))
            case "html_inline":
                parts.append(strip_tags(token.content))
            case _:
                parts.append(token.content)
    return "".join(parts)


def _flatten(markdown: str) -> str:
    """Take away nesting that no author means and that would cost text or stack."""
    return _DEEP_INDENT.sub(r"\1", _DEEP_MARKERS.sub(r"\1 ", markdown))


def _front_matter(markdown: str) -> tuple[dict[str, MetadataValue], str]:
    """The `key: value` and `key: [a, b]` lines of a front matter, and what follows it. Nested YAML is passed over."""
    match = _FRONT_MATTER.match(markdown.lstrip("\n"))
    if match is None:
        return {}, markdown
    found: dict[str, MetadataValue] = {}
    for line in match[1].split("\n"):
        pair = _FRONT_KEY.match(line)
        if pair is None or len(found) >= _FRONT_KEYS:
            continue
        key, value = pair[1], pair[2].strip()
        if value.startswith("[") and value.endswith("]"):
            found[key] = tuple(part.strip(" \"'") for part in value[1:-1].split(",") if part.strip(" \"'"))
        elif value and value[0] not in "|>{&*!":
            found[key] = value.strip("\"'")
    return found, markdown.lstrip("\n")[match.end() :]
