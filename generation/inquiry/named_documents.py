"""Questions about several documents that they call by their titles, as «Does the Oslo or the Bergen handbook …».

Each document is asked for by itself and has a sentence of its own in the answer; else the one that speaks most of the
matter has them all. (`retrieval.naming` brings a document forward that a query names; here it has to be sure of two.)
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

from generation.language import HAN
from generation.wording import content_terms
from retrieval.chinese import HAN_SIGNS

MOST = 4  # documents of one question; each costs a search
_WORD = re.compile(rf"[^\W{HAN_SIGNS}]+(?:['’][^\W{HAN_SIGNS}]+)*|[{HAN_SIGNS}]")
_POSSESSIVE = re.compile(r"['’]s\Z")
_BESIDE = re.compile(r"\b(?:and|or|vs|versus|with|to|than|from)\b|[,&/、和与與跟或及]", re.IGNORECASE)
_BETWEEN = 80  # characters from one name to the next, as in «Oslo in 2023 and Bergen in 2024»
_LEFT = 2  # terms that a search asks for without the proper nouns of its question, or it keeps them
_NAME = "\0"  # stands for a name while an opening is looked for
_OPENING = re.compile(
    rf"\A\W*(?:(?:according to|as per|based on|in|under)\b|[根依]?[据據]|按照)[^{_NAME},，?？\d]*{_NAME}"
    rf"(?:[^{_NAME}?？\d]*{_NAME})*[^{_NAME},，:：?？\d]*[,，:：]\s*(?=\S)",
    re.IGNORECASE,
)

_Words: TypeAlias = Sequence[tuple[str, int, int]]


@dataclass(frozen=True, slots=True)
class Named:
    """A title that a question says word by word, and where it stands in it."""

    title: str
    start: int
    end: int


def named_side_by_side(question: str, titles: Iterable[str]) -> list[Named]:
    """The titles that the question names beside each other, in its order: two to `MOST`, or none.

    Each stands in it whole and with its capitals, for «get started» is nobody's name; of two that overlap the longer.
    """
    said = _words(question)
    found = [one for title in dict.fromkeys(titles) if (one := _found(title, said)) is not None]
    apart: list[Named] = []
    for one in sorted(found, key=lambda each: (each.start - each.end, each.start)):
        if all(one.end <= other.start or other.end <= one.start for other in apart):
            apart.append(one)
    apart.sort(key=lambda each: each.start)
    gaps = [question[one.end : other.start] for one, other in pairwise(apart)]
    together = all(len(gap) <= _BETWEEN and _BESIDE.search(gap) is not None for gap in gaps)
    return apart if together and 2 <= len(apart) <= MOST else []


def without_names(question: str, named: Sequence[Named]) -> str:
    """The question without the names: what is asked of each document.

    With them goes an opening that says no more than where to look, as «According to the rules of Oslo and Bergen, …».
    """
    parts: list[str] = []
    at = 0
    for one in named:
        parts.append(question[at : one.start])
        at = one.end
    asked = _OPENING.sub("", _NAME.join([*parts, question[at:]]))
    return " ".join(asked.replace(_NAME, "").split())


def without_proper_nouns(asked: str) -> str:
    """What is asked of a document, for a search within it: a judgment has the names of its parties all over.

    Abbreviations stay, and so does everything where too few terms would be left.
    """
    rest: list[str] = []
    at = 0
    for word in list(_WORD.finditer(asked))[1:]:
        if word[0][0].isupper() and (len(word[0]) == 1 or not word[0].isupper()):
            rest.append(asked[at : word.start()])
            at = word.end()
    sought = " ".join("".join([*rest, asked[at:]]).split())
    return sought if len(content_terms(sought)) >= _LEFT else asked


def _found(title: str, said: _Words) -> Named | None:
    wanted = [word for word, _, _ in _words(title)]
    if not any(word[0].isupper() or HAN.match(word) for word in wanted):
        return None
    for at in range(len(said) - len(wanted) + 1):
        run = said[at : at + len(wanted)]
        if all(map(_agrees, wanted, (word for word, _, _ in run))):
            return Named(title, run[0][1], run[-1][2])
    return None


def _agrees(wanted: str, word: str) -> bool:
    return wanted.lower() == word.lower() and (word[0].isupper() or not wanted[0].isupper())


def _words(text: str) -> _Words:
    """Words, single characters of Chinese, and where they stand."""
    return [(_POSSESSIVE.sub("", match[0]), match.start(), match.end()) for match in _WORD.finditer(text)]
