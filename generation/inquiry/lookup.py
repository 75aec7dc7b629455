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

    `answer`: what a step's own hits say, where a later step needs it. `within`: what it was narrowed to beyond the
    asker's own filter.
    """

    kind: QueryKind
    query: str
    result: SearchResult
    started: float
    ended: float
    answer: str = ""
    within: Filter = ()


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

    def find(self, kind: QueryKind, query: str, k: int, within: Filter = ()) -> Finding:
        """At most k hits of one query, which `within` can only narrow; blocks, and raises what retrieval raises."""
        started = time.perf_counter()
        found = self.searcher.search(
            query,
            self.scope,
            k,
            (*self.filter, *within),
            rerank=self.rerank,
            prefer_recent=self.prefer_recent,
            multi_hop=self.multi_hop,
        )
        return Finding(kind, query, found, started, time.perf_counter(), within=within)

    def deeper(self, findings: Sequence[Finding], k: int) -> list[Finding]:
        """The same queries with more hits each."""
        return [self.find(each.kind, each.query, k, each.within) for each in findings]


def cut(finding: Finding, k: int) -> Finding:
    """The finding with its first k hits."""
    return replace(finding, result=replace(finding.result, hits=finding.result.hits[:k]))


def merged(findings: Sequence[Finding], k: int) -> tuple[Hit, ...]:
    """At most k hits of all, by reciprocal rank; of one query alone, its own.

    Where documents that the question names were searched each by itself, what the question found only fills up. A
    sentence of a hit that several queries found is as near as it is to the nearest of them, or to the question and to
    what is asked of its document in the mean.
    """
    if len(findings) == 1:
        return findings[0].result.hits[:k]
    held: dict[ChunkId, Hit] = {}
    for finding in findings:
        for hit in finding.result.hits:
            other = held.get(hit.chunk.id)
            if other is None:
                held[hit.chunk.id] = hit
            else:
                held[hit.chunk.id] = _near_both(other, hit) if finding.kind == "document" else _joined(other, hit)
    apart = any(finding.kind == "document" for finding in findings)
    first = [each for each in findings if not apart or each.kind != "question"]
    runs = [[Scored(hit.chunk.id, -float(hit.rank)) for hit in each.result.hits] for each in first]
    best = dict.fromkeys((*(one.id for one in reciprocal_rank(runs, _RANK_CONSTANT)), *held))
    return tuple(replace(held[each], rank=rank) for rank, each in enumerate(list(best)[:k], start=1))


def _joined(first: Hit, second: Hit) -> Hit:
    better, other = (first, second) if first.rank <= second.rank else (second, first)
    if better.similarities is None or other.similarities is None:
        return better if other.similarities is None else replace(better, similarities=other.similarities)
    return replace(better, similarities=np.maximum(better.similarities, other.similarities))


def _near_both(other: Hit, own: Hit) -> Hit:
    """The hit as the search within its document scored it: those scores compare with no other search's."""
    known = [each.similarities for each in (own, other) if each.similarities is not None]
    return replace(own, similarities=np.mean(known, axis=0) if known else None)
