"""Which rows of a table tell its columns, so that rows that are cut off from them can be read."""

import re

_MOST_ROWS = 3  # of which the last tells the columns; those before are titles, of one cell each
_FIGURE = re.compile(r"[(+\-–—]?\s*[$€£¥]?\s*\d[\d,.\s]*%?\)?|[-–—]|[$€£¥%]")
_YEAR = re.compile(r"(?:19|20)\d\d")


def data_start(table: str) -> int:
    """Where the rows begin that the title rows and the row of heads stand above, in code points; 0 without heads.

    A first full row with figures in it is no row of heads. Years are heads, other numbers are figures.
    """
    start = 0
    for _ in range(_MOST_ROWS):
        end = table.find("\n", start)
        if end < 0:
            return 0
        cells = [cell for cell in map(str.strip, table[start:end].split("|")) if cell]
        start = end + 1
        if len(cells) > 1:
            return 0 if any(map(_is_figure, cells)) else start
    return 0


def _is_figure(cell: str) -> bool:
    return _FIGURE.fullmatch(cell) is not None and not _YEAR.fullmatch(cell)
