"""HTML → blocks: the page's main text, with its structure, without what is hidden. Fetches nothing."""

import logging

from selectolax.lexbor import LexborHTMLParser
from trafilatura import bare_extraction
from trafilatura.settings import Document

from ingestion.charset import decode_html
from ingestion.normalize import count_invisible
from ingestion.parsers.html import facts, main
from ingestion.parsers.html.hidden import remove_hidden
from ingestion.parsers.html.map import PageMap
from ingestion.parsers.html.page import PageReader
from ingestion.parsers.html.plain import make_plain, write_looks
from ingestion.parsers.html.tree import memory_errors, text_lengths
from ingestion.parsers.markup import flatten
from ingestion.ports import Parser
from ingestion.types import Block, MediaType, ParsedDocument

_LARGE_PAGE = 5_000_000  # characters, and
_MANY_TAGS = 200_000  # past which trafilatura takes minutes; no article is as long

logging.getLogger("trafilatura").setLevel(logging.CRITICAL)
logging.getLogger("htmldate").setLevel(logging.CRITICAL)


class HtmlParser(Parser):
    """Reads web pages: headings, paragraphs, lists, tables and code of the main text, in order."""

    @property
    def media_type(self) -> MediaType:
        return "text/html"

    @memory_errors()
    def parse(self, content: bytes) -> ParsedDocument:
        page, was_deep = flatten(decode_html(content))
        tree = LexborHTMLParser(page)
        body = tree.body
        hidden = remove_hidden(tree)
        shown = text_lengths(body, ())[body.mem_id] if body is not None else 0
        is_changed = write_looks(tree) or hidden > 0
        found = _extract((tree.html or "") if is_changed else page)
        title, metadata = facts.read(tree, found)
        make_plain(tree)
        passages = PageReader(PageMap.of(tree)).read(body) if body is not None else []
        blocks = main.choose(passages, (found.text if found else None) or "")
        warnings = _warnings(was_deep=was_deep, mostly_hidden=hidden > shown, has_text=bool(blocks))
        counts = {
            "boilerplate_blocks": len(passages) - len(blocks),
            "hidden_characters": hidden + count_invisible(page),
        }
        return ParsedDocument(title, blocks, (), metadata, warnings, {step: n for step, n in counts.items() if n})


@memory_errors()
def read_fragment(html: str) -> tuple[tuple[Block, ...], int]:
    """All blocks of a piece of HTML, such as stands in Markdown, and how many characters of it are hidden."""
    tree = LexborHTMLParser(flatten(html)[0])
    hidden = remove_hidden(tree)
    write_looks(tree)
    make_plain(tree)
    passages = PageReader(PageMap.of(tree)).read(tree.body) if tree.body is not None else []
    return tuple(passage.block for passage in passages), hidden


def _warnings(*, was_deep: bool, mostly_hidden: bool, has_text: bool) -> tuple[str, ...]:
    said = (
        (was_deep, "some of the page nests too deeply and was read flat"),
        (mostly_hidden, "most of the page's text is hidden from its readers and was left out"),
        (not has_text, "the page has no text"),
    )
    return tuple(words for is_so, words in said if is_so)


def _extract(page: str) -> Document | None:
    if len(page) > _LARGE_PAGE or page.count("<") > _MANY_TAGS:
        return None
    found = bare_extraction(
        page,
        include_comments=False,
        include_tables=True,
        with_metadata=True,
        date_extraction_params={"original_date": True, "extensive_search": False},
    )
    return found if isinstance(found, Document) else None
