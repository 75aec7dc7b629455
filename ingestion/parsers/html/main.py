"""Which of a page's blocks are its text: those that trafilatura finds, and those of theirs that it drops.

Trafilatura knows articles well, but loses sections of documentation, and of any page some tables, lists and headings.
So what it finds only marks the page's own blocks, which keep their structure; gaps are filled by rule. A page with
code is documentation, and documentation is read whole but for its furniture; so is any page where too little is found.
"""

import re
from collections import Counter
from collections.abc import Sequence

from ingestion.parsers.html.page import Passage
from ingestion.types import Block

_TINY_PAGE = 300  # characters: too few to tell the main text from the rest, and too few for the rest to matter
_SHORT_PAGE = 1000  # characters
_ENOUGH_SHARE = 0.15  # of what is neither link nor furniture: with less, the main text was missed
_ENOUGH_OF_SHORT = 0.8
_MATCHING_SHARE = 0.5  # of a block's runs of three words
_SHORT_SHARE = 0.8  # of those of a short one, which says by chance what others say
_SHORT_BLOCK = 20  # words
_MOSTLY_LINKS = 0.5
_REGULAR = 5  # paragraphs between kept ones: more are no captions of pictures but the names of what is listed,
_REGULAR_SHARE = 0.25  # if there is one for every few that were kept
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"  # a letter there is a word
_WORD = re.compile(rf"[^\W_{_UNSPACED}]+|[{_UNSPACED}]")
_RUN = 3  # words of a shingle, by which passages are compared


def choose(passages: Sequence[Passage], found: str) -> tuple[Block, ...]:
    """The blocks to keep, in order; `found` is the text that trafilatura has found."""
    free = [passage.is_free for passage in passages]
    if not any(free):
        return tuple(passage.block for passage in passages)
    kept = _matched(passages, found)
    if any(is_free and passage.block.kind == "code" for passage, is_free in zip(passages, free, strict=True)):
        kept = _with_all_of_the_part(passages, kept)
    elif _is_too_little(passages, kept, free):
        kept = free
    else:
        kept = _without_gaps(passages, kept)
    return tuple(passage.block for passage, keep in zip(passages, kept, strict=True) if keep)


def _matched(passages: Sequence[Passage], found: str) -> list[bool]:
    """Which blocks say what was found. Each run of words counts once: for a block that says nothing else before one
    that says half of it, such as a picture's caption, and for the one that is least like furniture.
    """
    lines = Counter(hash(" ".join(_WORD.findall(line))) for line in found.lower().split("\n"))
    runs = _runs(_WORD.findall(found.lower()))
    order = sorted(range(len(passages)), key=lambda number: _rank(passages[number], number))
    words = [_WORD.findall(passage.block.text.lower()) for passage in passages]
    kept = [not each for each in words]  # those without words are decided with the gaps
    for least, least_of_short in ((1.0, 1.0), (_MATCHING_SHARE, _SHORT_SHARE)):
        for number in order:
            own, among = _runs(words[number]), runs
            if len(words[number]) <= _RUN:
                own, among = Counter([hash(" ".join(words[number]))]), lines
            there = own & among
            share = least if len(words[number]) > _SHORT_BLOCK else least_of_short
            if not kept[number] and there.total() >= share * own.total():
                kept[number] = True
                among.subtract(there)
    return [keep and bool(each) for keep, each in zip(kept, words, strict=True)]


def _rank(passage: Passage, number: int) -> tuple[bool, bool, int]:
    return not passage.is_free, passage.linked > _MOSTLY_LINKS, number


def _runs(words: Sequence[str]) -> Counter[int]:
    """How often each three words stand in a row, by their hash: of a large page these are many."""
    return Counter(map(hash, zip(*(words[start:] for start in range(_RUN)), strict=False)))


def _with_all_of_the_part(passages: Sequence[Passage], kept: Sequence[bool]) -> list[bool]:
    """Everything in the part of the page that says to be its main one, and code wherever it stands."""
    has_part = any(passage.is_inside for passage, keep in zip(passages, kept, strict=True) if keep)
    return [
        keep or (passage.is_free and (passage.is_inside or not has_part or passage.block.kind == "code"))
        for passage, keep in zip(passages, kept, strict=True)
    ]


def _is_too_little(passages: Sequence[Passage], kept: Sequence[bool], free: Sequence[bool]) -> bool:
    """On a short page links count too: it may consist of them. Headings alone are no text."""
    all_of_it = _size(passages, free, linked=True)
    has_text = any(keep and each.block.kind != "heading" for each, keep in zip(passages, kept, strict=True))
    if all_of_it <= _TINY_PAGE or not has_text:
        return True
    if all_of_it <= _SHORT_PAGE:
        return _size(passages, kept, linked=True) <= _ENOUGH_OF_SHORT * all_of_it
    return _size(passages, kept) <= _ENOUGH_SHARE * _size(passages, free)


def _without_gaps(passages: Sequence[Passage], kept: Sequence[bool]) -> list[bool]:
    """Add tables, what lies between kept blocks and headings above one; take away headings with nothing below them."""
    full = list(kept)
    texts = [number for number, keep in enumerate(kept) if keep and passages[number].block.kind != "heading"]
    first, last = kept.index(True), max(texts, default=-1)
    full[last + 1 :] = [False] * (len(full) - last - 1)
    missing = [number for number in range(first, last) if not kept[number] and _is_own(passages[number])]
    between = [number for number in missing if kept[number - 1] and kept[number + 1]]
    captions = [number for number in between if passages[number].block.kind == "paragraph"]
    is_regular = len(captions) >= max(_REGULAR, len(texts) * _REGULAR_SHARE)
    if is_regular and first and _is_own(passages[first - 1]):
        full[first - 1] = True
    for number in missing:
        kind = passages[number].block.kind
        full[number] = kind == "table" or (
            number in between and (kind == "list" or (kind == "paragraph" and is_regular))
        )
    for number in reversed(missing):
        full[number] = full[number] or (
            passages[number].block.kind == "heading"
            and full[number + 1]
            and passages[number + 1].block.kind != "heading"
        )
    return full


def _is_own(passage: Passage) -> bool:
    return passage.is_free and passage.linked < _MOSTLY_LINKS


def _size(passages: Sequence[Passage], chosen: Sequence[bool], *, linked: bool = False) -> float:
    """Characters of the chosen, those inside links only if asked for."""
    return sum(
        len(passage.block.text) * (1 if linked else 1 - passage.linked)
        for passage, is_chosen in zip(passages, chosen, strict=True)
        if is_chosen
    )
