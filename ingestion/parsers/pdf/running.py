"""Running headers, footers and page numbers: what stands at the same place of many pages, page numbers aside."""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from ingestion.parsers.pdf.lines import Line

_ZONE = 0.2  # of the page's height, at the top and at the bottom
_ROWS = 5  # from the page's edge inwards
_SAME_PLACE = 5.0  # points up or down
_LEAST, _MOST = 3, 10  # pages on which a line must stand
_SHARE = 0.05  # of the pages, between those two
_LEAST_NUMBERS = 2
_MOST_VALUES = 6  # in a line that may be a header: a table's row has more
_LONGEST_NUMBER = 5  # digits

_DIGITS = re.compile(r"\d+")
_NO_WORD = re.compile(r"[\W_]+")
_PAGE_NUMBER = re.compile(r"([a-z]?)([0-9]{1,5})")
_ROMAN = re.compile(r"m{0,3}(?:cm|cd|d?c{0,3})(?:xc|xl|l?x{0,3})(?:ix|iv|v?i{0,3})")
_ROMAN_DIGITS = {"i": 1, "v": 5, "x": 10, "l": 50, "c": 100, "d": 500, "m": 1000}


@dataclass(frozen=True, slots=True)
class PageLines:
    """A page's number, height and lines, as the page writes them."""

    number: int
    height: float
    lines: Sequence[Line]


@dataclass(frozen=True, slots=True)
class _Edge:
    """One of a page's outermost lines, and how far from the edge it stands; `rank` counts rows from there."""

    page: int
    place: int
    distance: float
    rank: int
    text: str
    is_near: bool


def running_lines(pages: Sequence[PageLines]) -> dict[int, set[int]]:
    """By page, the places of its lines that only run along: never one with body text further out."""
    needed = max(_LEAST, min(_MOST, round(_SHARE * len(pages))))
    found: dict[int, set[int]] = defaultdict(set)
    for at_top in (True, False):
        edges = [edge for page in pages for edge in _edges(page, at_top=at_top)]
        numbers = _numbers(edges, needed)
        repeated = _repeated(edges, needed)
        for page, here in groupby(edges, key=lambda edge: edge.page):
            found[page] |= _along(list(here), repeated[page] | numbers[page], numbers[page])
    return found


def _along(edges: Sequence[_Edge], repeated: set[int], numbers: set[int]) -> set[int]:
    """The lines of one page's edge that only run along: whole rows, up to the first that is body text.

    Where no row is, the page is one of many that are all alike, and its text is body text too.
    """
    found: set[int] = set()
    for rank, group in groupby(edges, key=lambda edge: edge.rank):
        row = list(group)
        places = {edge.place for edge in row}
        if not places <= repeated:
            return found | (places & numbers)
        if all(edge.is_near for edge in row):
            found |= places
        elif rank == 0:
            found |= places & numbers
    return found if edges[-1].rank < _ROWS - 1 else found & numbers


def _edges(page: PageLines, *, at_top: bool) -> Iterator[_Edge]:
    """The lines of the outermost rows, from the page's edge inwards."""
    zone = _ZONE * page.height
    distances = [(line.box[1] if at_top else page.height - line.box[3], place) for place, line in enumerate(page.lines)]
    rank, reached = -1, float("-inf")
    for distance, place in sorted(distances):
        line = page.lines[place]
        if distance > reached - 0.5 * line.height:
            rank += 1
            reached = distance + line.height
        if rank >= _ROWS:
            return
        yield _Edge(page.number, place, distance, rank, line.text, distance <= zone)


def _repeated(edges: Sequence[_Edge], needed: int) -> dict[int, set[int]]:
    """By page, those whose words stand at the same height of as many pages; a number in them may count the pages."""
    alike: dict[object, list[_Edge]] = defaultdict(list)
    for edge in edges:
        parts = _DIGITS.split(_NO_WORD.sub("", edge.text).casefold())
        if not any(parts):
            continue
        values = _DIGITS.findall(edge.text)
        alike[tuple(parts), tuple(values)].append(edge)
        for place, value in enumerate(values if len(values) <= _MOST_VALUES else ()):
            if len(value) <= _LONGEST_NUMBER:
                others = (*values[:place], None, *values[place + 1 :])
                alike[tuple(parts), others, int(value) - edge.page].append(edge)
    found: dict[int, set[int]] = defaultdict(set)
    for group in alike.values():
        _add_levels(found, group, needed)
    return found


def _numbers(edges: Sequence[_Edge], needed: int) -> dict[int, set[int]]:
    """By page, those that are a number and count up with the pages: at one height, or at the very edge of many."""
    counted: dict[tuple[str, int], list[_Edge]] = defaultdict(list)
    for edge in edges:
        numbered = _number(edge.text)
        if numbered is not None:
            chapter, value = numbered
            counted[chapter, value - edge.page].append(edge)
    found: dict[int, set[int]] = defaultdict(set)
    for group in counted.values():
        _add_levels(found, group, _LEAST_NUMBERS)
        outermost = [edge for edge in group if edge.rank == 0]
        if len({edge.page for edge in outermost}) >= needed:
            for edge in outermost:
                found[edge.page].add(edge.place)
    return found


def _add_levels(found: dict[int, set[int]], edges: Sequence[_Edge], needed: int) -> None:
    for level in _levels(edges):
        if len({edge.page for edge in level}) >= needed:
            for edge in level:
                found[edge.page].add(edge.place)


def _number(text: str) -> tuple[str, int] | None:
    """The chapter's letter, if any, and the page number that a line may be, in digits or Roman numerals."""
    word = _NO_WORD.sub("", text).casefold()
    plain = _PAGE_NUMBER.fullmatch(word)
    if plain is not None:
        return plain[1], int(plain[2])
    if word and _ROMAN.fullmatch(word):
        values = [_ROMAN_DIGITS[sign] for sign in word]
        return "", sum(-here if here < after else here for here, after in zip(values, [*values[1:], 0], strict=True))
    return None


def _levels(edges: Sequence[_Edge]) -> Iterator[list[_Edge]]:
    """The lines in groups that stand at one height."""
    level: list[_Edge] = []
    for edge in sorted(edges, key=lambda each: each.distance):
        if level and edge.distance - level[0].distance > _SAME_PLACE:
            yield level
            level = []
        level.append(edge)
    if level:
        yield level
