"""Rows and tables of a PDF page → reading order: columns one after the other, cells of several lines in one row."""

from collections.abc import Sequence

import numpy as np

from ingestion.parsers.pdf.drawn import Floats
from ingestion.parsers.pdf.lines import RIGHT_TO_LEFT, beside, union
from ingestion.parsers.pdf.rows import Cell, Item, Row, is_numeric, is_prose, level_row, row_of

_MOST_RUNS = 600  # ordered by where they stand; a page with more is a drawing
_GUTTER = 0.6  # in line heights
_TALLEST_CELL = 8  # lines


def in_order(items: Sequence[Item]) -> list[Item]:
    """The items in reading order: as the page writes them, unless that goes back up a column; then by place."""
    runs = _stacked(_paired(_runs(items)))
    if 1 < len(runs) <= _MOST_RUNS and _goes_back(runs):
        boxes = np.array([union([item.box for item in run]) for run in runs])
        gutter = _GUTTER * float(np.median([_height(run[0]) for run in runs]))
        runs = [runs[place] for place in _cut(list(range(len(runs))), boxes, gutter)]
    return [item for run in runs for item in run]


def _height(item: Item) -> float:
    if isinstance(item, Row):
        return item.height
    return next(line.height for row in item.rows for cell in row for line in cell)


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
    if len(above.cells) > 1 and len(below.cells) == 1:
        return False  # it may be the first of the cells in the next row
    gap = below.box[1] - above.box[3]
    height = max(above.height, below.height)
    first = union([line.box for line in below.cells[0]])  # a head over other columns is none of its own
    overlap = min(above.box[2], first[2]) - max(above.box[0], first[0])
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
    numbers = [item for item in right if isinstance(item, Row) and is_numeric(item)]
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
        level_row([*row.lines, *places[number].lines]) if number in places else row for number, row in enumerate(whole)
    ]


def _stacked(runs: Sequence[list[Item]]) -> list[list[Item]]:
    """Runs with short ones that stand side by side made one row: a table's heads, or cells of several lines."""
    stacked: list[list[Item]] = []
    start = 0
    while start < len(runs):
        cells = [_cell(runs[start])]
        while cells[-1] and start + len(cells) < len(runs):
            cell = _cell(runs[start + len(cells)])
            if not cell or not _is_next(cells[-1], cell):
                break
            cells.append(cell)
        if len(cells) > 2 or (len(cells) == 2 and not all(map(is_prose, cells))):
            stacked.append([row_of(cells)])
        else:
            stacked += runs[start : start + len(cells)]
        start += len(cells)
    return stacked


def _cell(run: Sequence[Item]) -> Cell:
    """The run's lines, if they may be a cell of some table; else none."""
    lines = [line for item in run if isinstance(item, Row) and len(item.cells) == 1 for line in item.lines]
    return tuple(lines) if len(lines) == len(run) <= _TALLEST_CELL else ()


def _is_next(left: Cell, right: Cell) -> bool:
    one, other = union([line.box for line in left]), union([line.box for line in right])
    overlap = min(one[3], other[3]) - max(one[1], other[1])
    lower = min(one[3] - one[1], other[3] - other[1])
    return other[0] >= one[2] - 0.3 * left[0].height and overlap > 0.5 * lower


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
    is_rtl = any(
        RIGHT_TO_LEFT.search(line.text) for run in runs for item in run if isinstance(item, Row) for line in item.lines
    )
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
