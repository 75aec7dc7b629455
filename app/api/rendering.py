"""An answer's Markdown as a small closed tree: the page builds elements from it, and from nothing else.

The parser knows no HTML, links, images, escapes or entities: so each leaf stands verbatim in the text, which is how the
sentence that it belongs to is found again. What is no Markdown of these kinds stays text.
"""

import re
from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Annotated, Any, Literal, TypeAlias, TypeVar

from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline
from markdown_it.tree import SyntaxTreeNode
from pydantic import Field

from app.api.bodies import Reply

Kind = Literal[
    "paragraph", "heading", "list", "item", "quote", "table", "row", "head", "cell", "code", "rule",
    "strong", "emphasis", "code_span", "formula", "text", "break", "citation",
]  # fmt: skip

_LONG = 500
"""Characters of a block from which on it is not rendered again with every piece that it grows by."""
_MARK = re.compile(r"\[(\d{1,3})\]")
_COLUMN = re.compile(r"\s+\|\s+")
_FORMULA = re.compile(
    r"\$\$.{1,2000}?\$\$|\$(?![\s\d$])[^$\n]{1,500}?(?<!\s)\$(?!\w)|\\\(.{1,500}?\\\)|\\\[.{1,2000}?\\\]", re.DOTALL
)
_WITHOUT = (
    "html_block", "html_inline", "link", "image", "autolink", "reference", "entity", "escape", "code", "lheading",
)  # fmt: skip
_PARENTS: Mapping[str, Kind] = {
    "heading": "heading",
    "bullet_list": "list",
    "ordered_list": "list",
    "list_item": "item",
    "blockquote": "quote",
    "table": "table",
    "tr": "row",
    "th": "head",
    "td": "cell",
    "strong": "strong",
    "em": "emphasis",
}
_LEAVES: Mapping[str, Kind] = {"code_inline": "code_span", "formula": "formula", "fence": "code"}


def _absent(value: object) -> bool:
    return value is None


Kept = TypeVar("Kept")
_OrLeftOut: TypeAlias = Annotated[Kept | None, Field(exclude_if=_absent)]


class Node(Reply):
    """A part of an answer; what a kind has no use for is left out.

    `level` is a heading's, from 1; `start` an ordered list's first number; `label` a citation's; `sentence` is the
    place of a leaf's sentence among the answer's sentences, from 0.
    """

    kind: Kind
    text: _OrLeftOut[str] = None
    level: _OrLeftOut[int] = None
    start: _OrLeftOut[int] = None
    label: _OrLeftOut[int] = None
    sentence: _OrLeftOut[int] = None
    children: _OrLeftOut[list["Node"]] = None


def _formula(state: StateInline, silent: bool) -> bool:  # noqa: FBT001  # markdown-it calls it so
    """What stands between formula signs is text, whatever stars and lines it holds."""
    found = _FORMULA.match(state.src, state.pos)
    if found is None:
        return False
    if not silent:
        state.push("formula", "", 0).content = found[0]
    state.pos = found.end()
    return True


def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False}).enable("table").disable(list(_WITHOUT))
    parser.inline.ruler.before("emphasis", "formula", _formula)
    parser.inline.add_terminator_char("$")
    parser.inline.add_terminator_char("\\")
    return parser


_PARSER = _parser()


def rendered(text: str, labels: Collection[int], sentences: Sequence[tuple[int, int]] = ()) -> list[Node]:
    """The tree of a text; [n] is a citation if n is among the labels; `sentences` are spans of code points in order."""
    tree = _Tree(text, frozenset(labels), tuple(sentences))
    return list(tree.blocks(SyntaxTreeNode(_PARSER.parse(text)).children))


def rendered_body(body: Mapping[str, Any]) -> list[Node]:
    """The tree of an answer's body as it is stored."""
    labels = {citation["label"] for citation in body["citations"]}
    return rendered(body["answer"], labels, [(each["start"], each["end"]) for each in body["sentences"]])


@dataclass(frozen=True, slots=True)
class Grown:
    """What a text that grew is rendered as: its first `kept` nodes as before, then these; none: all as before."""

    kept: int
    nodes: list[Node]


class GrowingText:
    """A text that comes piece by piece. Blocks that nothing can change any more are not rendered again.

    Nor is a long one that is still open, until it has grown by an eighth: so all pieces together cost about what the
    whole text costs some ten times, in whatever blocks and pieces it comes.
    """

    def __init__(self, labels: Collection[int]) -> None:
        self._labels = labels
        self._open = ""
        self._rendered = 0
        self._kept = 0
        self._in_paragraph = False

    def grow(self, piece: str) -> Grown | None:
        """The nodes of all the text so far, or None where they wait for more of it."""
        self._open += piece
        ends = self._in_paragraph and "\n\n" in piece
        if not ends and len(self._open) > _LONG and 8 * len(self._open) < 9 * self._rendered:
            return None
        tree = _Tree(self._open, frozenset(self._labels), ())
        parsed = SyntaxTreeNode(_PARSER.parse(self._open)).children
        blocks = [list(tree.blocks([block])) for block in parsed]
        grown = Grown(self._kept, [node for block in blocks for node in block])
        self._in_paragraph = bool(parsed) and parsed[-1].type == "paragraph"
        self._close(parsed, blocks)
        self._rendered = len(self._open)
        return grown

    def _close(self, parsed: Sequence[SyntaxTreeNode], blocks: Sequence[list[Node]]) -> None:
        """Let go of the blocks before the last that surely begins where it does."""
        lines = self._open.split("\n")
        starts = [block.map[0] if block.map else 0 for block in parsed]
        sure = (at for at in range(1, len(parsed)) if _surely_begins(lines, starts[at], parsed[at - 1]))
        last = max(sure, default=0)
        if last:
            self._open = "\n".join(lines[starts[last] :])
            self._kept += sum(len(block) for block in blocks[:last])


def _surely_begins(lines: Sequence[str], start: int, before: SyntaxTreeNode) -> bool:
    """Whether a block begins in this line whatever is added to the last one.

    Of all blocks a table alone depends on the line after its first, so that one has to be whole too; but an empty line
    ends a paragraph in any case.
    """
    return start + 2 < len(lines) or (before.type == "paragraph" and not lines[start - 1].strip())


@dataclass(slots=True)
class _Tree:
    """Walks the parsed text; `cursor` is how far its leaves have been found again in the text."""

    text: str
    labels: frozenset[int]
    sentences: tuple[tuple[int, int], ...]
    cursor: int = 0

    def blocks(self, parsed: Iterable[SyntaxTreeNode]) -> Iterator[Node]:
        for node in parsed:
            if node.type == "paragraph":
                yield from _paragraphs(list(self.leaves(node.children)))
            elif node.type == "hr":
                yield Node(kind="rule")
            elif node.type in ("thead", "tbody"):
                yield from self.blocks(node.children)
            elif node.type in _LEAVES:
                yield self._verbatim(node)
            elif node.type in _PARENTS:
                yield self._parent(node)
            else:
                yield from self.leaves([node])

    def _parent(self, node: SyntaxTreeNode) -> Node:
        kind = _PARENTS[node.type]
        leafy = kind in ("heading", "head", "cell")
        children = list(self.leaves(node.children) if leafy else self.blocks(node.children))
        level = int(node.tag[1:]) if kind == "heading" else None
        start = int(node.attrs.get("start", 1)) if node.type == "ordered_list" else None
        return Node(kind=kind, children=children, level=level, start=start)

    def leaves(self, parsed: Iterable[SyntaxTreeNode]) -> Iterator[Node]:
        for node in parsed:
            if node.type == "inline":
                yield from self.leaves(node.children)
            elif node.type in ("softbreak", "hardbreak"):
                yield Node(kind="break")
            elif node.type in _LEAVES:
                yield self._verbatim(node)
            elif node.type in _PARENTS:
                yield Node(kind=_PARENTS[node.type], children=list(self.leaves(node.children)))
            elif node.content:
                yield from self._pieces(node.content)

    def _verbatim(self, node: SyntaxTreeNode) -> Node:
        start = self._found(node.content)
        return Node(kind=_LEAVES[node.type], text=node.content, sentence=self._sentence(start))

    def _found(self, content: str) -> int | None:
        start = self.text.find(content, self.cursor)
        if start < 0:
            return None
        self.cursor = start + len(content)
        return start

    def _pieces(self, content: str) -> Iterator[Node]:
        """The content cut at its marks and at the edges of sentences."""
        start = self._found(content)
        marks = {found.start(): found for found in _MARK.finditer(content) if int(found[1]) in self.labels}
        edges = {0, len(content), *(edge for mark in marks.values() for edge in mark.span())}
        if start is not None:
            edges |= {edge - start for span in self.sentences for edge in span if 0 < edge - start < len(content)}
        for left, right in pairwise(sorted(edges)):
            sentence = None if start is None else self._sentence(start + left)
            if left in marks:
                yield Node(kind="citation", label=int(marks[left][1]), sentence=sentence)
            else:
                yield Node(kind="text", text=content[left:right], sentence=sentence)

    def _sentence(self, at: int | None) -> int | None:
        if at is None:
            return None
        index = bisect_right(self.sentences, at, key=lambda span: span[0]) - 1
        return index if index >= 0 and at < self.sentences[index][1] else None


def _paragraphs(leaves: Sequence[Node]) -> Iterator[Node]:
    """A paragraph; neighbouring lines in as many columns, as documents' tables are quoted, become a table."""
    lines = [_columns(line) for line in _lines(leaves)]
    for columns, group in groupby(lines, key=len):
        rows = list(group)
        if columns > 1 and len(rows) > 1:
            cells = [[Node(kind="cell", children=cell) for cell in row] for row in rows]
            yield Node(kind="table", children=[Node(kind="row", children=row) for row in cells])
        else:
            yield Node(kind="paragraph", children=_joined([_joined(row, " | ") for row in rows]))


def _lines(leaves: Sequence[Node]) -> list[list[Node]]:
    lines: list[list[Node]] = [[]]
    for leaf in leaves:
        if leaf.kind == "break":
            lines.append([])
        else:
            lines[-1].append(leaf)
    return lines


def _columns(line: Sequence[Node]) -> list[list[Node]]:
    """The line's leaves, column by column."""
    columns: list[list[Node]] = [[]]
    for leaf in line:
        first, *others = _COLUMN.split(leaf.text) if leaf.kind == "text" and leaf.text else [None]
        columns[-1].append(leaf if first is None or not others else leaf.model_copy(update={"text": first}))
        columns.extend([leaf.model_copy(update={"text": text})] for text in others)
    return [[leaf for leaf in column if leaf.text != ""] for column in columns]


def _joined(parts: Sequence[Sequence[Node]], between: str | None = None) -> list[Node]:
    """The parts in a row, with a text between them, or a line break."""
    joint = Node(kind="break") if between is None else Node(kind="text", text=between)
    return [leaf for index, part in enumerate(parts) for leaf in ([joint, *part] if index else part)]
