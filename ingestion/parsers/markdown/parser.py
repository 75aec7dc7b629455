"""Markdown → blocks, by markdown-it-py; knows front matter and the marks of MkDocs."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from markdown_it import MarkdownIt
from markdown_it.rules_block.state_block import StateBlock
from markdown_it.token import Token

from ingestion.charset import decode
from ingestion.normalize import clean, count_invisible, unwrap
from ingestion.parsers.html.hidden import hides
from ingestion.parsers.html.parser import read_fragment
from ingestion.parsers.markdown import front_matter, mkdocs
from ingestion.parsers.markup import strip_tags, tags
from ingestion.parsers.writer import BlockWriter
from ingestion.ports import Parser
from ingestion.types import Block, MediaType, ParsedDocument

_MAX_MARKERS = 16  # containers opened on one line; past it markdown-it's recursion and its own limit would lose text
_MAX_INDENT = 100
_MAX_NESTING = 400  # above what the two limits before can add up to: markdown-it drops deeper text without a word
_MAX_INLINE = 100_000  # matching links and emphasis is quadratic in a paragraph's marks: past these it stays as it is
_MAX_BRACKETS = 2000
_TAB = 4  # columns, whatever stands between the stops

_COMMENT = re.compile(r"<!--(.*?)-->", re.DOTALL)
_MARKER = r"[ \t]*(?:>|[-+*](?=[ \t])|\d{1,9}[.)](?=[ \t]))"
_DEEP_MARKERS = re.compile(rf"^((?:{_MARKER}){{{_MAX_MARKERS}}})(?:{_MARKER})+", re.MULTILINE)
_DEEP_INDENT = re.compile(rf"^([ \t]{{{_MAX_INDENT}}})[ \t]+", re.MULTILINE)
_NOTE = re.compile(r"(\[\^[^\s\[\]]{1,100}\]:)[ \t]*")


def _reader() -> MarkdownIt:
    reader = MarkdownIt("commonmark", {"maxNesting": _MAX_NESTING}).enable(["table", "strikethrough"])
    reader.core.ruler.disable("inline")
    # Before links' definitions, which take a note of one word, as one in Chinese is, for an address and show nothing.
    reader.block.ruler.before("reference", "note", _note, {"alt": ["paragraph", "reference"]})
    return reader


def _note(state: StateBlock, start: int, end: int, silent: bool) -> bool:  # noqa: FBT001 - markdown-it's signature
    """A footnote: `[^label]: text` and what is indented below it."""
    if state.is_code_block(start) or state.parentType == "footnote":
        return False
    match = _NOTE.match(state.src, state.bMarks[start] + state.tShift[start], state.eMarks[start])
    if match is None or silent:
        return match is not None
    before = state.bMarks[start], state.tShift[start], state.sCount[start], state.parentType
    state.push("footnote_open", "", 1).info = match[1]
    state.blkIndent += _TAB
    state.bMarks[start], state.tShift[start], state.sCount[start] = match.end(), 0, state.blkIndent
    state.parentType = "footnote"
    state.md.block.tokenize(state, start, end)
    state.blkIndent -= _TAB
    state.bMarks[start], state.tShift[start], state.sCount[start], state.parentType = before
    state.push("footnote_close", "", -1)
    return True


_READER = _reader()  # what one document says of links and the like is in its environment


class MarkdownParser(Parser):
    """Reads Markdown: headings, paragraphs, lists, tables and code, in order."""

    @property
    def media_type(self) -> MediaType:
        return "text/markdown"

    def parse(self, content: bytes) -> ParsedDocument:
        raw = decode(content)
        metadata, body = front_matter.split(clean(raw.expandtabs(_TAB)))
        plain = mkdocs.plain(body)
        flat = _flatten(plain)
        reader = _Reader()
        blocks = reader.read(_tokens(flat))
        title = metadata.pop("title", None)
        if not isinstance(title, str):
            title = next((b.text for b in blocks if b.kind == "heading" and b.level == 1), "")
        warnings = ("some of the Markdown nests too deeply and was read flat",) if flat != plain else ()
        if not blocks:
            warnings += ("the file has no text",)
        hidden = count_invisible(raw) + reader.hidden
        return ParsedDocument(title, blocks, (), metadata, warnings, {"hidden_characters": hidden} if hidden else {})


@dataclass(slots=True)
class _Reader:
    """Walks over the tokens once and writes what they say."""

    writer: BlockWriter = field(default_factory=BlockWriter)
    level: int = 0  # of the heading that is open
    hidden: int = 0
    """Characters of comments, and of HTML that says not to show them."""

    def read(self, tokens: Iterable[Token]) -> tuple[Block, ...]:
        for token in tokens:
            match token.type:
                case "heading_open":
                    self.level = int(token.tag[1])
                case "heading_close":
                    self.level = 0
                case "inline" if self.level:
                    self.writer.heading(self._inline(token.children or ()), self.level)
                case "inline":
                    self.writer.text(self._inline(token.children or ()))
                case "fence" | "code_block":
                    self.writer.code(token.content)
                case "html_block":
                    self._html(token.content)
                case _:
                    self._structure(token)
        return self.writer.finish()

    def _html(self, html: str) -> None:
        """A piece of a page, read like one; with a comment that never ends, it is no page."""
        if html.rfind("<!--") > html.rfind("-->"):
            self.writer.text(strip_tags(html))
            return
        self.hidden += sum(_letters(comment) for comment in _COMMENT.findall(html))
        blocks, hidden = read_fragment(html)
        self.hidden += hidden
        for block in blocks:
            self.writer.add(block)

    def _inline(self, tokens: Sequence[Token]) -> str:
        """The text of a paragraph; images give what their alternative text says."""
        parts: list[str] = []
        within: list[str] = []  # the tags since one that hides what follows it
        for token in tokens:
            if token.type == "html_inline":
                self.hidden += sum(_letters(comment) for comment in _COMMENT.findall(token.content))
                if not within:
                    parts.append(strip_tags(token.content))
                _follow(token.content, within)
                continue
            match token.type:
                case "softbreak":
                    text = "\n"
                case "hardbreak":
                    text = "\v"
                case "image":
                    text = self._inline(token.children or ())
                case _:
                    text = token.content
            if within:
                self.hidden += _letters(text)
            else:
                parts.append(text)
        return unwrap("".join(parts))

    def _structure(self, token: Token) -> None:
        match token.type:
            case "bullet_list_open":
                self.writer.open_list(None)
            case "ordered_list_open":
                self.writer.open_list(int(token.attrs.get("start", 1)))
            case "list_item_open":
                self.writer.open_item()
            case "footnote_open":
                self.writer.open_list(None)
                self.writer.open_item(label=token.info)
            case "bullet_list_close" | "ordered_list_close" | "footnote_close":
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
    for token in _READER.parse(markdown, environment):
        if token.type == "inline":
            token.children = []
            if len(token.content) > _MAX_INLINE or token.content.count("[") > _MAX_BRACKETS:
                token.children.append(Token("text", "", 0, content=token.content))
            else:
                _READER.inline.parse(token.content, _READER, environment, token.children)
        yield token


def _follow(html: str, within: list[str]) -> None:
    """Keep the tags that are open since one that hides what follows it."""
    for tag in tags(html):
        if tag.kind == "open" and (within or hides(html[tag.start : tag.end])):
            within.append(tag.name)
        elif tag.kind == "close" and tag.name in within:
            while within.pop() != tag.name:
                pass


def _letters(text: str) -> int:
    return len("".join(text.split()))


def _flatten(markdown: str) -> str:
    """Take away nesting that no author means and that would cost text or stack."""
    return _DEEP_INDENT.sub(r"\1", _DEEP_MARKERS.sub(r"\1 ", markdown))
