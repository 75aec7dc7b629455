"""A table's rows as lines of text; a cell that spans others is said again in each, so that a row reads by itself."""

from dataclasses import dataclass, field

_MAX_SPAN = 64  # columns or rows; past it a span says nothing that a reader would miss
_MAX_REPEATED = 200  # characters: a longer cell is text, not a label
_MAX_REPEATS = 20_000  # cells in all, so that spans cannot make a large table of a small file


@dataclass(slots=True)
class Grid:
    """Rows of cells in their columns. What alone spans a row is the title of those below and stands there once."""

    rows: list[list[str]] = field(default_factory=list[list[str]])
    _hanging: dict[int, tuple[str, int]] = field(default_factory=dict[int, tuple[str, int]])  # column: text, last row
    _cells: int = 0  # that the last row has of its own
    _lasting: int = 0  # of these, those that hang down into the next
    _headings: set[int] = field(default_factory=set[int])  # rows that say nothing that those below do not
    _repeats: int = 0

    def open_row(self, skipped: int = 0) -> None:
        """The next row; it begins after that many columns."""
        self._end_row()
        self.rows.append([""] * (self._bounded(skipped + 1) - 1))

    def cell(self, text: str, columns: int = 1, rows: int = 1) -> None:
        """The next cell of the row, and how many columns and rows it spans."""
        if not self.rows:
            self.rows.append([])
        self._fill()
        row = self.rows[-1]
        columns, rows = self._bounded(columns), self._bounded(rows)
        again = text if len(text) <= _MAX_REPEATED else ""
        if rows > 1:
            last = len(self.rows) - 2 + rows
            self._hanging |= dict.fromkeys(range(len(row), len(row) + columns), (again, last))
        row.extend([text, *[again] * (columns - 1)])
        self._cells += 1
        self._lasting += rows > 1 and bool(again)

    def goes_on(self, columns: int = 1) -> None:
        """The next cell belongs to the one above it, which is how Word says that a cell spans rows."""
        above = self.rows[-2] if len(self.rows) > 1 else []
        column = len(self.rows[-1]) if self.rows else 0
        text = above[column] if column < len(above) else ""
        self.cell(text if len(text) <= _MAX_REPEATED and self._bounded(2) > 1 else "", columns)

    def lines(self) -> str:
        """One line a row, its cells parted by " | "; rows without text are left out."""
        self._end_row()
        for number in self._headings:
            row, below = self.rows[number], self.rows[number + 1] if number + 1 < len(self.rows) else []
            if below[: len(row)] == row:
                row.clear()
        lines = (" | ".join(row).rstrip(" |") for row in self.rows)
        return "\n".join(line for line in lines if line)

    def _fill(self) -> None:
        """Say in the row's next columns what hangs down into them from above."""
        number, row = len(self.rows) - 1, self.rows[-1]
        while (found := self._hanging.get(len(row))) is not None:
            text, last = found
            if number > last:
                del self._hanging[len(row)]
                return
            row.append(text if self._bounded(2) > 1 else "")

    def _end_row(self) -> None:
        if self._cells and self._cells == self._lasting:
            self._headings.add(len(self.rows) - 1)
        elif self._cells == 1 and len(set(self.rows[-1])) == 1:
            del self.rows[-1][1:]
        elif self._cells:
            self._fill()
        self._cells = self._lasting = 0

    def _bounded(self, span: int) -> int:
        """The span, or 1 when no more may be repeated."""
        span = max(1, min(span, _MAX_SPAN))
        if self._repeats + span - 1 > _MAX_REPEATS:
            return 1
        self._repeats += span - 1
        return span
