"""Retrieval for one answer: several queries, one asker's scope and filter, their hits fused."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from generation.ports import Searcher
from generation.types import QueryKind
from retrieval.fusion import reciprocal_rank
from retrieval.types import ChunkId, Filter, Hit, Scope, Scored, SearchResult


@dataclass(frozen=True, slots=True, eq=False)
class Finding:
    """A query that was searched, what it found, and when, by `time.perf_counter`.

    `answer`: what a step's own hits say, where a later step needs it.
    """

    kind: QueryKind
    query: str
    result: SearchResult
    started: float
    ended: float
    answer: str = ""


_RANK_CONSTANT = 3
"""What a query finds first counts; with the usual 60, for runs of a thousand, what two find far down comes before."""


@dataclass(frozen=True, slots=True)
class Lookup:
    """A search in which the asker's permissions are fixed: nothing that a model writes can widen it."""

    searcher: Searcher
    scope: Scope
    filter: Filter
    rerank: bool
    prefer_recent: float
    multi_hop: bool

    def find(self, kind: QueryKind, query: str, k: int) -> Finding:
        """At most k hits of one query; blocks, and raises what retrieval raises."""
        started = time.perf_counter()
        found = self.searcher.search(
            query,
            self.scope,
            k,
            self.filter,
            rerank=self.rerank,
            prefer_recent=self.prefer_recent,
            multi_hop=self.multi_hop,
        )
        return Finding(kind, query, found, started, time.perf_counter())

    def deeper(self, findings: Sequence[Finding], k: int) -> list[Finding]:
        """The same queries with more hits each."""
        return [self.find(each.kind, each.query, k) for each in findings]


def cut(finding: Finding, k: int) -> Finding:
    """The finding with its first k hits."""
    return replace(finding, result=replace(finding.result, hits=finding.result.hits[:k]))


def merged(findings: Sequence[Finding], k: int) -> tuple[Hit, ...]:
    """At most k hits of all, by reciprocal rank; of one query alone, its own.

    A sentence of a hit that several queries found is as near as it is to the nearest of them.
    """
    if len(findings) == 1:
        return findings[0].result.hits[:k]
    held: dict[ChunkId, Hit] = {}
    for finding in findings:
        for hit in finding.result.hits:
            other = held.get(hit.chunk.id)
            held[hit.chunk.id] = hit if other is None else _joined(other, hit)
    runs = [[Scored(hit.chunk.id, -float(hit.rank)) for hit in each.result.hits] for each in findings]
    best = reciprocal_rank(runs, _RANK_CONSTANT)[:k]
    return tuple(replace(held[one.id], rank=rank) for rank, one in enumerate(best, start=1))


def _joined(first: Hit, second: Hit) -> Hit:
    better, other = (first, second) if first.rank <= second.rank else (second, first)
    if better.similarities is None or other.similarities is None:
        return better if other.similarities is None else replace(better, similarities=other.similarities)
    return replace(better, similarities=np.maximum(better.similarities, other.similarities))
