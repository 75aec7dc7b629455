"""Rows of a PDF page → tables, found by cells that stand below each other: no rules needed."""

import re
from collections.abc import Sequence
from itertools import pairwise
from statistics import median

import numpy as np

from ingestion.parsers.pdf.lines import Line, union
from ingestion.parsers.pdf.rows import Cell, Item, Row, Table, flat, row_of
from retrieval.types import Box

_ROW_GAP = 2.5  # in line heights
_HEADING_GAP = 1.0
_HEAD_GAP = 1.6
_LARGER = 1.15
_WIDE = 0.7  # of the page's text width: a line without cells and this wide is prose, not a row
_BETWEEN = 6  # lines without cells between two rows: a section's name, or a label of some lines
_MODELS = 5
_SAME_COLUMNS = 0.5  # of a row's cells
_TIGHT = 0.2  # in line heights: as much closer than rows are, lines are of one label
_YEAR = re.compile(r"(?:19|20)\d\d\W*")

Span = tuple[float, float]


def with_tables(items: Sequence[Item]) -> list[Line | Table]:
    """The items with rows of cells made tables, and all others lines of prose; two rows make a table."""
    left = min((item.box[0] for item in items), default=0.0)
    width = max((item.box[2] for item in items), default=0.0) - left
    found: list[Line | Table] = []
    rows: list[Row] = []  # not yet told
    for item in items:
        if isinstance(item, Row):
            rows.append(item)
            continue
        told, rest = _told(rows, width)
        found += [*told, *_headed(rest, item)]
        rows = []
    told, rest = _told(rows, width)
    return _as_one([*found, *told, *_prose(rest)])


def _told(rows: Sequence[Row], width: float) -> tuple[list[Line | Table], Sequence[Row]]:
    """The rows up to the end of the last table among them as lines and tables, and the rows after it."""
    found: list[Line | Table] = []
    start = free = 0  # before `free`, all is told
    while start < len(rows):
        end = _table_end(rows, start, width)
        if end > start:
            first = _with_heads(rows, free, start, end)
            found += [*_prose(rows[free:first]), _table(rows[first:end])]
            start = free = end
        else:
            start += 1
    return found, rows[free:]


def _prose(rows: Sequence[Row]) -> list[Line]:
    return [line for row in rows for line in flat(row)]


def _headed(rows: Sequence[Row], table: Table) -> list[Line | Table]:
    """The rows as prose, and the ruled table with those right above it that have a cell for each of some columns.

    Heads are often set on a ground of colour instead of between rules, and stand in the middle of their columns.
    """
    columns = _columns([row_of([cell for cell in row if cell]) for row in table.rows])
    if len(columns) != len(table.rows[0]):
        return [*_prose(rows), table]
    heads: list[tuple[Cell, ...]] = []
    box = table.box
    for row in reversed(rows):
        cells = _placed(row, columns) if _is_right_above(row, box) else None
        if cells is None:
            break
        heads.insert(0, tuple(cells))
        box = union((row.box, box))
    return [*_prose(rows[: len(rows) - len(heads)]), Table((*heads, *table.rows), box)]


def _is_right_above(row: Row, box: Box) -> bool:
    is_within = row.box[0] > box[0] - row.height and row.box[2] < box[2] + row.height
    return len(row.cells) > 1 and is_within and abs(box[1] - row.box[3]) < _HEAD_GAP * row.height


def _table_end(rows: Sequence[Row], start: int, width: float) -> int:
    """Where the table that begins at `start` ends; `start` itself if there is none."""
    if len(rows[start].cells) < 2:
        return start
    count, end = 1, start + 1
    label_end = _box(rows[start].cells[1])[0]
    stands_out = False  # a line since the last row may be a heading
    for number in range(start + 1, len(rows)):
        above, row = rows[number - 1], rows[number]
        gap = row.box[1] - above.box[3]
        if gap > _ROW_GAP * above.height or gap < -1.5 * above.height:
            break
        if len(row.cells) >= 2:
            if stands_out and not _is_alike(rows[end - 1], row, label_end):
                break
            count, end, stands_out = count + 1, number + 1, False
            label_end = min(label_end, _box(row.cells[1])[0])
        elif number - end >= _BETWEEN or not _is_between(rows[number - 1 : number + 2], label_end, width):
            break
        else:
            stands_out = stands_out or (row.lines[0].bold and gap > _HEADING_GAP * above.height)
    cores = [row for row in rows[start:end] if len(row.cells) >= 2]
    return end if count > 2 or (count == 2 and _is_aligned(*cores)) else start


def _is_aligned(above: Row, below: Row) -> bool:
    """Whether cells of two rows stand under each other: gaps in two lines of prose do so only by chance."""
    slack = below.height
    pairs = [(_box(one), _box(other)) for one in above.cells for other in below.cells[1:]]
    aligned = [min(abs(a[0] - b[0]), abs(a[2] - b[2]), abs(a[0] + a[2] - b[0] - b[2]) / 2) < slack for a, b in pairs]
    return 2 * sum(aligned) >= min(len(above.cells), len(below.cells)) - 1


def _is_between(near: Sequence[Row], label_end: float, width: float) -> bool:
    """Whether the second row, of one cell, may stand in a table: in the column of labels, or over others."""
    row = near[1]
    others = max(other.cells[0][0].size for other in (near[0], near[-1]))
    if row.cells[0][0].size > _LARGER * others or row.box[2] - row.box[0] > _WIDE * width:
        return False
    return row.box[2] <= label_end or row.box[0] >= label_end


def _is_alike(above: Row, below: Row, label_end: float) -> bool:
    """Whether the second row goes on below the first, in the same columns, and is no new table's head."""
    amounts = [_box(cell) for cell in below.cells[1:]]
    over = [any(box[0] < other[2] and other[0] < box[2] for other in map(_box, above.cells)) for box in amounts]
    is_head = all(_YEAR.fullmatch(cell[0].text) for cell in below.cells[1:])
    return below.box[0] < label_end and sum(over) >= _SAME_COLUMNS * len(over) and not is_head


def _with_heads(rows: Sequence[Row], free: int, start: int, end: int) -> int:
    """Where the table begins with what stands over its right-hand columns, as "Years ended December 31" does."""
    label_end = min(_box(row.cells[1])[0] for row in rows[start:end] if len(row.cells) > 1)
    left, right = min(row.box[0] for row in rows[start:end]), max(row.box[2] for row in rows[start:end])
    first = start
    while first > free:
        row, gap = rows[first - 1], rows[first].box[1] - rows[first - 1].box[3]
        is_over = row.box[0] > left + 2 * row.height and (row.box[0] + row.box[2]) / 2 > label_end
        if len(row.cells) > 1 or not is_over or row.box[2] > right + row.height or abs(gap) > _HEAD_GAP * row.height:
            break
        first -= 1
    return first


def _table(rows: Sequence[Row]) -> Table:
    """The rows as cells in columns: a cell that is missing is empty, a label of several lines is one cell."""
    columns = _columns(rows)
    placed = [_placed(row, columns) for row in rows]
    cells = [list(row.cells) for row in rows] if None in placed else [row for row in placed if row is not None]
    return Table(tuple(map(tuple, _with_whole_labels(cells, rows))), union([row.box for row in rows]))


def _columns(rows: Sequence[Row]) -> list[Span]:
    """The columns' spans, as they are read; a cell over several columns tells nothing of where they part."""
    most = max(len(row.cells) for row in rows)
    models = np.array([[_box(cell) for cell in row.cells] for row in rows if len(row.cells) == most][:_MODELS])
    boxes = np.array([_box(cell) for row in rows if len(row.cells) > 1 for cell in row.cells]).reshape(-1, 4)
    over = (boxes[:, None, None, 0] < models[:, :, 2]) & (models[:, :, 0] < boxes[:, None, None, 2])
    narrow = boxes[~(over.sum(axis=2) > 1).any(axis=1)]
    columns: list[Span] = []
    for left, _, right, _ in sorted(narrow.tolist()):
        if columns and left < columns[-1][1]:
            columns[-1] = (columns[-1][0], max(columns[-1][1], right))
        else:
            columns.append((left, right))
    is_rtl = any(_box(row.cells[-1])[0] < _box(row.cells[0])[0] for row in rows)
    return columns[::-1] if is_rtl else columns


def _placed(row: Row, columns: Sequence[Span]) -> list[Cell] | None:
    """The row's cells in their columns; none where two would share one, or where none are told."""
    if not columns:
        return None
    cells: list[Cell] = [()] * len(columns)
    for cell in row.cells:
        box = _box(cell)
        over = [n for n, (left, right) in enumerate(columns) if box[0] < right and left < box[2]]
        place = over[0] if over else min(range(len(columns)), key=lambda n: abs(columns[n][0] - box[0]))
        if cells[place]:
            return None
        cells[place] = cell
    return cells


def _with_whole_labels(cells: Sequence[list[Cell]], rows: Sequence[Row]) -> list[list[Cell]]:
    """Rows whose label goes on below: the line before, or after, that holds nothing but its other part."""
    usual = median([below.box[1] - above.box[3] for above, below in pairwise(rows)])
    whole: list[list[Cell]] = []
    for number, row in enumerate(cells):
        above = whole[-1] if whole else []
        gap = rows[number].box[1] - rows[number - 1].box[3] if number else 0.0
        is_label = bool(row[0] and above and above[0]) and (_is_alone(above) or _is_alone(row))
        if is_label and _goes_on(above[0][-1], row[0][0], gap, usual):
            whole[-1] = [above[0] + row[0], *(row if _is_alone(above) else above)[1:]]
        elif number and gap < 0 and above[0] and not row[0] and _is_alone(above):
            whole[-1] = [above[0], *row[1:]]  # its amounts stand half a line lower
        else:
            whole.append(row)
    return whole


def _goes_on(above: Line, below: Line, gap: float, usual: float) -> bool:
    """Whether a label's second line follows: it begins small, or stands closer below than rows do."""
    if gap > max(usual, 0.3 * below.height):
        return False
    is_tight = gap < usual - _TIGHT * below.height and abs(below.box[0] - above.box[0]) < 2 * below.height
    return above.hyphen or below.text[:1].islower() or is_tight


def _is_alone(row: Sequence[Cell]) -> bool:
    return not any(row[1:])


def _as_one(found: Sequence[Line | Table]) -> list[Line | Table]:
    """Tables that touch each other are one: its head may have rules and its body none."""
    whole: list[Line | Table] = []
    for item in found:
        above = whole[-1] if whole else None
        if isinstance(item, Table) and isinstance(above, Table) and _touch(above, item):
            whole[-1] = Table(above.rows + item.rows, union((above.box, item.box)))
        else:
            whole.append(item)
    return whole


def _touch(above: Table, below: Table) -> bool:
    height = next(line.height for row in below.rows for cell in row for line in cell)
    overlap = min(above.box[2], below.box[2]) - max(above.box[0], below.box[0])
    narrower = min(above.box[2] - above.box[0], below.box[2] - below.box[0])
    return abs(below.box[1] - above.box[3]) < height and overlap > 0.8 * narrower


def _box(cell: Cell) -> Box:
    return cell[0].box if len(cell) == 1 else union([line.box for line in cell])
