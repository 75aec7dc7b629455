"""A PDF page's characters → PDFium's lines, and where a wide gap or a rule parts them; all of a page at once."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

import numpy as np
from numpy.typing import NDArray

from ingestion.parsers.pdf.characters import HYPHENS, LINE_ENDS, Characters
from ingestion.parsers.pdf.drawn import Floats
from retrieval.types import Box

CELL_GAP = 1.2  # in line heights; spaces of justified text stay below
WORD_GAP = 0.12
CURRENCIES = tuple(map(ord, "$€£¥₩₹"))
AMOUNT_ENDS = tuple(map(ord, "0123456789%)—–"))
RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")

Flags = NDArray[np.bool_]
Places = NDArray[np.intp]
Part = tuple[int, int, Box]
"""Where in `inked` it starts and ends, and the box around it."""


@dataclass(frozen=True, slots=True)
class Span:
    """One of PDFium's lines: the height of its letters, and its parts."""

    height: float
    parts: Sequence[Part]


def spans(characters: Characters, text: str, rules: Floats) -> list[Span]:
    """The lines of a page that says `text`; a gap that a rule stands in parts one.

    A line ends where PDFium says so, and where the pen goes back and down.
    """
    boxes = characters.boxes[characters.inked]
    starts = _starts(characters, boxes)
    heights = _heights(boxes, starts)
    is_rtl = _is_rtl(characters, text, starts)
    cuts = np.flatnonzero(_cuts(characters, boxes, starts, heights, rules, is_rtl)) + 1
    edges = np.union1d(starts, cuts)
    parts = _parts(boxes, edges)
    firsts = [*np.searchsorted(edges, starts).tolist(), len(parts)]
    return [Span(height, parts[slice(*both)]) for height, both in zip(heights.tolist(), pairwise(firsts), strict=True)]


def _parts(boxes: Floats, edges: Places) -> list[Part]:
    sides = np.minimum.reduceat(boxes, edges)
    sides[:, 2:] = np.maximum.reduceat(boxes[:, 2:], edges)
    ends = [*edges[1:].tolist(), len(boxes)]
    return [
        (start, end, (x0, y0, x1, y1))
        for start, end, (x0, y0, x1, y1) in zip(edges.tolist(), ends, sides.tolist(), strict=True)
    ]


def _starts(characters: Characters, boxes: Floats) -> Places:
    codes = characters.codes
    is_end = (codes == LINE_ENDS[0]) | (codes == LINE_ENDS[1]) | (codes == HYPHENS[0]) | (codes == HYPHENS[1])
    heights = boxes[:, 3] - boxes[:, 1]
    middles = (boxes[:, 1] + boxes[:, 3]) / 2
    went_down = np.abs(np.diff(middles)) > 0.7 * np.maximum(heights[1:], heights[:-1])
    went_back = np.diff(boxes[:, 0]) < -2 * heights[1:]
    is_next = np.diff(np.cumsum(is_end)[characters.inked]) != 0
    return np.flatnonzero(np.concatenate(([True], is_next | (went_down & went_back))))


def _heights(boxes: Floats, starts: Places) -> Floats:
    """The median in each span, 1 where that is nought."""
    each = boxes[:, 3] - boxes[:, 1]
    heights = np.minimum.reduceat(each, starts)
    ends = [*starts[1:].tolist(), len(each)]
    for span in np.flatnonzero(heights != np.maximum.reduceat(each, starts)).tolist():
        heights[span] = median(each[starts[span] : ends[span]].tolist())
    heights[heights == 0] = 1.0
    return heights


def _is_rtl(characters: Characters, text: str, starts: Places) -> Flags:
    if text.isascii():
        return np.zeros(len(starts), dtype=np.bool_)
    firsts, lasts = characters.inked[starts].tolist(), characters.inked[np.append(starts[1:], 0) - 1].tolist()
    found = (RIGHT_TO_LEFT.search(text, first, last + 1) for first, last in zip(firsts, lasts, strict=True))
    return np.array([each is not None for each in found])


def _cuts(
    characters: Characters, boxes: Floats, starts: Places, heights: Floats, rules: Floats, is_rtl: Flags
) -> Flags:
    """After which characters a gap is wider than between words, or holds a rule that goes through the line.

    In lines that run right to left a number is written left to right, so that the pen jumps over it: there, a gap is
    one that no character of the line stands in.
    """
    span_of = np.repeat(np.arange(len(starts)), np.diff(starts, append=len(boxes)))
    height, is_inside, is_turned = heights[span_of[1:]], span_of[1:] == span_of[:-1], is_rtl[span_of[1:]]
    lefts, rights = boxes[1:, 0], boxes[:-1, 2]
    if is_turned.any():
        lefts = np.where(is_turned, np.maximum(lefts, boxes[:-1, 0]), lefts)
        rights = np.where(is_turned, np.minimum(boxes[1:, 2], rights), rights)
    gaps = lefts - rights
    opens = _opens_amount(characters.codes[characters.inked])
    is_cut = is_inside & ((gaps > CELL_GAP * height) | ((gaps > WORD_GAP * height) & opens))
    if len(rules):
        tops, bottoms = np.minimum.reduceat(boxes[:, 1], starts), np.maximum.reduceat(boxes[:, 3], starts)
        through = (rules[:, 1] < (tops + 0.3 * heights)[:, None]) & (rules[:, 3] > (bottoms - 0.3 * heights)[:, None])
        is_crossed = np.any(through, axis=1)[span_of[1:]]
        wide = np.flatnonzero(is_inside & (gaps > 0.1 * height) & ~is_cut & is_crossed)
        x = (rules[:, 0] + rules[:, 2]) / 2
        holds = (rights[wide, None] <= x + 0.5) & (x - 0.5 <= lefts[wide, None]) & through[span_of[wide]]
        is_cut[wide] = holds.any(axis=1)
    for place in np.flatnonzero(is_cut & is_turned).tolist():
        middle = (lefts[place] + rights[place]) / 2
        line = boxes[span_of == span_of[place]]
        is_cut[place] = not ((line[:, 0] < middle) & (line[:, 2] > middle)).any()
    return is_cut


def _opens_amount(codes: NDArray[np.uint32]) -> Flags:
    """Where a sign of currency follows an amount: in a table set that tightly, the next column."""
    opens = np.zeros(max(len(codes) - 1, 0), dtype=np.bool_)
    for sign in CURRENCIES:
        opens |= codes[1:] == sign
    places = np.flatnonzero(opens)
    opens[places] = np.isin(codes[places], AMOUNT_ENDS)
    return opens
