"""Tables that a PDF page draws with rules: the grid, and which lines stand in which of its cells."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from ingestion.parsers.pdf.drawn import Floats
from ingestion.parsers.pdf.lines import RIGHT_TO_LEFT, Line, union
from ingestion.parsers.pdf.rows import Cell, Table

_TOUCH = 3.0  # points between two rules that meet
_MOST_RULES = 1200
_MOST_CELLS = 4000
_WIDEST_CELL = 1500  # characters: more is a page's layout, not a table's cell
_SMALLEST_CELL = 4.0  # points


def ruled_tables(lines: Sequence[Line], across: Floats, down: Floats) -> list[tuple[frozenset[int], Table]]:
    """Each ruled table with the places of the lines that stand in it."""
    found: list[tuple[frozenset[int], Table]] = []
    if len(down) < 2 or len(across) < 2 or len(across) + len(down) > _MOST_RULES or not lines:
        return found
    middles = [_middle(line) for line in lines]
    taken: set[int] = set()
    for levels, uprights in _grids(across, down):
        xs, ys = _edges(levels, uprights)
        if len(xs) < 3 or len(ys) < 3 or len(xs) * len(ys) > _MOST_CELLS:
            continue
        places = [
            place
            for place, (x, y) in enumerate(middles)
            if xs[0] < x < xs[-1] and ys[0] < y < ys[-1] and place not in taken
        ]
        table = _table([lines[place] for place in places], xs, ys, levels, uprights)
        if table is not None:
            taken.update(places)
            found.append((frozenset(places), table))
    return found


def _grids(across: Floats, down: Floats) -> Iterator[tuple[Floats, Floats]]:
    """The rules in groups that hang together."""
    crossing = (
        (across[:, None, 0] <= down[None, :, 2] + _TOUCH)
        & (across[:, None, 2] >= down[None, :, 0] - _TOUCH)
        & (across[:, None, 3] >= down[None, :, 1] - _TOUCH)
        & (across[:, None, 1] <= down[None, :, 3] + _TOUCH)
    )
    seen: set[int] = set()
    for first in np.flatnonzero(crossing.any(axis=1)).tolist():
        if first in seen:
            continue
        levels, edge = {first}, [first]
        uprights: set[int] = set()
        while edge:
            uprights |= set(np.flatnonzero(crossing[edge].any(axis=0)).tolist())
            met: set[int] = set(np.flatnonzero(crossing[:, sorted(uprights)].any(axis=1)).tolist())
            edge = sorted(met - levels)
            levels |= met
        seen |= levels
        if len(levels) >= 2:
            yield across[sorted(levels)], down[sorted(uprights)]


def _edges(levels: Floats, uprights: Floats) -> tuple[list[float], list[float]]:
    """Where columns and rows part; outer borders that are not drawn stand where the level rules end."""
    xs = _clustered((uprights[:, 0] + uprights[:, 2]) / 2)
    ys = _clustered((levels[:, 1] + levels[:, 3]) / 2)
    left, right = float(levels[:, 0].min()), float(levels[:, 2].max())
    if left < xs[0] - 4 * _TOUCH:
        xs.insert(0, left)
    if right > xs[-1] + 4 * _TOUCH:
        xs.append(right)
    return xs, ys


def _clustered(values: NDArray[np.float64]) -> list[float]:
    clusters: list[list[float]] = []
    for value in sorted(values.tolist()):
        if clusters and value - clusters[-1][-1] < _SMALLEST_CELL:
            clusters[-1].append(value)
        else:
            clusters.append([value])
    return [sum(cluster) / len(cluster) for cluster in clusters]


def _table(
    lines: Sequence[Line],
    xs: Sequence[float],
    ys: Sequence[float],
    levels: Floats,
    uprights: Floats,
) -> Table | None:
    """The lines in their cells; none where it is no table but a frame, a form's boxes or a page's layout."""
    to_left, to_top = _openings(xs, ys, levels, uprights)
    cells: dict[tuple[int, int], list[Line]] = {}
    for line in lines:
        x, y = _middle(line)
        row, column = bisect_right(ys, y) - 1, bisect_right(xs, x) - 1
        while column > 0 and to_left[row, column]:
            column -= 1
        while row > 0 and to_top[row, column]:
            row -= 1
        cells.setdefault((row, column), []).append(line)
    if any(sum(len(line.text) for line in cell) > _WIDEST_CELL for cell in cells.values()):
        return None
    columns = sorted({column for _, column in cells})
    rows = [
        [tuple(cells.get((row, column), ())) for column in columns]
        for row, _ in groupby(sorted(cells), key=lambda place: place[0])
    ]
    if sum(sum(map(bool, row)) >= 2 for row in rows) < 2:
        return None
    if any(RIGHT_TO_LEFT.search(line.text) for line in lines):
        rows = [row[::-1] for row in rows]
    split = [tuple(part) for row in rows for part in _split(row)]
    return Table(tuple(split), union([line.box for line in lines]))


def _middle(line: Line) -> tuple[float, float]:
    return (line.box[0] + line.box[2]) / 2, (line.box[1] + line.box[3]) / 2


def _openings(
    xs: Sequence[float], ys: Sequence[float], levels: Floats, uprights: Floats
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which cells are open to the one on their left, and to the one above: no rule stands between."""
    to_left = np.ones((len(ys) - 1, len(xs) - 1), dtype=np.bool_)
    to_top = np.ones((len(ys) - 1, len(xs) - 1), dtype=np.bool_)
    across = (np.array(xs[:-1]) + np.array(xs[1:])) / 2
    down = (np.array(ys[:-1]) + np.array(ys[1:])) / 2
    for column, x in enumerate(xs[:-1]):
        near = uprights[np.abs((uprights[:, 0] + uprights[:, 2]) / 2 - x) < _SMALLEST_CELL]
        to_left[:, column] = ~((near[:, None, 1] <= down) & (near[:, None, 3] >= down)).any(axis=0)
    for row, y in enumerate(ys[:-1]):
        near = levels[np.abs((levels[:, 1] + levels[:, 3]) / 2 - y) < _SMALLEST_CELL]
        to_top[row] = ~((near[:, None, 0] <= across) & (near[:, None, 2] >= across)).any(axis=0)
    return to_left, to_top


def _split(row: Sequence[Cell]) -> Iterator[Sequence[Cell]]:
    """The rows in a row without rules between them: as many lines in each cell, side by side."""
    filled = [sorted(cell, key=lambda line: line.box[1]) for cell in row if cell]
    count = len(filled[0])
    is_split = count > 1 and len(filled) > 1 and all(len(cell) == count for cell in filled)
    if not is_split or not all(_is_level([cell[number] for cell in filled]) for number in range(count)):
        yield row
        return
    ordered = [sorted(cell, key=lambda line: line.box[1]) for cell in row]
    for number in range(count):
        yield [(cell[number],) if cell else () for cell in ordered]


def _is_level(lines: Sequence[Line]) -> bool:
    return max(line.box[1] for line in lines) - min(line.box[1] for line in lines) < 0.4 * lines[0].height
