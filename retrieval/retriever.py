"""From a query to hits: both sides asked at the same time, fused, read from the database, reranked."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import numpy as np

from retrieval.errors import SearchUnavailable, UnknownCollection
from retrieval.fusion import dense_weight, scaled
from retrieval.links import followed
from retrieval.naming import Candidate, gains
from retrieval.ports import ChunkSource, Embedders, Reranker
from retrieval.recency import aged
from retrieval.replica import Replica
from retrieval.sides import FAILURES, Clock, Found, QueryVectors, Search, Shelf, fused
from retrieval.spread import spread
from retrieval.types import (
    ChunkId,
    Filter,
    Hit,
    PlacedChunk,
    Scope,
    Scored,
    Scores,
    SearchMode,
    SearchResult,
    Vector,
)

WIDENINGS = 3  # times that twice as many candidates are fetched when too few turn out to be live
THREADS = 8  # for lexical searches while their callers embed; they end with the object


def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(THREADS, thread_name_prefix="search")


@dataclass(frozen=True, slots=True)
class Retriever:
    """Finds the chunks that a query is about, within a scope; without a reranker the fused order stands."""

    embedders: Embedders
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
        prefer_recent: float = 0.0,
        multi_hop: bool = False,  # noqa: FBT001, FBT002 - likewise
    ) -> SearchResult:
        """At most k hits, best first, ties by id; `degraded` names the stages that failed: dense, lexical, rerank.

        `prefer_recent`, 0 to 1, is the most that a document's age may take from a score, as a share. `multi_hop` brings
        forward what the best hits name.
        Raises SearchUnavailable when no side that was asked answers, InvalidFilter, and what the database raises.
        """
        clock = Clock()
        searches = self._searches(query, self._shelves(scope, filter), mode, clock)
        if not searches:
            return SearchResult((), clock.read(), ())
        try:
            brought = self._live(searches, k, scope, filter, clock)
        finally:
            if any(search.damaged for search in searches):
                self._forget(scope)
        with clock.stage("rerank"):
            second = self._second_scores(brought) if rerank else {}
            hits = self._hits(brought, second)
            if multi_hop:
                hits = followed(hits)
        hits = spread(aged(hits, prefer_recent))[:k]
        hits = self._with_places(hits, brought, scope, filter)
        failed = {stage for search in searches for stage in search.failed}
        return SearchResult(tuple(hits), clock.read(), tuple(sorted(failed)))

    def _searches(self, query: str, shelves: Sequence[Shelf], mode: SearchMode, clock: Clock) -> list[Search]:
        """One for the collections of each embedder."""
        fingerprints = dict.fromkeys(shelf.indexes.fingerprint for shelf in shelves)
        return [
            self._search(
                Search(query, tuple(one for one in shelves if one.indexes.fingerprint == mine), self._vectors, clock),
                mine,
                mode,
            )
            for mine in fingerprints
        ]

    def _search(self, search: Search, fingerprint: str, mode: SearchMode) -> Search:
        """With its embedder, and what that one has to say."""
        if mode != "lexical":
            try:
                search.embedder = self.embedders.of(fingerprint)
                search.weight = dense_weight(search.query, search.embedder.languages)
            except FAILURES as error:
                search.fail("dense", error)
            search.dense_share = search.weight if mode == "hybrid" else 1.0
        return search

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

    def _live(self, searches: Sequence[Search], k: int, scope: Scope, filter: Filter, clock: Clock) -> "_Brought":
        """Candidates as the database knows them; while too few of them are live there, twice as many are fetched."""
        depth = max(k, self.candidates)
        most = depth << WIDENINGS
        while True:
            found = [(search, search.candidates(depth, self._pool)) for search in searches]
            answers = [(search, one) for search, one in found if one is not None]
            if not answers:
                raise SearchUnavailable("; ".join(why for search in searches for why in search.failed.values()))
            with clock.stage("fuse"):
                scored = fused([one for _, one in answers])
            with clock.stage("hydrate"):
                placed = self.chunks.placed([one.id for one in scored[:depth]], scope, filter)
            more = len(scored) > depth or any(one.more for _, one in answers)
            if len(placed) >= k or not more or depth >= most:
                return _Brought(_with_names(searches[0].query, scored, placed), answers, placed)
            depth *= 2

    def _with_places(self, hits: Sequence[Hit], brought: "_Brought", scope: Scope, filter: Filter) -> list[Hit]:
        """Each hit with all places in which its chunk stands."""
        shared = {one.chunk.id for one in brought.placed if one.is_shared}
        wanted = [hit.chunk.id for hit in hits if hit.chunk.id in shared]
        places = self.chunks.places(wanted, scope, filter) if wanted else {}
        return [replace(hit, places=places.get(hit.chunk.id, ())) for hit in hits]

    def _forget(self, scope: Scope) -> None:
        """An index that turned out damaged is let go, so that the next search opens it anew."""
        for collection in scope.collections:
            self.replica.discard(collection)

    def _second_scores(self, brought: "_Brought") -> dict[ChunkId, float]:
        """Those of each embedder's hits, divided by their best where there are several: cosines as in the fusion."""
        found = [(search, brought.of(one)) for search, one in brought.answers]
        lists = [self._reranked(search, placed) for search, placed in found]
        several = sum(bool(scores) for scores in lists) > 1
        return {one.id: one.score for scores in lists for one in (scaled(scores) if several else scores)}

    def _reranked(self, search: Search, placed: Sequence[PlacedChunk]) -> list[Scored]:
        if self.reranker is None or not placed:
            return []
        try:
            judged = placed[: self.reranker.most]
            scores = self.reranker.scores(search.query, search.heeded, judged)
            if not scores:
                return []
            scores += [0.0] * (len(placed) - len(judged))
            return [Scored(one.chunk.id, score) for one, score in zip(placed, scores, strict=True)]
        except FAILURES as error:
            search.fail("rerank", error)
            return []

    def _hits(self, brought: "_Brought", second: Mapping[ChunkId, float]) -> list[Hit]:
        weight = self.reranker.weight if self.reranker else 0.0

        def final(one: ChunkId) -> float:
            score = brought.scores[one]
            return (1 - weight) * score + weight * second[one] if one in second else score

        return [
            Hit(
                0,
                one.chunk,
                one.placement,
                one.source,
                Scores(
                    found.lexical.get(one.chunk.id),
                    found.dense.get(one.chunk.id),
                    brought.scores[one.chunk.id],
                    final(one.chunk.id) if one.chunk.id in second else None,
                ),
                _similarities(one, search.heeded),
            )
            for search, found in brought.answers
            for one in brought.of(found)
        ]


@dataclass(frozen=True, slots=True, eq=False)
class _Brought:
    """The candidates' fused scores, which search brought up what, and those of them that are live."""

    scores: Mapping[ChunkId, float]
    answers: Sequence[tuple[Search, Found]]
    placed: Sequence[PlacedChunk]

    def of(self, found: Found) -> list[PlacedChunk]:
        """The live candidates of one search."""
        return [one for one in self.placed if one.chunk.id in found.lexical or one.chunk.id in found.dense]


def _with_names(query: str, scored: Sequence[Scored], placed: Sequence[PlacedChunk]) -> dict[ChunkId, float]:
    """The live candidates' fused scores, with what their document gains where the query calls it by its name."""
    fused_scores = {one.id: one.score for one in scored}
    candidates = [
        Candidate(one.source.id, "".join(one.chunk.headings[:1]), fused_scores[one.chunk.id]) for one in placed
    ]
    gained = gains(query, candidates)
    return {one.chunk.id: found.score + gain for one, found, gain in zip(placed, candidates, gained, strict=True)}


def _similarities(placed: PlacedChunk, vector: Vector | None) -> Vector | None:
    if vector is None:
        return None
    if not placed.sentence_vectors.size:
        return np.zeros(0, dtype=np.float32)
    return np.nan_to_num(placed.sentence_vectors.astype(np.float32) @ vector)
