"""Contexts, requests and doubles of retrieval for the tests of generation."""

import asyncio
from abc import abstractmethod
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from generation.errors import GeneratorUnavailable
from generation.inquiry.decomposition import Decomposition
from generation.inquiry.expansion import Expansion
from generation.inquiry.inquiry import Inquiry
from generation.inquiry.lookup import Lookup
from generation.inquiry.search_rounds import SearchRounds
from generation.ports import Completer, Generator, Searcher
from generation.short_replies import ShortReplies
from generation.types import GeneratedText, GenerationRequest, GeneratorEvent, Turn, Usage
from retrieval.sentences import line_spans, sentence_spans
from retrieval.types import (
    Box,
    Chunk,
    ChunkId,
    CollectionId,
    Context,
    Filter,
    Hit,
    Passage,
    Placement,
    Region,
    Scope,
    Scores,
    SearchMode,
    SearchResult,
    Source,
)

SCOPE = Scope(frozenset({CollectionId(1)}))
PARIS = "France lies in western Europe. The capital of France is Paris. It has 2,100,000 inhabitants."
CHINESE = "香港第六届立法会共有70个议席。选举于2016年9月4日举行。"


def count_tokens(texts: Sequence[str]) -> list[int]:
    return [len(text.split()) for text in texts]


def hit(
    text: str,
    rank: int = 1,
    near: Sequence[float] | float | None = 0.9,
    score: float = 1.0,
    lines: bool = False,
    headings: tuple[str, ...] = (),
    regions: tuple[Region, ...] = (),
    pages: tuple[int, ...] = (),
) -> Hit:
    """A hit whose sentences are `near` (a cosine for each, or one for all) to the query; None: no model has a say."""
    spans = tuple(line_spans(text) if lines else sentence_spans(text))
    cosines = None if near is None else np.broadcast_to(np.array(near, dtype=np.float32), len(spans))
    chunk = Chunk(ChunkId(rank * 100), text, headings, spans, "en", len(text.split()))
    source = Source(f"doc_{rank}", f"file{rank}.md", f"Title {rank}", "default", "text/markdown", {})
    return Hit(rank, chunk, Placement(1, rank, pages, regions), source, Scores(None, None, score, None), cosines)


def entitled(title: str, text: str, rank: int = 1) -> Hit:
    """A hit in a document of that title."""
    found = hit(text, rank)
    return replace(found, source=replace(found.source, title=title))


def context(*hits: Hit) -> Context:
    passages = tuple(
        Passage(label, one, one.chunk.text, tuple(range(len(one.chunk.sentences)))) for label, one in enumerate(hits, 1)
    )
    return Context(passages, 10 * len(hits), 10 * len(hits))


def request(
    question: str = "What is the capital of France?",
    *hits: Hit,
    history: tuple[Turn, ...] = (),
    max_tokens: int = 512,
) -> GenerationRequest:
    return GenerationRequest(question, context(*(hits or (hit(PARIS),))), history, "en", 0.0, max_tokens)


def region(start: int, end: int, page: int, box: Box | None = (1.0, 2.0, 3.0, 4.0)) -> Region:
    return Region(start, end, page, box)


class StubSearch(Searcher):
    """Asks `find` alone: how a search may be asked for otherwise stands here, and in no stub."""

    def search(
        self,
        query: str,
        scope: Scope,
        k: int,
        filter: Filter = (),
        mode: SearchMode = "hybrid",
        rerank: bool = True,
        prefer_recent: float = 0.0,
        multi_hop: bool = False,
    ) -> SearchResult:
        return self.find(query, scope, k, filter)

    @abstractmethod
    def find(self, query: str, scope: Scope, k: int, filter: Filter) -> SearchResult:
        """What there is for a query; raises what retrieval raises."""
        ...


@dataclass
class FixedSearch(StubSearch):
    """Finds the same hits whatever is asked, and remembers what was."""

    hits: tuple[Hit, ...] = ()
    degraded: tuple[str, ...] = ()
    queries: list[str] = field(default_factory=list[str])

    def find(self, query: str, scope: Scope, k: int, filter: Filter) -> SearchResult:
        self.queries.append(query)
        return SearchResult(self.hits[:k], {}, self.degraded)


@dataclass
class SearchByQuery(StubSearch):
    """Finds for each query what is given for it, else nothing; remembers with what scope and filter it was asked."""

    found: Mapping[str, tuple[Hit, ...]]
    asked: list[tuple[str, Scope, Filter]] = field(default_factory=list[tuple[str, Scope, Filter]])

    def find(self, query: str, scope: Scope, k: int, filter: Filter) -> SearchResult:
        self.asked.append((query, scope, filter))
        return SearchResult(self.found.get(query, ())[:k], {}, ())


@dataclass
class ScriptedCompleter(Completer):
    """Gives its replies one after the other, the last one again and again; None: it fails. Remembers its prompts."""

    replies: Sequence[str | None]
    seconds: float = 0.0
    prompts: list[str] = field(default_factory=list[str])

    async def complete(self, instruction: str, text: str, max_tokens: int) -> str:
        reply = self.replies[min(len(self.prompts), len(self.replies) - 1)]
        self.prompts.append(f"{instruction}\n{text}")
        await asyncio.sleep(self.seconds)
        if reply is None:
            raise GeneratorUnavailable("scripted")
        return reply


def replies(*said: str | None) -> ShortReplies:
    """A model that says these; without any there is no model."""
    return ShortReplies(ScriptedCompleter(said) if said else None)


def inquiry(said: ShortReplies | None = None) -> Inquiry:
    """Every way of searching, with that model behind it."""
    given = said or replies()
    return Inquiry(Expansion(given), Decomposition(given, count_tokens), SearchRounds(given, count_tokens))


def lookup(search: Searcher, filter: Filter = ()) -> Lookup:
    return Lookup(search, SCOPE, filter, rerank=True, prefer_recent=0.0, multi_hop=False)


@dataclass
class ScriptedGenerator(Generator):
    """Says its pieces, then breaks if it is told to; counts calls and streams that were closed."""

    pieces: Sequence[str] = ("Paris is the capital of France [1].",)
    breaks: bool = False
    calls: int = 0
    closed: int = 0

    @property
    def name(self) -> str:
        return "scripted"

    async def stream(self, request: GenerationRequest) -> AsyncGenerator[GeneratorEvent, None]:
        self.calls += 1
        try:
            for piece in self.pieces:
                yield GeneratedText(piece)
            if self.breaks:
                raise GeneratorUnavailable("scripted")
            yield Usage(7, len(self.pieces))
        finally:
            self.closed += 1
