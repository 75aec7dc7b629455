"""A question → a cited answer or an honest abstention: retrieve, weigh, pack, generate, check, cite."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field

from generation.draft import Draft
from generation.errors import GeneratorUnavailable, UnknownGenerator
from generation.grounding import evidence
from generation.language import reply_language
from generation.ports import Generator, Searcher
from generation.prompt_texts import ABSTENTION
from generation.query import StandaloneQuestion
from generation.types import (
    Answer,
    Answered,
    AnswerEvent,
    AnswerOptions,
    ContextReady,
    Delta,
    GenerationRequest,
    Language,
    Turn,
    Usage,
)
from retrieval.context import pack
from retrieval.types import Context, Scope, SearchResult

NO_OPTIONS = AnswerOptions()
_DEEPER = (250, 1500)  # hits that are looked through when those asked for repeat each other
_NOTHING = Context(passages=(), tokens=0, tokens_uncompressed=0)


@dataclass(frozen=True, slots=True)
class Answerer:
    """Answers from the documents in scope alone."""

    retriever: Searcher
    generators: Mapping[str, Generator]
    default_generator: str
    fallback: Generator
    rewriter: StandaloneQuestion
    count_tokens: Callable[[Sequence[str]], list[int]]
    abstain_below: float
    context_tokens: int
    remove_unsupported: bool = False
    k: int = 10

    def stream(
        self, question: str, scope: Scope, history: tuple[Turn, ...] = (), options: AnswerOptions = NO_OPTIONS
    ) -> AsyncGenerator[AnswerEvent, None]:
        """ContextReady, the checked text as Deltas, then Answered. Closing it frees the generator at once.

        Raises UnknownGenerator at once; within the stream what retrieval raises, and GeneratorUnavailable when the
        generator fails after text was released (before that, the fallback answers and `degraded` says so).
        """
        name = options.generator or self.default_generator
        if name not in self.generators:
            raise UnknownGenerator(f"{name}: expected one of {', '.join(sorted(self.generators))}")
        return self._events(question, scope, history, options, self.generators[name])

    async def answer(
        self, question: str, scope: Scope, history: tuple[Turn, ...] = (), options: AnswerOptions = NO_OPTIONS
    ) -> Answer:
        """The stream's last event, waited for."""
        async with aclosing(self.stream(question, scope, history, options)) as events:
            async for event in events:
                if isinstance(event, Answered):
                    return event.answer
        raise GeneratorUnavailable("the answer ended before it was whole")

    async def aclose(self) -> None:
        """The service stops: its generators let go of what they hold."""
        for generator in self.generators.values():
            await generator.aclose()

    async def _events(
        self, question: str, scope: Scope, history: tuple[Turn, ...], options: AnswerOptions, generator: Generator
    ) -> AsyncGenerator[AnswerEvent, None]:
        watch = _Stopwatch()
        language = options.language or reply_language(question)
        asked = await self.rewriter.rewrite(question, history)
        grounds = await asyncio.to_thread(self._grounds, asked, scope, options)
        watch.timings |= {"retrieve": grounds.retrieve_ms, "pack": grounds.pack_ms}
        yield ContextReady(grounds.context)
        writing = _Writing(Draft(grounds.context, remove_unsupported=self.remove_unsupported), generator)
        if grounds.context.passages:
            request = GenerationRequest(
                asked,
                grounds.context,
                history,
                language,
                options.temperature,
                options.max_tokens,
                options.style,
            )
            async with aclosing(self._written(request, writing, watch)) as texts:
                async for text in texts:
                    yield Delta(text)
        if not writing.draft.text:
            yield Delta(ABSTENTION[language])
        yield Answered(_answer(question, language, grounds, writing, watch))

    def _grounds(self, asked: str, scope: Scope, options: AnswerOptions) -> "_Grounds":
        """What the answer may rest on: the packed passages, or none where the evidence is too weak."""
        start = time.perf_counter()
        k, recent = options.k or self.k, options.prefer_recent
        found = self.retriever.search(asked, scope, k, options.filter, rerank=options.rerank, prefer_recent=recent)
        borne = evidence(asked, found.hits)
        weak = not found.hits or borne < self.abstain_below
        searched = time.perf_counter()
        context = _NOTHING if weak else self._packed(found, asked, scope, options)
        packed = time.perf_counter()
        return _Grounds(context, borne, found.degraded, (searched - start) * 1000, (packed - searched) * 1000)

    def _packed(self, found: SearchResult, asked: str, scope: Scope, options: AnswerOptions) -> Context:
        """A context of `k` passages; where half of the hits say the same, what stands behind them is looked at too."""
        k, budget = options.k or self.k, options.context_tokens or self.context_tokens
        context = pack(found.hits, asked, budget, options.compress, self.count_tokens, k)
        for depth in _DEEPER:
            if 2 * context.left_out < k or len(found.hits) < min(k, depth) or _has_others(context, k):
                break
            recent = options.prefer_recent
            found = self.retriever.search(
                asked, scope, depth, options.filter, rerank=options.rerank, prefer_recent=recent
            )
            context = pack(found.hits, asked, budget, options.compress, self.count_tokens, k)
        return context

    async def _written(
        self, request: GenerationRequest, writing: "_Writing", watch: "_Stopwatch"
    ) -> AsyncGenerator[str, None]:
        """Released text of the generator, or of the fallback if it fails with nothing released."""
        try:
            async with aclosing(_released(request, writing, watch)) as texts:
                async for text in texts:
                    yield text
        except GeneratorUnavailable:
            if writing.draft.text or writing.generator is self.fallback:
                raise
            writing.degraded = ("generator",)
            writing.generator = self.fallback
            writing.draft = Draft(request.context, remove_unsupported=self.remove_unsupported)
        else:
            return
        async with aclosing(_released(request, writing, watch)) as texts:
            async for text in texts:
                yield text


def _has_others(context: Context, k: int) -> bool:
    """Whether it holds what stood behind the first hits."""
    return any(passage.hit.rank > k for passage in context.passages)


@dataclass(frozen=True, slots=True, eq=False)
class _Grounds:
    """What retrieval gave for one question."""

    context: Context
    evidence: float
    degraded: tuple[str, ...]
    retrieve_ms: float
    pack_ms: float


@dataclass(slots=True)
class _Writing:
    """Who writes, and how far the draft has come."""

    draft: Draft
    generator: Generator
    degraded: tuple[str, ...] = ()


@dataclass(slots=True)
class _Stopwatch:
    """When the question came, and how many milliseconds each stage took."""

    start: float = field(default_factory=time.perf_counter)
    timings: dict[str, float] = field(default_factory=dict[str, float])

    def since(self, moment: float) -> float:
        return (time.perf_counter() - moment) * 1000


async def _released(request: GenerationRequest, writing: _Writing, watch: _Stopwatch) -> AsyncGenerator[str, None]:
    """Checked text as it comes; what never ends is cut."""
    draft = writing.draft
    start = time.perf_counter()
    async with aclosing(writing.generator.stream(request)) as events:
        async for event in events:
            watch.timings.setdefault("first_token", watch.since(start))
            if isinstance(event, Usage):
                draft.usage = event
            elif text := draft.add(event):
                yield text
            if draft.overflows:
                break
    if text := draft.finish():
        yield text
    watch.timings["generate"] = watch.since(start)


def _answer(question: str, language: Language, grounds: _Grounds, writing: _Writing, watch: _Stopwatch) -> Answer:
    draft = writing.draft
    timings = {"first_token": 0.0, "generate": 0.0} | watch.timings
    return Answer(
        question=question,
        text=draft.text or ABSTENTION[language],
        abstained=not draft.text,
        evidence=grounds.evidence,
        citations=draft.citations,
        sentences=tuple(draft.sentences),
        support=draft.support,
        generator=writing.generator.name,
        degraded=(*grounds.degraded, *writing.degraded),
        context=grounds.context,
        usage=draft.usage,
        timings_ms=timings | {"total": watch.since(watch.start)},
    )
