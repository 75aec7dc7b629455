"""One query put to the lexical and to the dense side of all collections in scope, and what came of it."""

import logging
import time
from collections import OrderedDict
from collections.abc import Generator, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock
from typing import TypeAlias

import numpy as np

from retrieval.errors import IndexDamaged, ModelUnavailable, RetrievalError, SearchUnavailable
from retrieval.follower import CollectionIndexes
from retrieval.fusion import convex
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
    """The candidates; `foreign` are those whose vectors are another embedder's, `more` that there may be others."""

    lexical: dict[ChunkId, float]
    dense: dict[ChunkId, float]
    fused: list[Scored]
    foreign: frozenset[ChunkId]
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
    """The vectors of the last queries by their text."""

    def __init__(self) -> None:
        self._vectors: OrderedDict[str, Vector] = OrderedDict()
        self._lock = Lock()

    def of(self, query: str, embedder: Embedder) -> Vector:
        with self._lock:
            vector = self._vectors.get(query)
            if vector is not None:
                self._vectors.move_to_end(query)
                return vector
        vector = embedder.embed_queries([query])[0]
        vector.setflags(write=False)  # it is shared
        with self._lock:
            self._vectors[query] = vector
            while len(self._vectors) > VECTORS_KEPT:
                self._vectors.popitem(last=False)
        return vector


@dataclass(slots=True, eq=False)
class Search:
    """One query under way; with a dense share of 0 the terms alone are asked, with 1 the vectors alone.

    A side that fails is named in `failed`, with the reason, and the other one answers alone.
    """

    query: str
    shelves: tuple[Shelf, ...]
    dense_share: float
    embedder: Embedder
    vectors: QueryVectors
    clock: Clock
    vector: Vector | None = None
    damaged: bool = False
    failed: dict[str, str] = field(default_factory=dict[str, str])

    def candidates(self, depth: int, pool: ThreadPoolExecutor) -> Found:
        """Up to `depth` chunks of each side and collection, fused; raises SearchUnavailable when no side answers."""
        terms, meaning = self._both(depth, pool)
        if terms is None and meaning is None:
            raise SearchUnavailable("; ".join(self.failed.values()))
        if terms is not None and meaning is not None:
            terms, meaning = self._completed(terms, meaning)
        with self.clock.stage("fuse"):
            share = 1.0 if terms is None else 0.0 if meaning is None else self.dense_share
            lexical = [scored for found in terms or () for scored in found]
            dense = [scored for found in meaning or () for scored in found]
            fused = convex(lexical, dense, share)
            full = any(len(found) >= depth for found in (*(terms or ()), *(meaning or ())))
            return Found(_by_id(lexical), _by_id(dense), fused, self._foreign(terms or ()), full or len(fused) > depth)

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
        indexes = [(shelf.indexes.vector, shelf.allowed) for shelf in self.shelves]
        if any(index is None for index, _ in indexes):
            self.fail("dense", SearchUnavailable("a collection was embedded by another model than this service's"))
        if all(index is None for index, _ in indexes):
            return None
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

    def _foreign(self, lexical: _Lists | tuple[()]) -> frozenset[ChunkId]:
        pairs = zip(self.shelves, lexical, strict=False)
        return frozenset(scored.id for shelf, found in pairs if shelf.indexes.vector is None for scored in found)

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


def _by_id(found: Sequence[Scored]) -> dict[ChunkId, float]:
    return {scored.id: scored.score for scored in found}


def _sorted(ids: Set[ChunkId]) -> ChunkIds:
    return np.sort(np.fromiter(ids, np.int64, len(ids)))
