"""Which lines of a PDF are headings, and of which level: by the outline, else by size and weight."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ingestion.parsers.pdf.lines import Line

Outline = Mapping[tuple[int, str], int]
"""Level of each entry by its page and its letters (see `letters`)."""

_LARGER = 1.15  # times the body's size
_LONGEST = 200  # characters
_STEP = 0.75  # points between two sizes that are told apart
_DEEPEST = 6

_NOT_LETTERS = re.compile(r"[\W_]+")
_NO_HEADING = re.compile(r"[(（].*[)）]|[•·▪◦‣●○■□–—*-].*|.{60,}[:：]")


@dataclass(frozen=True, slots=True)
class Headings:
    """Levels by style: those that the outline tells for some headings hold for all that look the same."""

    body: float
    outline: Outline
    levels: Mapping[tuple[float, bool], int]

    def level(self, lines: Sequence[Line]) -> int:
        """The level of a paragraph as a heading; 0 where it is none."""
        entry = self._entry(lines)
        if entry or not is_like_heading(lines, self.body):
            return entry
        return self.levels.get(_style(lines, self.body), 0)

    def _entry(self, lines: Sequence[Line]) -> int:
        if not self.outline or len(lines) > 3:
            return 0
        return self.outline.get((lines[0].page, letters(_text(lines))), 0)


def letters(text: str) -> str:
    """What of a title is compared: letters and digits, in one case."""
    return _NOT_LETTERS.sub("", text).casefold()


def body_size(lines: Iterable[Line]) -> float:
    """The size in which most of the document is set."""
    sizes: Counter[float] = Counter()
    for line in lines:
        sizes[round(line.size * 2) / 2] += len(line.text)
    return max(sizes, key=lambda size: sizes[size], default=0.0)


def headings(paragraphs: Sequence[Sequence[Line]], body: float, outline: Outline) -> Headings:
    """The levels of this document's headings: the outline's where it has them, else by rank of the size."""
    plain = Headings(body, outline, {})
    told: dict[tuple[float, bool], Counter[int]] = defaultdict(Counter)
    styles: set[tuple[float, bool]] = set()
    for lines in paragraphs:
        level = plain.level(lines)
        if level:
            told[_style(lines, body)][level] += 1
        elif is_like_heading(lines, body):
            styles.add(_style(lines, body))
    levels: dict[tuple[float, bool], int] = {style: counts.most_common(1)[0][0] for style, counts in told.items()}
    above, last = 0, float("inf")
    for style in sorted(styles | levels.keys(), key=lambda style: (-style[0], not style[1])):
        if style not in levels:
            is_new = not above or last - style[0] >= _STEP or style[0] <= _LARGER * body
            levels[style] = min(above + 1 if is_new else above, _DEEPEST)
        above, last = max(above, levels[style]), style[0]
    return Headings(body, outline, levels)


def is_like_heading(lines: Sequence[Line], body: float) -> bool:
    """Whether a paragraph stands out as a title does: short, with letters, larger than the body or bold throughout."""
    text, line = _text(lines), lines[0]
    if len(text) > _LONGEST or _NO_HEADING.fullmatch(text) or not any(sign.isalpha() for sign in text):
        return False
    if line.size >= _LARGER * body > 0:
        return len(lines) <= 3 and not text.endswith((",", ";"))
    return line.bold and len(lines) <= 2 and not text.endswith((".", ",", ";", "。"))


def _style(lines: Sequence[Line], body: float) -> tuple[float, bool]:
    """Size, to the half point, and weight; all that is no larger than the body is one style, and so is its weight."""
    size = lines[0].size
    return (round(size * 2) / 2, False) if size >= _LARGER * body > 0 else (round(body * 2) / 2, lines[0].bold)


def _text(lines: Sequence[Line]) -> str:
    return " ".join(line.text for line in lines)
