"""Who writes an answer, and who takes over where that fails: an adapter, the model itself, extracts."""

import logging
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field

from generation.draft import Draft
from generation.errors import GeneratorUnavailable, UnknownAdapter
from generation.ports import Generator
from generation.structured import StructuredDraft
from generation.threads import in_thread
from generation.types import GenerationRequest, Usage
from retrieval.types import Context

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Stopwatch:
    """When the question came, and how many milliseconds each stage took."""

    start: float = field(default_factory=time.perf_counter)
    timings: dict[str, float] = field(default_factory=dict[str, float])

    def since(self, moment: float) -> float:
        """Milliseconds from that moment until now."""
        return (time.perf_counter() - moment) * 1000

    def lap(self, stage: str) -> None:
        """The stage has ended; it began where the one before did, or when the question came."""
        self.timings[stage] = self.since(self.start) - sum(self.timings.values())


class Writing:
    """One answer while it is written; `degraded` names what it had to do without."""

    def __init__(
        self, generator: Generator, adapter: str | None, fallback: Generator, *, remove_unsupported: bool
    ) -> None:
        self._remove_unsupported = remove_unsupported
        self._fallback = fallback
        adapted = generator if adapter is None else generator.adapted(adapter)
        self._others = [] if generator is fallback else [("generator", fallback)]
        if adapted is not generator:
            self._others.insert(0, ("adapter", generator))
        self.generator = adapted
        self.draft = Draft(Context((), 0, 0))
        self.degraded: tuple[str, ...] = ()

    async def fitted(self, request: GenerationRequest) -> GenerationRequest:
        """The request as whoever writes will read it."""
        while True:
            try:
                return await self.generator.fitted(request)
            except GeneratorUnavailable as error:
                self._pass_on(error, request)

    async def released(self, request: GenerationRequest, watch: Stopwatch) -> AsyncGenerator[str, None]:
        """Checked text as it comes. Raises GeneratorUnavailable where text was released before, or nobody is left."""
        while True:
            self.draft = self._new_draft(request)
            try:
                async with aclosing(self._written(request, watch)) as texts:
                    async for text in texts:
                        yield text
            except GeneratorUnavailable as error:
                self._pass_on(error, request)
            else:
                return

    def _pass_on(self, error: GeneratorUnavailable, request: GenerationRequest) -> None:
        """The next takes over: without its adapter the model itself, without the model's server whoever needs none."""
        if self.draft.text or not self._others:
            raise error
        if not isinstance(error, UnknownAdapter):
            del self._others[:-1]
        part, self.generator = self._others.pop(0)
        _log.warning("an answer goes on without its %s: %s", part, error)
        self.degraded = (*self.degraded, part)
        if self.generator is self._fallback and request.schema is not None:
            self.degraded = (*self.degraded, "structured")

    async def _written(self, request: GenerationRequest, watch: Stopwatch) -> AsyncGenerator[str, None]:
        """What never ends is cut."""
        draft = self.draft
        start = time.perf_counter()
        async with aclosing(self.generator.stream(request)) as events:
            async for event in events:
                watch.timings.setdefault("first_token", watch.since(start))
                if isinstance(event, Usage):
                    draft.usage = event
                elif text := draft.add(event):
                    yield text
                if draft.overflows:
                    break
        cut = draft.usage.cut or draft.overflows
        if cut:
            self.degraded = (*self.degraded, "length")
        if text := await in_thread(draft.finish):
            yield text
        if cut and self._others and not draft.text and not draft.abstained:
            raise GeneratorUnavailable(f"{self.generator.name} was cut before it had cited anything")
        watch.timings["generate"] = watch.since(start)

    def _new_draft(self, request: GenerationRequest) -> Draft:
        if request.schema is None or self.generator is self._fallback:
            return Draft(request.context, marker=request.marker, remove_unsupported=self._remove_unsupported)
        return StructuredDraft(request, request.schema, remove_unsupported=self._remove_unsupported)
