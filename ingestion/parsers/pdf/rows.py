"""Lines of a PDF page → rows of what stands side by side."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from ingestion.parsers.pdf.lines import RIGHT_TO_LEFT, Line, beside, union
from retrieval.types import Box

_WOVEN_ROWS = 5
_MARKER_GAP = 4.0  # in line heights, between a bullet and its text
_PROSE_WORDS = 4
_PROSE_SHARE = 0.6
_STRETCHED_WORDS = 3
_STRETCHED_GAP = 2.0  # in line heights
_ALIKE = 0.1

_ONLY_CURRENCY = re.compile(r"[(\s]*(?:[$€£¥₩₹]|US\$|R\$)")
_ONLY_SUFFIX = re.compile(r"(?:[%)]|pts?|bps|x)+[)%]*")
_ONLY_MARKER = re.compile(r"[•·▪◦‣●○■□–—*-]|\[\d{1,3}\]|\(?(?:\d{1,3}|[A-Za-z]|[ivxIVX]{1,5})[.)]")
_NUMERIC = re.compile(r"[\W_]*\d[\d.,%\s)]*\W*|[-–—]+|n/?a\.?", re.IGNORECASE)


Cell = tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """Cells that stand side by side, in the order in which they are read; a line of prose is a row of one cell."""

    cells: tuple[Cell, ...]
    box: Box

    @property
    def height(self) -> float:
        return self.cells[0][0].height

    @property
    def lines(self) -> Sequence[Line]:
        return [line for cell in self.cells for line in cell]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells, each cell of one line or several; `box` is around all of it."""

    rows: tuple[tuple[Cell, ...], ...]
    box: Box


Item = Row | Table


def row_of(cells: Sequence[Cell]) -> Row:
    return Row(tuple(cells), union([line.box for cell in cells for line in cell]))


def rows(lines: Sequence[Line]) -> list[Row]:
    """Rows of lines that follow each other side by side, as the page writes them."""
    found: list[list[Line]] = []
    for line in lines:
        if found and not found[-1][-1].hyphen and beside(found[-1][-1], line):
            found[-1].append(line)
        else:
            found.append([line])
    return _unwoven(
        [row_of([(line,) for line in flat(row)]) if _is_stretched(row) else row for row in map(_level, found)]
    )


def _level(row: Sequence[Line]) -> Row:
    return level_row(_as_read(row))


def level_row(lines: Sequence[Line]) -> Row:
    return row_of([(line,) for line in _merged(lines)])


def _as_read(row: Sequence[Line]) -> list[Line]:
    if any(RIGHT_TO_LEFT.search(line.text) for line in row):
        return sorted(row, key=lambda line: -line.box[2])
    return list(row)


def _merged(row: Sequence[Line]) -> list[Line]:
    """Cells with what belongs together in one: "$" and its number, a number and its "%", a bullet and its text."""
    cells: list[Line] = []
    for line in row:
        before = cells[-1].text if cells else ""
        is_marker = len(cells) == 1 and _ONLY_MARKER.fullmatch(before) and _distance(cells[0], line) < _MARKER_GAP
        if cells and (_ONLY_CURRENCY.fullmatch(before) or is_marker):
            cells[-1] = _with(cells[-1], line, f"{before} {line.text}")
        elif cells and _ONLY_SUFFIX.fullmatch(line.text):
            joint = " " if line.text[0].isalnum() or line.text[0] == "%" else ""
            cells[-1] = _with(cells[-1], line, before + joint + line.text)
        else:
            cells.append(line)
    return cells


def _distance(left: Line, right: Line) -> float:
    """Between two lines side by side, in heights."""
    return max(right.box[0] - left.box[2], left.box[0] - right.box[2]) / right.height


def _with(left: Line, right: Line, text: str) -> Line:
    bold = left.bold and right.bold
    return replace(right, text=text, box=union((left.box, right.box)), bold=bold)


def flat(row: Row) -> list[Line]:
    """The row as prose: one line, or those of each cell in turn where it has several."""
    if len(row.cells) == 1 or any(len(cell) > 1 for cell in row.cells):
        return list(row.lines)
    lines = row.lines
    whole = replace(
        max(lines, key=lambda line: len(line.text)),
        text=" ".join(line.text for line in lines),
        box=row.box,
        bold=all(line.bold for line in lines) and not any(_NUMERIC.fullmatch(line.text) for line in lines),
        hyphen=lines[-1].hyphen,
    )
    return [whole]


def _is_stretched(row: Row) -> bool:
    """Whether it is a line of prose whose words were driven apart to fill a narrow column: as far each, wide or not."""
    lines = row.lines
    if len(lines) < _STRETCHED_WORDS or any(" " in line.text or not line.text[:1].isalpha() for line in lines):
        return False
    gaps, widths = [_distance(*pair) for pair in pairwise(lines)], [line.box[2] - line.box[0] for line in lines]
    return max(gaps) < _STRETCHED_GAP and max(gaps) - min(gaps) < _ALIKE and max(widths) - min(widths) > row.height


def _unwoven(found: Sequence[Row]) -> list[Row]:
    """Columns of prose that the page writes line by line across, one after the other again."""
    unwoven: list[Row] = []
    start = 0
    while start < len(found):
        end = start
        while end < len(found) and len(found[end].cells) == 2 and _is_below(found, start, end):
            end += 1
        if end - start >= _WOVEN_ROWS and _are_columns([row.lines for row in found[start:end]]):
            unwoven += [row_of(row.cells[:1]) for row in found[start:end]]
            unwoven += [row_of(row.cells[1:]) for row in found[start:end]]
        else:
            end = max(end, start + 1)
            unwoven += found[start:end]
        start = end
    return unwoven


def _is_below(found: Sequence[Row], start: int, place: int) -> bool:
    if place == start:
        return True
    gap = found[place].box[1] - found[place - 1].box[3]
    return -0.5 * found[place].height < gap < 2 * found[place].height


def _are_columns(pairs: Sequence[Sequence[Line]]) -> bool:
    """Whether both sides are prose: lines of some words that fill their column, with a gutter all the way."""
    left, right = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    if max(line.box[2] for line in left) >= min(line.box[0] for line in right):
        return False
    return is_prose(left) and is_prose(right)


def is_prose(lines: Sequence[Line]) -> bool:
    if len(lines) < 2:
        return False
    width = max(line.box[2] for line in lines) - min(line.box[0] for line in lines)
    full = [
        line.box[2] - line.box[0] > 0.75 * width and (line.text.count(" ") >= _PROSE_WORDS or not line.text.isascii())
        for line in lines
    ]
    return sum(full) >= _PROSE_SHARE * len(lines)


def is_numeric(row: Row) -> bool:
    return all(_NUMERIC.fullmatch(line.text) for line in row.lines)
