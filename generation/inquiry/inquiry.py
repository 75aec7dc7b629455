"""A question searched in every way that its asker chose: as it is, in other words, in steps, in rounds."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from generation.inquiry.decomposition import Decomposition
from generation.inquiry.expansion import Expansion
from generation.inquiry.lookup import Finding, Lookup, cut
from generation.inquiry.named_documents import named_side_by_side, without_names, without_proper_nouns
from generation.inquiry.search_rounds import SearchRounds
from generation.threads import in_thread
from generation.types import AnswerOptions, QueryKind
from generation.wording import content_terms
from retrieval.errors import RetrievalError
from retrieval.types import Condition, Filter

_DEEPER = 2  # times k hits of each query where several are fused
_TITLES = 50  # hits whose titles are looked for in the question; the search weighs as many by default


@dataclass(frozen=True, slots=True, eq=False)
class Findings:
    """What was searched, the question first, and the ways that were asked for and could not be gone."""

    searched: tuple[Finding, ...]
    skipped: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Inquiry:
    """The question's own search always counts; a model only adds to it, and is never waited for long."""

    expansion: Expansion
    decomposition: Decomposition
    rounds: SearchRounds

    async def find(self, question: str, lookup: Lookup, k: int, options: AnswerOptions) -> Findings:
        """Raises what the question's own search raises."""
        ways = self._ways(question, lookup, k * _DEEPER, options)
        depth = k * _DEEPER if ways or options.search_rounds else k
        first = await in_thread(lookup.find, "question", question, max(depth, _TITLES))
        searched = [cut(first, depth), *await _of_each_named(question, first, lookup, depth)]
        skipped: list[str] = []
        for name, found in zip(ways, await asyncio.gather(*(way() for way in ways.values())), strict=True):
            searched += found or ()
            if found is None:
                skipped.append(name)
        if options.search_rounds:
            more = await self.rounds.find(question, lookup, searched, options.search_rounds, depth)
            searched += more or ()
            if more is None:
                skipped.append("search_rounds")
        return Findings(tuple(searched), tuple(skipped))

    def _ways(self, question: str, lookup: Lookup, k: int, options: AnswerOptions) -> "dict[str, _Way]":
        """Those that do not depend on each other, by the name of their option."""

        async def reworded() -> list[Finding] | None:
            return await _searched(lookup, "query", await self.expansion.queries(question, options.queries - 1), k)

        async def hypothetical() -> list[Finding] | None:
            return await _searched(lookup, "hypothetical", await self.expansion.hypothetical(question), k)

        async def decomposed() -> list[Finding] | None:
            return await self.decomposition.find(question, lookup, k)

        ways: dict[str, tuple[bool, _Way]] = {
            "queries": (options.queries > 1, reworded),
            "hypothetical": (options.hypothetical, hypothetical),
            "decompose": (options.decompose, decomposed),
        }
        return {name: way for name, (wanted, way) in ways.items() if wanted}


async def _of_each_named(question: str, first: Finding, lookup: Lookup, k: int) -> list[Finding]:
    """What the question asks of each document that it names beside others, searched within that document alone.

    The best hits may all be of one. Without the titles, which all of a document's chunks bear, and without the names in
    it, what is asked decides among its chunks. One that cannot be searched leaves the question's own hits to all.
    """
    hits = first.result.hits
    named = named_side_by_side(question, (hit.source.title for hit in hits))
    asked = without_proper_nouns(without_names(question, named))
    if not content_terms(asked):
        return []
    ids = [tuple(dict.fromkeys(hit.source.id for hit in hits if hit.source.title == one.title)) for one in named]
    filters = [(Condition("document.id", "in", each),) for each in ids]
    found = await asyncio.gather(*(_tried(lookup, "document", asked, k, within) for within in filters))
    searched = [each for each in found if each is not None and each.result.hits]
    return searched if len(searched) == len(named) else []


_Way = Callable[[], Awaitable[list[Finding] | None]]


async def _searched(lookup: Lookup, kind: QueryKind, queries: list[str], k: int) -> list[Finding] | None:
    """What the queries found; None where there are none, or no search of them succeeds."""
    found = await asyncio.gather(*(_tried(lookup, kind, query, k) for query in queries))
    return [each for each in found if each is not None] or None


async def _tried(lookup: Lookup, kind: QueryKind, query: str, k: int, within: Filter = ()) -> Finding | None:
    """What the query found; a search that fails after the question's own did not is done without."""
    try:
        return await in_thread(lookup.find, kind, query, k, within)
    except RetrievalError:
        return None
