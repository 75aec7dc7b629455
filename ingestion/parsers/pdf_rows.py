"""Lines of a PDF page → rows in reading order: what stands side by side together, columns one after the other."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ingestion.parsers.pdf_drawn import Floats
from ingestion.parsers.pdf_lines import RIGHT_TO_LEFT, Line, beside, union
from retrieval.types import Box

_MOST_RUNS = 600  # ordered by where they stand; a page with more is a drawing
_GUTTER = 0.6  # in line heights
_WOVEN_ROWS = 5
_PROSE_WORDS = 4
_PROSE_SHARE = 0.6

_ONLY_CURRENCY = re.compile(r"[(\s]*(?:[$€£¥₩₹]|US\$|R\$)")
_ONLY_SUFFIX = re.compile(r"(?:[%)]|pts?|bps|x)+[)%]*")
_ONLY_MARKER = re.compile(r"[•·▪◦‣●○■□–—*-]|\[\d{1,3}\]|\(?(?:\d{1,3}|[A-Za-z]|[ivxIVX]{1,5})[.)]")
_NUMERIC = re.compile(r"[\W_]*\d[\d.,%\s)]*\W*|[-–—]+|n/?a\.?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Row:
    """Lines that stand side by side, in the order in which they are read."""

    lines: tuple[Line, ...]
    box: Box

    @property
    def height(self) -> float:
        return self.lines[0].height

    @property
    def text(self) -> str:
        return " ".join(line.text for line in self.lines)


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells, each cell of one line or several; `box` is around all of it."""

    rows: tuple[tuple[tuple[Line, ...], ...], ...]
    box: Box


Item = Row | Table


def row_of(lines: Sequence[Line]) -> Row:
    return Row(tuple(lines), union([line.box for line in lines]))


def rows(lines: Sequence[Line]) -> list[Row]:
    """Rows of lines that follow each other side by side, as the page writes them."""
    found: list[list[Line]] = []
    for line in lines:
        if found and not found[-1][-1].hyphen and beside(found[-1][-1], line):
            found[-1].append(line)
        else:
            found.append([line])
    return _unwoven([row_of(_merged(_as_read(row))) for row in found])


def in_order(items: Sequence[Item]) -> list[Item]:
    """The items in reading order: as the page writes them, unless that goes back up a column; then by place."""
    runs = _runs(items)
    runs = _paired(runs)
    if 1 < len(runs) <= _MOST_RUNS and _goes_back(runs):
        boxes = np.array([union([item.box for item in run]) for run in runs])
        gutter = _GUTTER * float(np.median([_height(run[0]) for run in runs]))
        runs = [runs[place] for place in _cut(list(range(len(runs))), boxes, gutter)]
    return [item for run in runs for item in run]


def _as_read(row: Sequence[Line]) -> list[Line]:
    if any(RIGHT_TO_LEFT.search(line.text) for line in row):
        return sorted(row, key=lambda line: -line.box[2])
    return list(row)


def _merged(row: Sequence[Line]) -> list[Line]:
    """Cells with what belongs together in one: "$" and its number, a number and its "%", a bullet and its text."""
    cells: list[Line] = []
    for line in row:
        before = cells[-1].text if cells else ""
        if cells and (_ONLY_CURRENCY.fullmatch(before) or (len(cells) == 1 and _ONLY_MARKER.fullmatch(before))):
            cells[-1] = _with(cells[-1], line, f"{before} {line.text}")
        elif cells and _ONLY_SUFFIX.fullmatch(line.text):
            joint = " " if line.text[0].isalnum() or line.text[0] == "%" else ""
            cells[-1] = _with(cells[-1], line, before + joint + line.text)
        else:
            cells.append(line)
    return cells


def _with(left: Line, right: Line, text: str) -> Line:
    bold = left.bold and right.bold
    return replace(right, text=text, box=union((left.box, right.box)), bold=bold)


def flat(row: Row) -> Line:
    """The row as one line of prose."""
    if len(row.lines) == 1:
        return row.lines[0]
    last = row.lines[-1]
    return replace(
        max(row.lines, key=lambda line: len(line.text)),
        text=row.text,
        box=row.box,
        bold=all(line.bold for line in row.lines),
        hyphen=last.hyphen,
    )


def _unwoven(found: Sequence[Row]) -> list[Row]:
    """Columns of prose that the page writes line by line across, one after the other again."""
    unwoven: list[Row] = []
    start = 0
    while start < len(found):
        end = start
        while end < len(found) and len(found[end].lines) == 2 and _is_below(found, start, end):
            end += 1
        if end - start >= _WOVEN_ROWS and _are_columns([row.lines for row in found[start:end]]):
            unwoven += [row_of(row.lines[:1]) for row in found[start:end]]
            unwoven += [row_of(row.lines[1:]) for row in found[start:end]]
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
    return _is_prose(left) and _is_prose(right)


def _is_prose(lines: Sequence[Line]) -> bool:
    width = max(line.box[2] for line in lines) - min(line.box[0] for line in lines)
    full = [
        line.box[2] - line.box[0] > 0.75 * width and (line.text.count(" ") >= _PROSE_WORDS or not line.text.isascii())
        for line in lines
    ]
    return sum(full) >= _PROSE_SHARE * len(lines)


def _height(item: Item) -> float:
    return item.height if isinstance(item, Row) else item.rows[0][0][0].height


def _runs(items: Sequence[Item]) -> list[list[Item]]:
    """Stretches of rows that follow each other downwards in one column; a table is a stretch of its own."""
    runs: list[list[Item]] = []
    for item in items:
        if runs and isinstance(item, Row) and isinstance(runs[-1][-1], Row) and _follows(runs[-1][-1], item):
            runs[-1].append(item)
        else:
            runs.append([item])
    return runs


def _follows(above: Row, below: Row) -> bool:
    gap = below.box[1] - above.box[3]
    height = max(above.height, below.height)
    overlap = min(above.box[2], below.box[2]) - max(above.box[0], below.box[0])
    return -0.7 * height < gap < 2.5 * height and overlap > 0


def _paired(runs: Sequence[list[Item]]) -> list[list[Item]]:
    """Runs with the columns of numbers that the page writes after them, back in one row each."""
    paired: list[list[Item]] = []
    for run in runs:
        merged = _beside_each_other(paired[-1], run) if paired else None
        if merged is None:
            paired.append(run)
        else:
            paired[-1] = merged
    return paired


def _beside_each_other(left: Sequence[Item], right: Sequence[Item]) -> list[Item] | None:
    """The rows of both, where the right ones are numbers that each stand beside a row on the left; else none."""
    numbers = [item for item in right if isinstance(item, Row) and _is_numeric(item)]
    if len(numbers) < len(right):
        return None
    whole = [item for item in left if isinstance(item, Row)]
    places: dict[int, Row] = {}
    start = 0
    for row in numbers:
        place = next((n for n in range(start, len(whole)) if beside(whole[n].lines[-1], row.lines[0])), None)
        if place is None:
            return None
        places[place] = row
        start = place + 1
    return [
        row_of(_merged([*row.lines, *places[number].lines])) if number in places else row
        for number, row in enumerate(whole)
    ]


def _is_numeric(row: Row) -> bool:
    return all(_NUMERIC.fullmatch(line.text) for line in row.lines)


def _goes_back(runs: Sequence[Sequence[Item]]) -> bool:
    """Whether some run stands above, or to the left of, one that comes before it."""
    boxes = np.array([union([item.box for item in run]) for run in runs])
    x0, y0, x1, y1 = boxes.T
    lines = np.array([len(run) for run in runs])
    slack = 0.5 * np.array([_height(run[0]) for run in runs])
    later = np.triu(np.ones((len(runs), len(runs)), dtype=np.bool_), 1)  # [earlier, later]
    across = np.minimum(x1[:, None], x1) - np.maximum(x0[:, None], x0)
    down = np.minimum(y1[:, None], y1) - np.maximum(y0[:, None], y0)
    narrow = np.minimum((x1 - x0)[:, None], x1 - x0)
    low = np.minimum((y1 - y0)[:, None], y1 - y0)
    above = later & (y1 <= (y0 + slack)[:, None]) & (across > 0.3 * narrow)
    is_rtl = any(RIGHT_TO_LEFT.search(item.text) for run in runs for item in run if isinstance(item, Row))
    tall = (lines[:, None] >= 3) & (lines >= 3)
    left = later & (x1 <= x0[:, None]) & (down > 0.5 * low) & tall
    return bool(above.any()) or (not is_rtl and bool(left.any()))


def _cut(places: list[int], boxes: Floats, gutter: float) -> list[int]:
    """The places in reading order: by columns where a gutter goes all the way down, else by bands, else as given."""
    columns = _parted(places, boxes[:, 0], boxes[:, 2], gutter)
    if len(columns) > 1:
        return [place for column in columns for place in _cut(column, boxes, gutter)]
    bands = _parted(places, boxes[:, 1], boxes[:, 3], 0.0)
    if len(bands) == 1:
        return places
    groups = [bands[0]]
    for band in bands[1:]:
        both = groups[-1] + band
        if len(_parted(groups[-1], boxes[:, 0], boxes[:, 2], gutter)) > 1 and (
            len(_parted(both, boxes[:, 0], boxes[:, 2], gutter)) > 1
        ):
            groups[-1] = both
        else:
            groups.append(band)
    return [place for group in groups for place in _cut(sorted(group), boxes, gutter)]


def _parted(places: Sequence[int], starts: Floats, ends: Floats, gap: float) -> list[list[int]]:
    """The places in groups, in the order of one axis, wherever nothing of them lies for more than `gap`."""
    ordered = sorted(places, key=lambda place: (starts[place], place))
    groups = [[ordered[0]]]
    reached = ends[ordered[0]]
    for place in ordered[1:]:
        if starts[place] > reached + gap:
            groups.append([])
        groups[-1].append(place)
        reached = max(reached, ends[place])
    return [sorted(group) for group in groups]
