"""What the elements of a page's tree mean, before it is read: furniture, main part, links, tables that are none."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

from selectolax.lexbor import LexborHTMLParser, LexborNode

from ingestion.parsers.html.tree import matching, text_lengths

_FURNITURE = (
    "nav, header, footer, aside, menu, dialog, [role=navigation], [role=banner], [role=contentinfo], "
    "[role=complementary], [role=search], [role=menu], [role=menubar], [role=dialog], [role=alertdialog]"
)
_PART_OF_TEXT = (
    "main header, article header, [role=main] header, main aside, article aside, [role=main] aside, "
    "main [role=complementary], article [role=complementary], blockquote footer"
)
# What pages call that which stands beside their text, as a word of a class (comment-list) or the id of a division.
_BESIDE = re.compile(
    r"(?:.*[-_])?(comments?|respond|disqus|repl(?:y|ies)|related|recommend(?:ed|ations?)?|shar(?:e|ing|er)|social|"
    r"promo(?:tion)?|newsletter|subscri(?:be|ption)|signup|sidebar|breadcrumbs?|cookies?|consent|gdpr|advert|"
    r"advertisement|ads?|sponsor(?:ed)?|teasers?|popular|trending|toolbar|paginat(?:ion|or)|pager|menu|nav(?:bar)?|"
    r"navigation|footer|masthead|outbrain|taboola|banner|popup|modal|widgets?|toc|tags?|byline|meta|carousel|"
    r"slideshow)(?:[-_].*)?",
    re.IGNORECASE,
)
_NAMED_BY_ID = frozenset(("div", "ul", "ol", "form", "aside"))  # the id of others is often that of the text's section
_NEVER_BESIDE = frozenset(("html", "body", "main", "article", "h1", "h2", "h3", "h4", "h5", "h6", "pre", "code"))
_MOST_OF_THE_PAGE = 0.4  # of its text: then it is the page that is called so

_MAIN = "main, article, [role=main], [itemprop=articleBody]"
_BLOCKS = "h1, h2, h3, h4, h5, h6, table table, ul, ol, dl, pre, blockquote"  # only around these may a table lay out
_LONG_CELL = 120  # characters: on the average, cells of data are shorter

_CARDS = "h1, h2, h3, h4, h5, h6, table"  # a list of these is made of the page's sections


@dataclass(frozen=True, slots=True)
class PageMap:
    """Which elements mean something to the reader, by id."""

    links: dict[int, LexborNode]
    furniture: dict[int, LexborNode]
    inside: dict[int, LexborNode]
    layouts: frozenset[int]
    headings: dict[int, int]

    @classmethod
    def of(cls, tree: LexborHTMLParser) -> Self:
        part_of_text = matching(tree, _PART_OF_TEXT)
        furniture = {mem: node for mem, node in matching(tree, _FURNITURE).items() if mem not in part_of_text}
        furniture |= _beside(tree)
        layouts = _layouts(tree)
        layouts += [mem for mem, list_ in matching(tree, "ul, ol").items() if list_.css_first(_CARDS) is not None]
        roles = matching(tree, "[role=heading][aria-level]")
        levels = {mem: (node.attributes.get("aria-level") or "") for mem, node in roles.items()}
        return cls(
            links=matching(tree, "a[href]"),
            furniture=furniture,
            inside=matching(tree, _MAIN),
            layouts=frozenset(layouts),
            headings={mem: int(level) for mem, level in levels.items() if level in "123456" and level},
        )


def _beside(tree: LexborHTMLParser) -> dict[int, LexborNode]:
    """Elements that are named like something beside the text, unless they hold most of it, alone or with their like:
    the courses of a restaurant's menu and the replies in a forum are the page's text.
    """
    if tree.body is None:
        return {}
    with_names = matching(tree, "[class], [id]")
    words = {mem: found for mem, node in with_names.items() if (found := _words(node))}
    named = {mem: with_names[mem] for mem in words}
    lengths = text_lengths(tree.body, named) if named else {}
    most = _MOST_OF_THE_PAGE * lengths.get(tree.body.mem_id, 0)
    parts = {mem: node for mem, node in named.items() if lengths[mem] < most}
    told = Counter[str]()
    for mem, node in parts.items():
        for word in words[mem]:
            if not any(around in parts and word in words[around] for around in _around(node)):
                told[word] += lengths[mem] - sum(len(link.text()) for link in matching(node, "a[href]").values())
    subjects = {word for word, length in told.items() if length >= most}
    return {mem: node for mem, node in parts.items() if words[mem] - subjects}


def _words(node: LexborNode) -> set[str]:
    """The words for something beside the text that the element is named by."""
    if node.tag in _NEVER_BESIDE:
        return set()
    attributes = node.attributes
    classes = (attributes.get("class") or "").split()
    by_id = node.tag in _NAMED_BY_ID and "section" not in classes
    names = [*classes, attributes.get("id") or ""] if by_id else classes
    return {found[1].lower().removesuffix("s") for found in map(_BESIDE.fullmatch, names) if found}


def _around(node: LexborNode) -> Iterator[int]:
    parent = node.parent
    while parent is not None:
        yield parent.mem_id
        parent = parent.parent


def _layouts(tree: LexborHTMLParser) -> list[int]:
    """The tables that only put blocks beside each other: cells of text, not of what a row says about a thing."""
    tables = matching(tree, "table")
    lengths = text_lengths(tree.body, tables) if tree.body is not None and tables else {}
    widths: dict[int, list[int]] = {mem: [] for mem in tables}
    for row in matching(tree, "table tr").values():
        widths[_table_of(row)].append(sum(part.tag in ("td", "th") for part in row.iter()))
    return [mem for mem, table in tables.items() if _lays_out(table, widths[mem], lengths.get(mem, 0))]


def _lays_out(table: LexborNode, widths: list[int], length: int) -> bool:
    role = (table.attributes.get("role") or "").lower()
    if role in ("presentation", "none") or table.css_first("form") is not None:
        return True
    if table.css_first(_BLOCKS) is None:
        return False
    return len(widths) < 2 or max(widths) < 2 or length > _LONG_CELL * sum(widths)


def _table_of(row: LexborNode) -> int:
    """The table that the row is in; the parser lets no row stand anywhere else."""
    parent = row.parent
    while parent is not None and parent.tag != "table":
        parent = parent.parent
    return parent.mem_id if parent is not None else 0
