"""Which sentences of the hits a question needs: by vectors that are already there and by shared terms, without a model.

A sentence is judged against the best one of all hits, so a hit that has nothing near it is left out.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TypeAlias

import numpy as np

from retrieval.tokenizer import significant, terms
from retrieval.types import Chunk, ChunkId, Hit, Span, Vector

TERM_WEIGHT = 0.3  # with it .882 of xquad_en's answers are among the best sentences, without it .835
TERM_WEIGHT_ALONE = 1.0
HEADING_SHARE = 0.7  # of a term that stands in the headings above a sentence, and not in it
STANDING_WEIGHT = 0.5
KEPT_SHARE = 0.6  # of the best sentence's weight
GAP = " … "  # stands for the sentences left out between two that are kept


@dataclass(frozen=True, slots=True)
class Compressed:
    """The sentences that are kept, in reading order, and their text."""

    kept: tuple[int, ...]
    text: str


_Kind: TypeAlias = tuple[str, bool]


@dataclass(frozen=True, slots=True, eq=False)
class Weighed:
    """The weight of each sentence of a hit, and the best of all hits that it can be compared with, 0 if unknown."""

    hit: Hit
    weights: Vector
    best: float


@dataclass(slots=True)
class Weighing:
    """Weighs the sentences of any hit as one of `hits`.

    Weights are compared within a collection, where all vectors are one model's, and apart where no model speaks.
    """

    query: str
    hits: Sequence[Hit]
    _scores: dict[ChunkId, Vector] = field(default_factory=dict[ChunkId, Vector], init=False)
    _best: dict[_Kind, float] = field(default_factory=dict[_Kind, float], init=False)
    _first: float = field(default=0.0, init=False)

    def __post_init__(self) -> None:
        self._first = max((hit.scores.final for hit in self.hits), default=0.0)
        for hit in self.hits:
            if self._scored(hit).any():
                self._best[_kind(hit)] = max(self._best.get(_kind(hit), 0.0), float(self._weights(hit).max()))

    def of(self, hit: Hit) -> Weighed:
        """The hit may be one of the others, that the bar does not know."""
        return Weighed(hit, self._weights(hit), self._best.get(_kind(hit), 0.0))

    def _weights(self, hit: Hit) -> Vector:
        standing = min(1.0, max(0.0, hit.scores.final) / self._first) if self._first > 0 else 0.0
        return self._scored(hit) + np.float32(STANDING_WEIGHT * standing)

    def _scored(self, hit: Hit) -> Vector:
        known = self._scores.get(hit.chunk.id)
        if known is None:
            known = self._scores[hit.chunk.id] = sentence_scores(hit, self.query)
        return known


def _kind(hit: Hit) -> _Kind:
    return hit.source.collection, hit.similarities is None


def compress(weighed: Weighed, *, spare: bool = False, share: float = KEPT_SHARE) -> Compressed | None:
    """All sentences with a `share` of the weight of the best of all hits, with this hit's best and those around it.

    None where no sentence comes near, unless the hit is to be spared. A table's row brings its header. Where nothing
    tells the sentences of any hit apart, the whole hit is kept.
    """
    chunk, weights = weighed.hit.chunk, weighed.weights
    if not len(weights) or weighed.best <= 0:
        return whole(chunk)
    kept = {int(place) for place in np.flatnonzero(weights >= share * weighed.best)}
    if not kept and not spare:
        return None
    best = int(weights.argmax())
    kept |= {max(best - 1, 0), best, min(best + 1, len(weights) - 1)}
    kept |= _headers(chunk, kept)
    return excerpt(chunk, kept)


def sentence_scores(hit: Hit, query: str) -> Vector:
    """What each sentence has to do with the query: its cosine, clipped at 0, and its share of the query's terms.

    Terms in the headings above count in part. Without similarities, as in languages that the embedder does not know,
    the terms alone decide.
    """
    chunk = hit.chunk
    wanted, likely = _sought(query)
    above = wanted.intersection(terms(_words(" ".join(chunk.headings), likely))) if wanted else frozenset[str]()
    sentences = [chunk.text[start:end] for start, end in chunk.sentences] if wanted else []
    held = [wanted.intersection(terms(_words(sentence, likely))) for sentence in sentences]
    shares = [len(own) + HEADING_SHARE * len(above - own) for own in held] or [0.0] * len(chunk.sentences)
    near = hit.similarities if hit.similarities is not None and len(hit.similarities) == len(shares) else None
    weight = (TERM_WEIGHT_ALONE if near is None else TERM_WEIGHT) / max(len(wanted), 1)
    scores = np.array([weight * held for held in shares], dtype=np.float32)
    return scores if near is None else scores + np.maximum(near, 0)


def whole(chunk: Chunk) -> Compressed:
    """A chunk with nothing left out."""
    return Compressed(tuple(range(len(chunk.sentences))), chunk.text)


def excerpt(chunk: Chunk, kept: Iterable[int]) -> Compressed:
    """Those sentences of a chunk, in reading order; what stands between neighbours stays as it is."""
    places = tuple(sorted(set(kept)))
    if len(places) == len(chunk.sentences):
        return whole(chunk)
    runs: list[Span] = []
    for at, place in enumerate(places):
        start, end = chunk.sentences[place]
        if at and places[at - 1] == place - 1:
            start = runs.pop()[0]
        runs.append((start, end))
    return Compressed(places, GAP.join(chunk.text[start:end] for start, end in runs))


@lru_cache(maxsize=64)
def _sought(query: str) -> tuple[frozenset[str], re.Pattern[str]]:
    """A query's terms, and what each word that can be one of them holds: a stem but its last letter, a first digit."""
    wanted = frozenset(significant(terms(query)))
    stems = {term[:1] if any(map(str.isdigit, term)) else term[:-1] or term for term in wanted}
    return wanted, re.compile("|".join(map(re.escape, sorted(stems))), re.IGNORECASE)


def _words(sentence: str, likely: re.Pattern[str]) -> str:
    """The words that need stemming, which is four fifths of the cost; other scripts and accents are folded first."""
    if not sentence.isascii():
        return sentence
    return " ".join(word for word in sentence.split() if likely.search(word))


def _headers(chunk: Chunk, kept: Iterable[int]) -> set[int]:
    """The first rows of the tables that kept rows stand in: cells are parted by " | ", a row is a sentence."""
    rows = [" | " in chunk.text[start:end] for start, end in chunk.sentences]
    headers: set[int] = set()
    for place in kept:
        first = place
        while first >= 0 and rows[first]:
            first -= 1
        if first < place:
            headers.add(first + 1)
    return headers
