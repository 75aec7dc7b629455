"""From a query to hits: both sides asked at the same time, fused, read from the database, reranked."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import numpy as np

from retrieval.errors import UnknownCollection
from retrieval.fusion import dense_weight
from retrieval.ports import ChunkSource, Embedder, Reranker
from retrieval.replica import Replica
from retrieval.sides import FAILURES, Clock, Found, QueryVectors, Search, Shelf
from retrieval.types import ChunkId, Filter, Hit, PlacedChunk, Scope, Scores, SearchMode, SearchResult, Vector

WIDENINGS = 3  # times that twice as many candidates are fetched when too few turn out to be live
THREADS = 8  # for lexical searches while their callers embed; they end with the object


def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(THREADS, thread_name_prefix="search")


@dataclass(frozen=True, slots=True)
class Retriever:
    """Finds the chunks that a query is about, within a scope; without a reranker the fused order stands."""

    embedder: Embedder
    chunks: ChunkSource
    replica: Replica
    reranker: Reranker | None
    candidates: int = 50
    _vectors: QueryVectors = field(default_factory=QueryVectors, init=False, repr=False)
    _pool: ThreadPoolExecutor = field(default_factory=_threads, init=False, repr=False)

    def search(
        self,
        query: str,
        scope: Scope,
        k: int,
        filter: Filter = (),
        mode: SearchMode = "hybrid",
        rerank: bool = True,  # noqa: FBT001, FBT002 - the asker's choice, handed on
    ) -> SearchResult:
        """At most k hits, best first, ties by id; `degraded` names the stages that failed: dense, lexical, rerank.

        Raises SearchUnavailable when no side that was asked answers, InvalidFilter, and what the database raises.
        """
        clock = Clock()
        shelves = self._shelves(scope, filter)
        if not shelves:
            return SearchResult((), None, clock.read(), ())
        speaks = dense_weight(query, self.embedder.languages)
        share = {"hybrid": speaks, "dense": 1.0, "lexical": 0.0}[mode]
        search = Search(query, tuple(shelves), share, self.embedder, self._vectors, clock)
        try:
            found, placed = self._live(search, k, scope, filter)
        finally:
            if search.damaged:
                self._forget(scope)
        with clock.stage("rerank"):
            second = self._second_scores(search, search.vector if speaks else None, placed) if rerank else {}
        hits = self._hits(found, placed, second)[:k]
        return SearchResult(tuple(hits), search.vector, clock.read(), tuple(sorted(search.failed)))

    def _shelves(self, scope: Scope, filter: Filter) -> list[Shelf]:
        shelves: list[Shelf] = []
        for collection in sorted(scope.collections):
            try:
                allowed = self.chunks.allowed(collection, filter) if filter else None
                if allowed is None or len(allowed):
                    shelves.append(Shelf(self.replica.indexes(collection), allowed))
            except UnknownCollection:
                continue  # deleted since the scope was made: nothing there to find
        return shelves

    def _live(self, search: Search, k: int, scope: Scope, filter: Filter) -> tuple[Found, list[PlacedChunk]]:
        """Candidates as the database knows them; while too few of them are live there, twice as many are fetched."""
        depth = max(k, self.candidates)
        most = depth << WIDENINGS
        while True:
            found = search.candidates(depth, self._pool)
            with search.clock.stage("hydrate"):
                placed = self.chunks.placed([scored.id for scored in found.fused[:depth]], scope, filter)
            if len(placed) >= k or not found.more or depth >= most:
                return found, [self._muted(one) if one.chunk.id in found.foreign else one for one in placed]
            depth *= 2

    def _forget(self, scope: Scope) -> None:
        """An index that turned out damaged is let go, so that the next search opens it anew."""
        for collection in scope.collections:
            self.replica.discard(collection)

    def _muted(self, placed: PlacedChunk) -> PlacedChunk:
        """Without vectors: another embedder's must not meet this one's, not even further down, in compression."""
        return replace(placed, sentence_vectors=np.zeros((0, self.embedder.dim), dtype=np.float16))

    def _second_scores(
        self, search: Search, vector: Vector | None, placed: Sequence[PlacedChunk]
    ) -> dict[ChunkId, float]:
        if self.reranker is None or not placed:
            return {}
        try:
            scores = self.reranker.scores(search.query, vector, placed)
            return dict(zip((one.chunk.id for one in placed), scores, strict=True)) if scores else {}
        except FAILURES as error:
            search.fail("rerank", error)
            return {}

    def _hits(self, found: Found, placed: Sequence[PlacedChunk], second: dict[ChunkId, float]) -> list[Hit]:
        fused = {scored.id: scored.score for scored in found.fused}
        weight = self.reranker.weight if self.reranker else 0.0

        def final(one: PlacedChunk) -> float:
            score = fused[one.chunk.id]
            return (1 - weight) * score + weight * second[one.chunk.id] if one.chunk.id in second else score

        scores = {one.chunk.id: final(one) for one in placed}
        order = sorted(placed, key=lambda one: (-scores[one.chunk.id], one.chunk.id))
        return [
            Hit(
                rank,
                one.chunk,
                one.placement,
                one.source,
                Scores(
                    found.lexical.get(one.chunk.id),
                    found.dense.get(one.chunk.id),
                    fused[one.chunk.id],
                    scores[one.chunk.id] if one.chunk.id in second else None,
                ),
                one.sentence_vectors,
            )
            for rank, one in enumerate(order, start=1)
        ]
