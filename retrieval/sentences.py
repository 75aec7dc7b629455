"""Where sentences begin and end, in English, Chinese and alike; used for chunks and for answers, so both agree."""

import re
from collections.abc import Iterator

from retrieval.types import Span

_ABBREVIATIONS = frozenset(
    re.findall(
        r"\S+",
        "mr mrs ms dr prof st jr sr vs etc e.g i.e cf al fig figs no nos vol pp p eq sec inc ltd co corp dept approx "
        "est jan feb mar apr jun jul aug sep sept oct nov dec u.s u.k a.m p.m ph.d",
    )
)
_MAY_END_A_SENTENCE = frozenset({"no", "etc", "inc", "ltd", "corp", "co", "a.m", "p.m", "al", "u.s", "u.k"})

# A full stop ends a sentence only before white space; CJK marks end one anywhere; an empty line or a list item always.
# Reference marks right behind the end, as in «It rose.[2] It fell.», belong to the sentence.
_BOUNDARY = re.compile(
    r"(?P<cjk>(?:[。！？；]+|…{2,})[」』”’）》】\"']*(?:\[\d{1,3}\])*)"
    r"|(?P<latin>[.!?]+[\"'”’)\]]*(?:\[\d{1,3}\])*)(?=\s|$)"
    r"|(?P<gap>\n[ \t]*\n\s*|\n(?=\s*(?:[-*•‣·]|\d{1,3}[.)])\s))"
)
_LAST_WORD = re.compile(r"[\w.]+\Z")
_LIST_NUMBER = re.compile(r"\s*(?:\d{1,3}|[A-Za-z])\Z")
_REACH = 24  # no abbreviation is longer


def sentence_spans(text: str) -> list[Span]:
    """Spans of the sentences, in order; what lies between them is white space alone.

    Abbreviations, initials, decimals and list numbers do not end a sentence.
    """
    return list(each_sentence(text))


def each_sentence(text: str) -> Iterator[Span]:
    """The same spans one by one: a text of many megabytes takes seconds."""
    start = 0
    for mark in _BOUNDARY.finditer(text):
        if mark.lastgroup == "latin" and _goes_on(text, start, mark):
            continue
        yield from _trimmed(text, start, mark.start() if mark.lastgroup == "gap" else mark.end())
        start = mark.end()
    yield from _trimmed(text, start, len(text))


def line_spans(text: str) -> list[Span]:
    """Spans of the lines that are not blank, trimmed: the sentences of a table or of code."""
    spans: list[Span] = []
    start = 0
    for line in text.splitlines(keepends=True):
        spans += _trimmed(text, start, start + len(line))
        start += len(line)
    return spans


def _trimmed(text: str, start: int, end: int) -> tuple[Span, ...]:
    """The stretch without white space around it; nothing where there is nothing else."""
    piece = text[start:end]
    stripped = piece.strip()
    left = start + len(piece) - len(piece.lstrip())
    return ((left, left + len(stripped)),) if stripped else ()


def _goes_on(text: str, start: int, mark: re.Match[str]) -> bool:
    """Whether a full stop belongs to an abbreviation, an initial or a list's number."""
    if mark.group() != ".":
        return False
    before = text[max(start, mark.start() - _REACH) : mark.start()]
    if mark.start() - start <= _REACH and _LIST_NUMBER.fullmatch(before):
        return True
    word = _LAST_WORD.search(before)
    if word is None:
        return False
    last = word.group().lower()
    before_capital = text[mark.end() : mark.end() + 2].lstrip()[:1].isupper()
    if last in _ABBREVIATIONS:
        return not (before_capital and last in _MAY_END_A_SENTENCE)
    return len(last) == 1 and last.isalpha() and last not in {"a", "i"} and before_capital
