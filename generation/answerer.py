"""A question → a cited answer or an honest abstention: retrieve, weigh, pack, generate, check, cite."""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from generation.errors import GeneratorNeeded, GeneratorUnavailable, UnknownAdapter, UnknownGenerator
from generation.grounding import evidence
from generation.inquiry.inquiry import Findings, Inquiry
from generation.inquiry.lookup import Finding, Lookup, merged
from generation.language import reply_language
from generation.ports import Generator, Searcher
from generation.prompts.texts import ABSTENTION
from generation.query import StandaloneQuestion
from generation.threads import in_thread
from generation.types import (
    Answer,
    Answered,
    AnswerEvent,
    AnswerOptions,
    ContextReady,
    Delta,
    GenerationRequest,
    Searched,
    Turn,
)
from generation.writing import Stopwatch, Writing
from retrieval.context import pack
from retrieval.types import Context, Scope

NO_OPTIONS = AnswerOptions()
_DEEPER = (250, 1500)  # hits that are looked through when those asked for repeat each other
_WEIGHED = frozenset({"question", "query"})  # a hypothetical answer is always near something
_NOTHING = Context(passages=(), tokens=0, tokens_uncompressed=0)


@dataclass(frozen=True, slots=True)
class Answerer:
    """Answers from the documents in scope alone."""

    retriever: Searcher
    generators: Mapping[str, Generator]
    default_generator: str
    fallback: Generator
    rewriter: StandaloneQuestion
    inquiry: Inquiry
    count_tokens: Callable[[Sequence[str]], list[int]]
    abstain_below: float
    context_tokens: int
    remove_unsupported: bool = False
    k: int = 10
    adapter_of: Callable[[Scope], str | None] = lambda _: None
    """The adapter that the collections in scope agree on; blocks, so it is called from a thread."""
    calibrated: Callable[[Scope], float | None] = lambda _: None
    """The threshold of abstention that was found by calibration for these collections, to go before `abstain_below`.

    It blocks, too.
    """
    being_read: Callable[[Scope], bool] = lambda _: False
    """Whether documents in scope are not read yet, which an abstention then owns to; blocks."""

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
        if options.schema is not None and name == self.fallback.name:
            raise GeneratorNeeded("json_schema: extracts fit no schema; OPENBOOK_GENERATOR_URL names a language model")
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

    async def check_adapter(self, adapter: str) -> None:
        """Raises UnknownAdapter where the model's server has none of that name, naming those that it has."""
        there = await self.generators[self.default_generator].adapters()
        if adapter not in there:
            raise UnknownAdapter(f"{adapter}: the model's server has {', '.join(there) or 'none loaded'}")

    async def aclose(self) -> None:
        """The service stops: its generators let go of what they hold."""
        for generator in self.generators.values():
            await generator.aclose()

    async def _events(
        self, question: str, scope: Scope, history: tuple[Turn, ...], options: AnswerOptions, generator: Generator
    ) -> AsyncGenerator[AnswerEvent, None]:
        watch = Stopwatch()
        language = options.language or reply_language(question)
        asked = await self.rewriter.rewrite(question, history)
        watch.lap("rewrite")
        lookup = Lookup(self.retriever, scope, options.filter, options.rerank, options.prefer_recent, options.multi_hop)
        findings = await self.inquiry.find(asked, lookup, options.k or self.k, options)
        watch.lap("retrieve")
        grounds = await in_thread(self._grounds, asked, lookup, findings, options)
        watch.lap("pack")
        writing = Writing(generator, grounds.adapter, self.fallback, remove_unsupported=self.remove_unsupported)
        request = GenerationRequest(
            asked,
            grounds.context,
            history,
            language,
            options.temperature,
            options.max_tokens,
            options.style,
            options.schema,
        )
        if grounds.context.passages:
            request = await writing.fitted(request)
        yield ContextReady(request.context)
        if request.context.passages:
            async with aclosing(writing.released(request, watch)) as texts:
                async for text in texts:
                    yield Delta(text)
        if not writing.draft.text:
            yield Delta(ABSTENTION[language])
            if await in_thread(self.being_read, scope):
                writing.degraded = (*writing.degraded, "documents")
        yield Answered(_answer(question, request, grounds, writing, watch))

    def _grounds(self, asked: str, lookup: Lookup, findings: Findings, options: AnswerOptions) -> "_Grounds":
        """What the answer may rest on: the packed passages, or none where the evidence is too weak."""
        weighed = [each for each in findings.searched if each.kind in _WEIGHED]
        borne = max(evidence(each.query, each.result.hits) for each in weighed)
        below = self.calibrated(lookup.scope)
        weak = borne < (self.abstain_below if below is None else below)
        context = _NOTHING if weak else self._packed(findings.searched, asked, lookup, options)
        adapter = self.adapter_of(lookup.scope) if context.passages else None
        return _Grounds(findings, context, borne, adapter)

    def _packed(self, searched: Sequence[Finding], asked: str, lookup: Lookup, options: AnswerOptions) -> Context:
        """A context of `k` passages; where half of the hits say the same, what stands behind them is looked at too."""
        k, budget = options.k or self.k, options.context_tokens or self.context_tokens
        hits = merged(searched, k)
        context = pack(hits, asked, budget, options.compress, self.count_tokens, k)
        for depth in _DEEPER:
            if 2 * context.left_out < k or len(hits) < min(k, depth) or _has_others(context, k):
                break
            hits = merged(lookup.deeper(searched, depth), depth)
            context = pack(hits, asked, budget, options.compress, self.count_tokens, k)
        return context


def _has_others(context: Context, k: int) -> bool:
    """Whether it holds what stood behind the first hits."""
    return any(passage.hit.rank > k for passage in context.passages)


@dataclass(frozen=True, slots=True, eq=False)
class _Grounds:
    """What was searched for one question, and what an answer to it may rest on."""

    findings: Findings
    context: Context
    evidence: float
    adapter: str | None


def _answer(question: str, request: GenerationRequest, grounds: _Grounds, writing: Writing, watch: Stopwatch) -> Answer:
    draft = writing.draft
    searched = grounds.findings.searched
    failed = sorted({stage for each in searched for stage in each.result.degraded})
    timings = {"first_token": 0.0, "generate": 0.0} | watch.timings
    return Answer(
        question=question,
        text=draft.text or ABSTENTION[request.language],
        abstained=not draft.text,
        evidence=grounds.evidence,
        citations=draft.citations,
        sentences=tuple(draft.sentences),
        support=draft.support,
        generator=writing.generator.name,
        degraded=(*failed, *grounds.findings.skipped, *writing.degraded),
        context=request.context,
        usage=draft.usage,
        timings_ms=timings | {"total": watch.since(watch.start)},
        structured=draft.structured,
        trace=tuple(_searched(each, watch) for each in searched),
    )


def _searched(finding: Finding, watch: Stopwatch) -> Searched:
    return Searched(
        finding.kind,
        finding.query,
        len(finding.result.hits),
        (finding.started - watch.start) * 1000,
        (finding.ended - finding.started) * 1000,
        finding.answer,
    )
