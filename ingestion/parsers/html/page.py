"""A web page's tree → all its blocks in order, each with what tells the page's text from its furniture."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from selectolax.lexbor import LexborNode

from ingestion.normalize import one_line, unwrap
from ingestion.parsers.html.hidden import style_of
from ingestion.parsers.html.map import PageMap
from ingestion.parsers.numerals import chinese, letters, roman
from ingestion.parsers.writer import BlockWriter, Format
from ingestion.types import Block

_INLINE = frozenset(
    re.findall(
        r"\w+",
        "a abbr acronym b bdi bdo big button cite code data del dfn em font i img input ins kbd label mark nobr output "
        "q ruby s samp small span strike strong sub sup time tt u var wbr math semantics mrow mi mn mo ms mtext mfrac "
        "msup msub msubsup msqrt mroot mstyle munder mover munderover mspace",
    )
)
_LISTS = frozenset(("ul", "ol", "dl"))
_ITEMS = frozenset(("li", "dt", "dd"))
_TABLE_PARTS = frozenset(("table", "caption", "colgroup", "thead", "tbody", "tfoot", "tr", "td", "th"))

_FORMATS: Mapping[str, Format] = {
    **dict.fromkeys(("a", "lower-alpha", "lower-latin"), letters),
    **dict.fromkeys(("A", "upper-alpha", "upper-latin"), lambda number: letters(number).upper()),
    **dict.fromkeys(("i", "lower-roman"), roman),
    **dict.fromkeys(("I", "upper-roman"), lambda number: roman(number).upper()),
    **dict.fromkeys(("cjk-ideographic", "trad-chinese-informal", "simp-chinese-informal"), chinese),
}

_Number = TypeVar("_Number", int, None)


@dataclass(frozen=True, slots=True)
class Passage:
    """A block; the share of its characters inside links; and whether most are in the page's main part, or its own."""

    block: Block
    linked: float
    is_free: bool
    """Neither in the page's furniture nor in what is named like something beside the text."""
    is_inside: bool


@dataclass(slots=True)
class _Tally:
    """Characters of a block, and how many of them lie inside what."""

    all: int = 0
    linked: int = 0
    furniture: int = 0
    inside: int = 0

    def add(self, other: "_Tally") -> None:
        self.all += other.all
        self.linked += other.linked
        self.furniture += other.furniture
        self.inside += other.inside


@dataclass(slots=True)
class PageReader:
    """Walks over the page once: text gathers until a block begins or ends."""

    map: PageMap
    writer: BlockWriter = field(default_factory=BlockWriter)
    tallies: dict[int, _Tally] = field(default_factory=dict[int, _Tally])  # by the block's number
    gathered: list[str] = field(default_factory=list[str])
    current: _Tally = field(default_factory=_Tally)
    depths: dict[str, int] = field(default_factory=lambda: {"linked": 0, "furniture": 0, "inside": 0})
    layouts: dict[str, list[bool]] = field(default_factory=lambda: {"table": [], "list": []})
    level: int = 0
    code: bool = False
    cell: tuple[int, int] | None = None
    """How many columns and rows the cell spans that is open."""

    def read(self, body: LexborNode) -> list[Passage]:
        stack: list[tuple[int, str]] = []
        for node in body.traverse(include_text=True):
            parent = node.parent.mem_id if node.parent is not None else 0
            while stack and stack[-1][0] != parent:
                self._close(*stack.pop())
            tag = node.tag or ""
            if tag == "-text":
                self._gather(node.text_content or "")
            elif not tag.startswith("-"):
                stack.append((node.mem_id, self._open(node, tag)))
        while stack:
            self._close(*stack.pop())
        self._flush()
        blocks = self.writer.finish()
        return [_passage(block, self.tallies.get(number, _Tally())) for number, block in enumerate(blocks)]

    def _open(self, node: LexborNode, tag: str) -> str:
        """The element begins; give the name under which it will end."""
        name = self._name(node, tag)
        if name == "br":
            self._break()
        elif name not in _INLINE:
            self._part(name)
            self._turn(node, name)
        for kind, nodes in (("linked", self.map.links), ("furniture", self.map.furniture), ("inside", self.map.inside)):
            self.depths[kind] += node.mem_id in nodes
        return name

    def _close(self, mem_id: int, name: str) -> None:
        for kind, nodes in (("linked", self.map.links), ("furniture", self.map.furniture), ("inside", self.map.inside)):
            self.depths[kind] -= mem_id in nodes
        if name != "br" and name not in _INLINE:
            self._part(name)
            self._turn_back(name)

    def _name(self, node: LexborNode, tag: str) -> str:
        """What the element is read as: parts of tables and lists that only lay the page out are mere divisions."""
        if node.mem_id in self.map.headings:
            return f"h{self.map.headings[node.mem_id]}"
        if tag in _LISTS or tag == "table":
            kind = "table" if tag == "table" else "list"
            self.layouts[kind].append(node.mem_id in self.map.layouts or (kind == "table" and self.cell is not None))
            return f"layout-{kind}" if self.layouts[kind][-1] else tag
        kind = "table" if tag in _TABLE_PARTS else "list" if tag in _ITEMS else ""
        if kind and (self.layouts[kind] or [True])[-1]:
            return "div"
        return "span" if "-" in tag and _runs_in_text(node) else tag

    def _break(self) -> None:
        """A line ends; two in a row end a paragraph."""
        if self.code:
            self.gathered.append("\n")
        elif not self.level and self.cell is None and "".join(self.gathered[-2:]).rstrip(" \t\r\n").endswith("\v"):
            self._flush()
        else:
            self.gathered.append("\v")

    def _gather(self, text: str) -> None:
        self.gathered.append(text)
        length = len("".join(text.split()))
        self.current.all += length
        for kind in ("linked", "furniture", "inside"):
            if self.depths[kind]:
                setattr(self.current, kind, getattr(self.current, kind) + length)

    def _part(self, name: str) -> None:
        """A block begins or ends: what was gathered before it belongs together, but in code and cells it goes on."""
        if self.code and name != "pre":
            if self.gathered and not self.gathered[-1].endswith("\n"):
                self.gathered.append("\n")
        elif self.cell is not None and name not in _TABLE_PARTS:
            self.gathered.append(" ")
        else:
            self._flush()

    def _flush(self) -> None:
        text, tally = "".join(self.gathered), self.current
        self.gathered.clear()
        self.current = _Tally()
        if not self.code:
            text = unwrap(text)
        if self.code:
            self.writer.code(text)
        elif self.level:
            self.writer.heading(text, self.level)
        elif self.cell is not None and self.writer.table is not None:
            self.writer.table.cell(one_line(text), *self.cell)
        elif text.strip():
            self.writer.text(text)
        if tally.all:
            number = len(self.writer.blocks) - (not self.writer.gathers)
            self.tallies.setdefault(number, _Tally()).add(tally)

    def _turn(self, node: LexborNode, name: str) -> None:
        """What is gathered from here on belongs to the element."""
        match name:
            case "h1" | "h2" | "h3" | "h4" | "h5" | "h6":
                self.level = int(name[1])
            case "pre":
                self.code = True
            case "td" | "th":
                self.cell = (_number(node, "colspan", 1), _number(node, "rowspan", 1))
            case "ul" | "ol" | "dl" if self.cell is None:
                self.writer.open_list(_number(node, "start", 1) if name == "ol" else None, _format(node))
            case "li" | "dt" if self.cell is None:
                self.writer.open_item(_number(node, "value", None))
            case "table":
                self.writer.open_table()
            case "tr":
                self.writer.open_row()
            case _:
                pass

    def _turn_back(self, name: str) -> None:
        match name:
            case "h1" | "h2" | "h3" | "h4" | "h5" | "h6":
                self.level = 0
            case "pre":
                self.code = False
            case "td" | "th":
                self.cell = None
            case "ul" | "ol" | "dl":
                self.layouts["list"].pop()
                if self.cell is None:
                    self.writer.close_list()
            case "table":
                self.layouts["table"].pop()
                self.writer.close_table()
            case "layout-list" | "layout-table":
                self.layouts[name.removeprefix("layout-")].pop()
            case _:
                pass


def _passage(block: Block, tally: _Tally) -> Passage:
    share = 1 / max(1, tally.all)
    return Passage(block, tally.linked * share, tally.furniture * share <= 0.5, tally.inside * share > 0.5)


def _runs_in_text(node: LexborNode) -> bool:
    """Whether an element of the page's own making stands among text."""
    around = (node.prev, node.next)
    return any(other is not None and other.tag == "-text" and (other.text_content or "").strip() for other in around)


def _format(node: LexborNode) -> Format:
    """How a list is counted if it is ordered, by its own attributes; style sheets are not asked."""
    told = node.attributes
    style = style_of(node) if told.get("style") else {}
    name = style.get("list-style-type") or style.get("list-style") or told.get("type") or ""
    return _FORMATS.get(name, str)


def _number(node: LexborNode, attribute: str, otherwise: _Number) -> int | _Number:
    value = (node.attributes.get(attribute) or "").strip()
    return int(value) if value.isdecimal() and len(value) < 7 else otherwise
