"""One query put to the lexical and to the dense side of all collections in scope, and what came of it."""

import logging
import time
from collections import OrderedDict
from collections.abc import Generator, Mapping, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock
from typing import TypeAlias

import numpy as np

from retrieval.errors import IndexDamaged, ModelUnavailable, RetrievalError, SearchUnavailable
from retrieval.follower import CollectionIndexes
from retrieval.fusion import convex, leaned, ranked, scaled
from retrieval.index_pair import INDEX_FAILURES
from retrieval.ports import Embedder, LexicalIndex, VectorIndex
from retrieval.types import ChunkId, ChunkIds, Scored, Vector

VECTORS_KEPT = 1024  # of queries asked before: 1.5 MB at 384 numbers
STAGES: tuple[str, ...] = ("embed", "lexical", "dense", "fuse", "hydrate", "rerank", "total")
# A side that fails, in whatever way its library does, must not take the other with it.
FAILURES = (RetrievalError, *INDEX_FAILURES)

_Lists: TypeAlias = list[list[Scored]]  # one per shelf

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Shelf:
    """A collection's indexes, and the ids that pass the filter; None lets all through."""

    indexes: CollectionIndexes
    allowed: ChunkIds | None


@dataclass(frozen=True, slots=True)
class Found:
    """The candidates of each side, the dense side's share of a fused score, and whether there may be others."""

    lexical: dict[ChunkId, float]
    dense: dict[ChunkId, float]
    dense_share: float
    more: bool


class Clock:
    """How long each stage took, in milliseconds; a stage that did not run took none."""

    def __init__(self) -> None:
        self._began = time.perf_counter()
        self._spent = dict.fromkeys(STAGES, 0.0)

    @contextmanager
    def stage(self, name: str) -> Generator[None]:
        began = time.perf_counter()
        try:
            yield
        finally:
            self._spent[name] += (time.perf_counter() - began) * 1000

    def read(self) -> dict[str, float]:
        return {**self._spent, "total": (time.perf_counter() - self._began) * 1000}


class QueryVectors:
    """The vectors of the last queries, by embedder and text."""

    def __init__(self) -> None:
        self._vectors: OrderedDict[tuple[str, str], Vector] = OrderedDict()
        self._lock = Lock()

    def of(self, query: str, embedder: Embedder) -> Vector:
        key = (embedder.fingerprint, query)
        with self._lock:
            vector = self._vectors.get(key)
            if vector is not None:
                self._vectors.move_to_end(key)
                return vector
        vector = embedder.embed_queries([query])[0]
        vector.setflags(write=False)  # it is shared
        with self._lock:
            self._vectors[key] = vector
            while len(self._vectors) > VECTORS_KEPT:
                self._vectors.popitem(last=False)
        return vector


@dataclass(slots=True, eq=False)
class Search:
    """One query under way in the collections of one embedder, which is None where it is not needed or not to be had.

    With a dense share of 0 the terms alone are asked, with 1 the vectors alone. A side that fails is named in `failed`,
    with the reason, and the other one answers alone. `weight` is the embedder's in this query's script.
    """

    query: str
    shelves: tuple[Shelf, ...]
    vectors: QueryVectors
    clock: Clock
    embedder: Embedder | None = None
    weight: float = 0.0
    dense_share: float = 0.0
    vector: Vector | None = None
    damaged: bool = False
    failed: dict[str, str] = field(default_factory=dict[str, str])

    def candidates(self, depth: int, pool: ThreadPoolExecutor) -> Found | None:
        """Up to `depth` chunks of each side and collection; None when no side answers."""
        terms, meaning = self._both(depth, pool)
        if terms is None and meaning is None:
            return None
        share = 1.0 if terms is None else 0.0 if meaning is None else self.dense_share
        if terms is not None and meaning is not None:
            share = leaned(share, _merged(terms), _merged(meaning))
            terms, meaning = self._completed(terms, meaning)
        lexical = _by_id([scored for found in terms or () for scored in found])
        dense = _by_id([scored for found in meaning or () for scored in found])
        more = any(len(found) >= depth for found in (*(terms or ()), *(meaning or ())))
        return Found(lexical, dense, share, more)

    @property
    def heeded(self) -> Vector | None:
        """The query's vector, unless the embedder never learned the script: then it says nothing, with confidence."""
        return self.vector if self.weight else None

    def fail(self, stage: str, error: Exception) -> None:
        # The name alone: a library's message may quote the query, or name a path.
        _log.warning("a search goes on without its %s stage: %s", stage, type(error).__name__)
        said = str(error) if isinstance(error, ModelUnavailable | SearchUnavailable) else "does not answer"
        self.failed[stage] = f"{stage} search: {said}"
        self.damaged |= isinstance(error, IndexDamaged)

    def _both(self, depth: int, pool: ThreadPoolExecutor) -> tuple[_Lists | None, _Lists | None]:
        """What the terms find and what the meaning finds, per shelf, at the same time."""
        if self.dense_share <= 0:
            return self._lexical(depth), None
        if self.dense_share >= 1:
            return None, self._dense(depth)
        under_way = pool.submit(self._lexical, depth)
        meaning = self._dense(depth)
        return under_way.result(), meaning

    def _lexical(self, depth: int) -> _Lists | None:
        try:
            with self.clock.stage("lexical"):
                return [shelf.indexes.lexical.search(self.query, depth, shelf.allowed) for shelf in self.shelves]
        except FAILURES as error:
            self.fail("lexical", error)
            return None

    def _dense(self, depth: int) -> _Lists | None:
        if self.embedder is None:
            return None
        indexes = [(shelf.indexes.vector, shelf.allowed) for shelf in self.shelves]
        if all(index is None for index, _ in indexes):
            return [[] for _ in indexes]
        try:
            with self.clock.stage("embed"):
                vector = self.vector = self.vectors.of(self.query, self.embedder)
            with self.clock.stage("dense"):
                return [index.search(vector, depth, allowed) if index is not None else [] for index, allowed in indexes]
        except FAILURES as error:
            self.fail("dense", error)
            return None

    def _completed(self, lexical: _Lists, dense: _Lists) -> tuple[_Lists, _Lists]:
        """Each side with its scores for what only the other found: a chunk just below the cut is no stranger."""
        terms, meaning = list(lexical), list(dense)
        for place, shelf in enumerate(self.shelves):
            by_terms, by_meaning = _by_id(lexical[place]).keys(), _by_id(dense[place]).keys()
            with self.clock.stage("dense"):
                meaning[place] = dense[place] + self._dense_among(shelf.indexes.vector, by_terms - by_meaning)
            with self.clock.stage("lexical"):
                terms[place] = lexical[place] + self._lexical_among(shelf.indexes.lexical, by_meaning - by_terms)
        return terms, meaning

    def _dense_among(self, index: VectorIndex | None, ids: Set[ChunkId]) -> list[Scored]:
        if index is None or self.vector is None or not ids:
            return []
        try:
            return index.search(self.vector, len(ids), _sorted(ids))
        except FAILURES as error:
            self.fail("dense", error)
            return []

    def _lexical_among(self, index: LexicalIndex, ids: Set[ChunkId]) -> list[Scored]:
        if not ids:
            return []
        try:
            return index.search(self.query, len(ids), _sorted(ids))
        except FAILURES as error:
            self.fail("lexical", error)
            return []


def fused(found: Sequence[Found]) -> list[Scored]:
    """The candidates of all searches in one order, best first, ties by id.

    Cosines of two models cannot be compared. Where there are several, each one's are divided by its best, so that the
    terms, whose scores can, tell their collections apart.
    """
    best = max((score for one in found for score in one.lexical.values()), default=0.0)
    several = sum(bool(one.dense) for one in found) > 1
    lists: list[Scored] = []
    for one in found:
        dense = _scored(one.dense)
        lists += convex(_scored(one.lexical), scaled(dense) if several else dense, one.dense_share, best)
    return ranked(lists)


def _merged(lists: _Lists) -> list[Scored]:
    """What all shelves found, best first."""
    return ranked(scored for found in lists for scored in found)


def _by_id(found: Sequence[Scored]) -> dict[ChunkId, float]:
    return {scored.id: scored.score for scored in found}


def _scored(scores: Mapping[ChunkId, float]) -> list[Scored]:
    return [Scored(chunk, score) for chunk, score in scores.items()]


def _sorted(ids: Set[ChunkId]) -> ChunkIds:
    return np.sort(np.fromiter(ids, np.int64, len(ids)))
