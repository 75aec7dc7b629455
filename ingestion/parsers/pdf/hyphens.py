"""Hyphens at the ends of a PDF's lines: a word's own, or the line end's. What a document does elsewhere tells."""

import re
from collections import Counter
from collections.abc import Container, Sequence
from dataclasses import dataclass
from itertools import pairwise

from ingestion.normalize import hyphen_joint
from ingestion.parsers.pdf.lines import Line

_WORDS = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
_BROKEN_WORD = re.compile(r"[^\W\d_]-$")


@dataclass(frozen=True, slots=True)
class Hyphens:
    """What a document tells: the words that stand whole in it, and what joins the parts of those that do not."""

    words: Container[str] = ()
    usual: str = ""

    def joint(self, left: str, right: str) -> str:
        """What stands between the parts of a word, the left of which comes without its hyphen."""
        return hyphen_joint(left, right, self.words, self.usual)


def stem(above: Line, below: Line) -> str | None:
    """The line above without the hyphen at its end, where that parts a word."""
    if above.hyphen:
        return above.text
    is_broken = _BROKEN_WORD.search(above.text) is not None and below.text[:1].islower()
    return above.text[:-1] if is_broken else None


def hyphens(paragraphs: Sequence[Sequence[Line]]) -> Hyphens:
    """Learned from a document's paragraphs and cells.

    Some documents part words at line ends, others end lines after a word's own hyphen alone: the broken words that
    stand elsewhere, too, tell which. What holds for most of them is done with those that do not, as far as these are no
    more: a letter that says «well-known» twice has told nothing of the ten other words that it breaks.
    """
    lines = [line for paragraph in paragraphs for line in paragraph]
    if not any(line.hyphen or line.text.endswith("-") for line in lines):
        return Hyphens()
    words = {word for line in lines for word in _WORDS.findall(line.text.lower())}
    seen: Counter[str] = Counter()
    for paragraph in paragraphs:
        for above, below in pairwise(paragraph):
            left = stem(above, below)
            if left is not None and below.text[0].islower():
                seen[hyphen_joint(left, below.text, words, "unknown")] += 1
    keeps = seen["-"] > seen[""] and seen["-"] >= seen["unknown"]
    return Hyphens(words, "-" if keeps else "")
