"""HTML → blocks: the page's main text by trafilatura, or the whole page where that is too little. Fetches nothing."""

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import cast

from selectolax.lexbor import LexborHTMLParser
from trafilatura import bare_extraction
from trafilatura.settings import Document

from ingestion.normalize import decode, one_line
from ingestion.parsers.markup import flatten
from ingestion.parsers.writer import BlockWriter
from ingestion.parsers.xml_tree import Element
from ingestion.ports import Parser
from ingestion.types import Block, MediaType, ParsedDocument
from retrieval.types import MetadataValue

_SHORT_PAGE = 1000  # characters: too few to tell the main text from the rest, and too few for the rest to matter
_ENOUGH_SHARE = 0.05  # of the page's text: below it the main text was missed (measured: .05 loses none of 91 articles)
_CHARSET_BYTES = 2048  # where browsers look for the declaration, doubled
_CHARSET = re.compile(
    rb"""<meta[^>]{0,200}?charset\s*=\s*["']?([\w-]{1,40})|<\?xml[^>]{0,100}encoding=["']([\w-]{1,40})""", re.IGNORECASE
)

_HEADINGS = frozenset(f"h{level}" for level in range(1, 7))
_SKIPPED = frozenset(("script", "style", "template", "noscript", "head", "svg", "object", "iframe", "select", "button"))
_INLINE = frozenset(
    re.findall(
        r"\w+",
        "a abbr acronym b bdi bdo big cite code data del dfn em font i ins kbd label mark nobr output q s samp small "
        "span strike strong sub sup time tt u var wbr",
    )
)
_HIDDEN = "[hidden], [style*='display:none' i], [style*='display: none' i], [style*='visibility:hidden' i]"
_FLOWING = "table, h1, h2, h3, h4, h5, h6, pre, ul, ol"  # a table around one of these lays a page out
_TABLE_PARTS = frozenset(("table", "thead", "tbody", "tfoot", "tr", "td", "th"))
_TEI = {"item": "li", "row": "tr", "cell": "td", "lb": "br", "quote": "blockquote", "hi": "b", "ref": "a"}

logging.getLogger("trafilatura").setLevel(logging.CRITICAL)
logging.getLogger("htmldate").setLevel(logging.CRITICAL)

Event = tuple[str, str]
"""("open", name), ("close", name) or ("text", characters): one shape for both trees."""


class HtmlParser(Parser):
    """Reads web pages: headings, paragraphs, lists, tables and code of the main text, in order."""

    @property
    def media_type(self) -> MediaType:
        return "text/html"

    def parse(self, content: bytes) -> ParsedDocument:
        page, flattened = flatten(decode(content, _declared_charset(content)))
        tree = LexborHTMLParser(page)
        if hidden := [node for node in tree.css(_HIDDEN) if node.tag not in ("html", "body")]:
            for node in hidden:
                node.decompose()
            page = tree.html or ""
        found = _main_text(page)
        main = _Reader().read(_tei_events(cast("Element", found.body))) if found else ()
        whole = _Reader().read(_page_events(tree))
        blocks = main if _is_enough(main, whole) else whole
        warnings = ("some of the page nests too deeply and was read flat",) if flattened else ()
        if not blocks:
            warnings += ("the page has no text",)
        return ParsedDocument(_title(found, tree), blocks, (), _metadata(found, tree), warnings)


@dataclass(slots=True)
class _Reader:
    """Walks over the events once: text gathers until a block begins or ends."""

    writer: BlockWriter = field(default_factory=BlockWriter)
    gathered: list[str] = field(default_factory=list[str])
    level: int = 0
    code: bool = False
    cell: bool = False

    def read(self, events: Iterator[Event]) -> tuple[Block, ...]:
        for kind, name in events:
            if kind == "text":
                self.gathered.append(name)
            elif name == "br":
                self.gathered.append("\n")
            elif name in _INLINE:
                continue
            elif self.cell and name not in _TABLE_PARTS:
                self.gathered.append(" ")
            else:
                self._flush()
                self._turn(name, opens=kind == "open")
        self._flush()
        return self.writer.finish()

    def _flush(self) -> None:
        text = "".join(self.gathered)
        self.gathered.clear()
        if self.code:
            self.writer.code(text)
        elif self.level:
            self.writer.heading(text, self.level)
        elif self.cell or text.strip():
            self.writer.text(text)

    def _turn(self, name: str, *, opens: bool) -> None:
        """A block's tag: what is gathered from here on belongs to it, or no longer."""
        match name:
            case "h1" | "h2" | "h3" | "h4" | "h5" | "h6":
                self.level = int(name[1]) if opens else 0
            case "pre":
                self.code = opens
            case "td" | "th":
                self.cell = opens
            case "ul" | "ol" | "dl":
                self._turn_list(name, opens=opens)
            case "li" | "dt" | "dd" if opens:
                self.writer.open_item()
            case "table":
                self.cell = False
                (self.writer.open_table if opens else self.writer.close_table)()
            case "tr" if opens:
                self.cell = False
                self.writer.open_row()
            case _:
                pass

    def _turn_list(self, name: str, *, opens: bool) -> None:
        if opens:
            self.writer.open_list(1 if name == "ol" else None)
        else:
            self.writer.close_list()


def _page_events(tree: LexborHTMLParser) -> Iterator[Event]:
    """The whole page in order; a table that lays the page out is a stack of blocks."""
    if tree.body is None:
        return
    stack: list[tuple[int, str]] = []
    layouts: list[bool] = []
    skipping = 0
    for node in tree.body.traverse(include_text=True):
        parent = node.parent.mem_id if node.parent is not None else 0
        while stack and stack[-1][0] != parent:
            name = stack.pop()[1]
            skipping -= name in _SKIPPED
            if name in ("table", "layout"):
                layouts.pop()
            if not skipping:
                yield ("close", name)
        tag = node.tag or ""
        if tag == "-text":
            if not skipping:
                yield ("text", node.text_content or "")
        elif not tag.startswith("-"):
            if tag == "table":
                layouts.append(len(node.css(_FLOWING)) > 1)
            name = _name(tag, in_layout=bool(layouts) and layouts[-1])
            stack.append((node.mem_id, name))
            skipping += name in _SKIPPED
            if not skipping:
                yield ("open", name)
    for _, name in reversed(stack):
        if not skipping:
            yield ("close", name)
        skipping -= name in _SKIPPED


def _tei_events(element: Element, parent: str = "", *, in_layout: bool = False) -> Iterator[Event]:
    """What trafilatura found, in HTML's words."""
    if element.tag == "table":
        in_layout = sum(1 for _ in element.iter("table", "head", "list")) > 1
    name = _name(_html_name(element, parent), in_layout=in_layout)
    yield ("open", name)
    yield ("text", element.text or "")
    for child in element:
        yield from _tei_events(child, str(element.tag), in_layout=in_layout)
        yield ("text", child.tail or "")
    yield ("close", name)


def _html_name(element: Element, parent: str) -> str:
    rend = element.get("rend") or ""
    match element.tag:
        case "head":
            return rend if rend in _HEADINGS else "h2"
        case "list":
            return rend if rend in ("ul", "ol", "dl") else "ul"
        case "code":
            alone = parent in ("body", "div", "quote") or (parent != "code" and "\n" in "".join(element.itertext()))
            return "pre" if alone else "code"
        case tag:
            return _TEI.get(str(tag), str(tag))


def _name(tag: str, *, in_layout: bool) -> str:
    if not in_layout:
        return tag
    return "layout" if tag == "table" else "div" if tag in _TABLE_PARTS else tag


def _main_text(page: str) -> Document | None:
    found = bare_extraction(
        page,
        include_comments=False,
        include_tables=True,
        with_metadata=True,
        date_extraction_params={"original_date": True, "extensive_search": False},
    )
    return found if isinstance(found, Document) else None


def _is_enough(main: tuple[Block, ...], whole: tuple[Block, ...]) -> bool:
    found, there = (sum(len(block.text) for block in blocks) for blocks in (main, whole))
    return there > _SHORT_PAGE and found >= _ENOUGH_SHARE * there


def _declared_charset(content: bytes) -> str | None:
    match = _CHARSET.search(content[:_CHARSET_BYTES])
    return (match[1] or match[2]).decode("ascii", errors="ignore") if match else None


def _title(found: Document | None, tree: LexborHTMLParser) -> str:
    if found is not None and found.title:
        return one_line(found.title)
    node = tree.css_first("title")
    return one_line(node.text()) if node is not None else ""


def _metadata(found: Document | None, tree: LexborHTMLParser) -> dict[str, MetadataValue]:
    language = tree.root.attributes.get("lang") if tree.root is not None else None
    facts = {
        "author": found.author if found else None,
        "date": found.date if found else None,
        "language": language,
    }
    return {key: one_line(value) for key, value in facts.items() if value}
