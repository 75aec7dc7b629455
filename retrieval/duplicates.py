"""What has been packed already: so that no text is shown twice, and its variants do not crowd other texts out."""

import re
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

from retrieval.types import Hit, Place

Verdict: TypeAlias = Literal["new", "variant", "repeat"]

SHINGLE = 12  # characters from each beginning of a word, or from each character where words have none
REPEATED_SHARE = 0.9  # of a text's shingles already seen
VARIANT_SHARE = 0.8  # of the shingles of two texts together that both have, whatever their numbers
VARIANTS = 3  # of one text that are packed before all others had their turn
PLACES = 20  # that are told of one text
_BEGINNING = re.compile(r"\b\w|[\u2e80-\uffff]")
_NUMBER = re.compile(r"\d[\d.,]*")


@dataclass(frozen=True, slots=True)
class Said:
    """A text as it is compared: its overlapping runs of characters, the same with its numbers masked, its numbers."""

    shingles: frozenset[str]
    masked: frozenset[str]
    numbers: frozenset[str]


def said(text: str) -> Said:
    """A text, ready to be compared."""
    plain = _plain(text)
    shingles, numbers = _shingles(plain), frozenset(_NUMBER.findall(plain))
    return Said(shingles, _shingles(_NUMBER.sub("0", plain)) if numbers else shingles, numbers)


@dataclass(slots=True)
class Seen:
    """The packed texts, and the places of those that were left out for them."""

    _whole: dict[str, int] = field(default_factory=dict[str, int])
    _packed: list[Said] = field(default_factory=list[Said])
    _shingles: set[str] = field(default_factory=set[str])
    _numbers: set[str] = field(default_factory=set[str])
    _also: list[list[Place]] = field(default_factory=list[list[Place]])

    def repeats(self, hit: Hit) -> bool:
        """Whether its chunk's very text was packed, under whatever headings; its places are then kept."""
        packed = self._whole.get(_plain(hit.chunk.text)) if self._whole else None
        if packed is not None:
            self._note(packed, hit)
        return packed is not None

    def judge(self, hit: Hit, text: Said) -> Verdict:
        """What this text of the hit is beside the packed ones; of a repeat the places are kept.

        It is a repeat when nearly all of it was seen, and every number; a variant when `VARIANTS` are packed already
        that differ from it in little but numbers.
        """
        repeated = len(text.shingles & self._shingles) >= REPEATED_SHARE * len(text.shingles)
        if self._packed and repeated and text.numbers <= self._numbers:
            shared = [len(text.shingles & packed.shingles) for packed in self._packed]
            self._note(shared.index(max(shared)), hit)
            return "repeat"
        alike = sum(_is_variant(text.masked, packed.masked) for packed in self._packed)
        return "variant" if alike >= VARIANTS else "new"

    def add(self, hit: Hit, text: Said) -> None:
        """From now on this text of the hit is packed."""
        self._whole.setdefault(_plain(hit.chunk.text), len(self._packed))
        self._packed.append(text)
        self._shingles |= text.shingles
        self._numbers |= text.numbers
        self._also.append([])

    def with_places(self, packed: int, hit: Hit) -> Hit:
        """The hit of a packed text, with the places of its repeats behind its own."""
        own = Place(hit.source, hit.placement.pages)
        others = {_key(place): place for place in (*hit.places, *self._also[packed])}
        others.pop(_key(own), None)
        return replace(hit, places=tuple(others.values())[:PLACES])

    def _note(self, packed: int, hit: Hit) -> None:
        if len(self._also[packed]) < PLACES:
            self._also[packed] += [Place(hit.source, hit.placement.pages), *hit.places]


def _key(place: Place) -> tuple[str, tuple[int, ...]]:
    return place.source.id, place.pages


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())


def _is_variant(one: frozenset[str], other: frozenset[str]) -> bool:
    fewer, more = sorted((len(one), len(other)))
    if fewer < VARIANT_SHARE * more:
        return False
    both = len(one & other)
    return both >= VARIANT_SHARE * (fewer + more - both)


def _shingles(plain: str) -> frozenset[str]:
    starts = (found.start() for found in _BEGINNING.finditer(plain, 0, max(len(plain) - SHINGLE + 1, 0)))
    return frozenset(plain[start : start + SHINGLE] for start in starts) or frozenset((plain,))
