"""Rows of a PDF page → tables, found by cells that stand below each other: no rules needed."""

from collections.abc import Sequence
from itertools import pairwise
from statistics import median

from ingestion.parsers.pdf_lines import Line, union
from ingestion.parsers.pdf_rows import Item, Row, Table, flat

_ROW_GAP = 2.5  # in line heights
_HEADING_GAP = 1.0
_LARGER = 1.15
_WIDE = 0.7  # of the page's text width: a line without cells and this wide is prose, not a row
_BETWEEN = 4  # lines without cells between two rows: a section's name, or a label of some lines
_MODELS = 5

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
        found += _told(rows, width)
        rows = []
        found.append(item)
    return found + _told(rows, width)


def _told(rows: Sequence[Row], width: float) -> list[Line | Table]:
    found: list[Line | Table] = []
    start = 0
    free = 0  # before this row, all is told
    while start < len(rows):
        end = _table_end(rows, start, width)
        if end > start:
            first = _with_heads(rows, free, start, end)
            del found[len(found) - (start - first) :]
            found.append(_table(rows[first:end]))
            start = free = end
        else:
            found.append(flat(rows[start]))
            start += 1
    return found


def _table_end(rows: Sequence[Row], start: int, width: float) -> int:
    """Where the table that begins at `start` ends; `start` itself if there is none."""
    if len(rows[start].lines) < 2:
        return start
    count, end = 1, start + 1
    label_end = rows[start].lines[1].box[0]
    for number in range(start + 1, len(rows)):
        above, row = rows[number - 1], rows[number]
        gap = row.box[1] - above.box[3]
        if gap > _ROW_GAP * above.height or gap < -1.5 * above.height:
            break
        if len(row.lines) >= 2:
            count, end = count + 1, number + 1
            label_end = min(label_end, row.lines[1].box[0])
        elif number - end >= _BETWEEN or not _is_between(above, row, label_end, width):
            break
    return end if count >= 2 else start


def _is_between(above: Row, row: Row, label_end: float, width: float) -> bool:
    """Whether a row of one line may stand in a table: in the column of labels, or over columns to its right."""
    line, height = row.lines[0], above.height
    gap = row.box[1] - above.box[3]
    if line.size > _LARGER * above.lines[0].size or (line.bold and gap > _HEADING_GAP * height):
        return False
    if line.box[2] - line.box[0] > _WIDE * width:
        return False
    return line.box[2] <= label_end or line.box[0] >= label_end


def _with_heads(rows: Sequence[Row], free: int, start: int, end: int) -> int:
    """Where the table begins with what stands over its right-hand columns, as "Years ended December 31" does."""
    label_end = min(row.lines[1].box[0] for row in rows[start:end] if len(row.lines) > 1)
    left, right = min(row.box[0] for row in rows[start:end]), max(row.box[2] for row in rows[start:end])
    first = start
    while first > free:
        row, gap = rows[first - 1], rows[first].box[1] - rows[first - 1].box[3]
        is_over = row.box[0] > max(left, label_end - 4 * row.height) + 2 * row.height
        if len(row.lines) > 1 or not is_over or row.box[2] > right + row.height or abs(gap) > row.height:
            break
        first -= 1
    return first


def _table(rows: Sequence[Row]) -> Table:
    """The rows as cells in columns: a cell that is missing is empty, a label of several lines is one cell."""
    columns = _columns(rows)
    placed = [_placed(row, columns) for row in rows]
    if any(cells is None for cells in placed):
        placed = [[(line,) for line in row.lines] for row in rows]
    cells = _with_whole_labels([row for row in placed if row is not None], rows)
    return Table(tuple(tuple(row) for row in cells), union([row.box for row in rows]))


def _columns(rows: Sequence[Row]) -> list[Span]:
    """The columns' spans: of cells that stand over one column only, those over several tell nothing."""
    most = max(len(row.lines) for row in rows)
    models = [row for row in rows if len(row.lines) == most][:_MODELS]
    spans = sorted(
        (line.box[0], line.box[2])
        for row in rows
        if len(row.lines) > 1
        for line in row.lines
        if not any(_is_over_several(line, model) for model in models)
    )
    columns: list[Span] = []
    for left, right in spans:
        if columns and left < columns[-1][1]:
            columns[-1] = (columns[-1][0], max(columns[-1][1], right))
        else:
            columns.append((left, right))
    return columns


def _is_over_several(line: Line, model: Row) -> bool:
    return sum(line.box[0] < other.box[2] and other.box[0] < line.box[2] for other in model.lines) > 1


def _placed(row: Row, columns: Sequence[Span]) -> list[tuple[Line, ...]] | None:
    """The row's lines in their columns; none where two would share one."""
    cells: list[tuple[Line, ...]] = [()] * len(columns)
    for line in row.lines:
        over = [n for n, (left, right) in enumerate(columns) if line.box[0] < right and left < line.box[2]]
        place = over[0] if over else min(range(len(columns)), key=lambda n: abs(columns[n][0] - line.box[0]))
        if cells[place]:
            return None
        cells[place] = (line,)
    return cells


def _with_whole_labels(cells: Sequence[list[tuple[Line, ...]]], rows: Sequence[Row]) -> list[list[tuple[Line, ...]]]:
    """Rows whose label goes on below: the line before, or after, that holds nothing but its other part."""
    pitch = median([below.box[1] - above.box[1] for above, below in pairwise(rows)])
    whole: list[list[tuple[Line, ...]]] = []
    for number, row in enumerate(cells):
        above = whole[-1] if whole else []
        is_close = number > 0 and rows[number].box[1] - rows[number - 1].box[1] <= 1.3 * pitch
        goes_on = is_close and bool(row[0] and above and above[0]) and row[0][0].text[:1].islower()
        if goes_on and (_alone(above) or _alone(row)):
            whole[-1] = [above[0] + row[0], *(row if _alone(above) else above)[1:]]
        else:
            whole.append(row)
    return whole


def _alone(row: Sequence[tuple[Line, ...]]) -> bool:
    return not any(row[1:])
