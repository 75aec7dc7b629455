"""What the tree-shaped formats (HTML, Markdown, Word) write their blocks with: lists as lines, tables as rows."""

from collections.abc import Callable
from dataclasses import dataclass, field
from textwrap import dedent

from ingestion.normalize import one_line, verbatim
from ingestion.parsers.table import Grid
from ingestion.types import Block, BlockKind

_MAX_INDENT = 8  # levels shown; deeper lists stay at this one

Format = Callable[[int], str]
"""A number as a list writes it."""


@dataclass(slots=True)
class BlockWriter:
    """Gathers blocks in reading order; text in an open list becomes its lines, in an open table its cells."""

    blocks: list[Block] = field(default_factory=list[Block])
    table: Grid | None = None
    """The table that is open."""

    _lines: list[str] = field(default_factory=list[str])
    _numbers: list[int | None] = field(default_factory=list[int | None])  # one per open list, None for bullets
    _formats: list[Format] = field(default_factory=list[Format])
    _marker: str = ""

    @property
    def gathers(self) -> bool:
        """Whether a list or table that is no block yet holds text."""
        return self.table is not None or bool(self._lines)

    def text(self, text: str) -> None:
        """A paragraph, or what a list item or table cell holds; without any text it is nothing but a cell."""
        text = one_line(text)
        if self.table is not None:
            self.table.cell(text)
        elif not text:
            return
        elif self._numbers:
            self._lines.append("  " * min(len(self._numbers) - 1, _MAX_INDENT) + (self._marker or "  ") + text)
            self._marker = ""
        else:
            self._add("paragraph", text)

    def heading(self, text: str, level: int) -> None:
        """A heading of level 1 to 6; inside a list or table it is text like any other."""
        if self.table is not None or self._numbers:
            self.text(text)
        else:
            self._add("heading", one_line(text), max(1, min(level, 6)))

    def code(self, text: str) -> None:
        """Code with its line ends and indentation; it parts a list that it stands in."""
        if self.table is not None:
            self.text(text)
        else:
            self._add("code", verbatim(dedent(text)))

    def open_list(self, first: int | None, format: Format = str) -> None:
        """Open a list, numbered from `first` or with bullets; inside another list it is indented."""
        self._numbers.append(first)
        self._formats.append(format)

    def open_item(self, number: int | None = None, label: str = "") -> None:
        """The next text opens an item of the innermost list, under its own number or label if it brings one."""
        counted = self._numbers[-1] if self._numbers else None
        if counted is not None:
            number = counted if number is None else number
            self._numbers[-1] = number + 1
            label = label or f"{self._formats[-1](number)}."
        self._marker = f"{label or '-'} "

    def close_list(self) -> None:
        if self._numbers:
            self._numbers.pop()
            self._formats.pop()
        if not self._numbers:
            self._end_list()

    def open_table(self) -> None:
        self._end_list()
        self.table = Grid()

    def open_row(self, skipped: int = 0) -> None:
        """The next row; it begins after that many columns."""
        if self.table is not None:
            self.table.open_row(skipped)

    def close_table(self) -> None:
        table, self.table = self.table, None
        if table is not None:
            self._add("table", table.lines())

    def add(self, block: Block) -> None:
        """A block that is written already; inside a list or table it is text like any other."""
        if self.table is not None or (self._numbers and block.kind != "code"):
            self.text(block.text)
        else:
            self._add(block.kind, block.text, block.level)

    def finish(self) -> tuple[Block, ...]:
        """All blocks; whatever is still open is closed."""
        self.close_table()
        self._numbers.clear()
        self._formats.clear()
        self._end_list()
        return tuple(self.blocks)

    def _add(self, kind: BlockKind, text: str, level: int = 0) -> None:
        self._end_list()
        if text:
            self.blocks.append(Block(kind, text, level))

    def _end_list(self) -> None:
        if self._lines:
            lines, self._lines = self._lines, []
            self.blocks.append(Block("list", "\n".join(lines).strip(" ")))
