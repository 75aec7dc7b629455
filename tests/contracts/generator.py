"""What every generator must do; a backend's test class inherits it and says how to make one."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, aclosing

from generation.draft import Draft
from generation.ports import Generator
from generation.types import GeneratedText, GenerationRequest, GeneratorEvent, Usage
from tests.generation.given import CHINESE, PARIS, hit, request


class GeneratorContract:
    def new_generator(self) -> AbstractAsyncContextManager[Generator]:
        raise NotImplementedError

    def events(self, asked: GenerationRequest) -> list[GeneratorEvent]:
        async def collected() -> list[GeneratorEvent]:
            async with self.new_generator() as generator:
                return [event async for event in generator.stream(asked)]

        return asyncio.run(collected())

    def test_it_gives_text_and_then_its_usage_once(self) -> None:
        events = self.events(request())
        assert len(events) >= 2
        assert all(isinstance(event, GeneratedText) for event in events[:-1])
        assert isinstance(events[-1], Usage)
        assert events[-1].completion_tokens > 0

    def test_its_text_cites_a_passage_that_it_was_given(self) -> None:
        asked = request("What is the capital of France?", hit(PARIS), hit("Berlin is in Germany.", 2, near=0.1))
        draft = Draft(asked.context)
        released = "".join(draft.add(event) for event in self.events(asked) if isinstance(event, GeneratedText))
        assert released + draft.finish() == draft.text != ""
        assert {citation.label for citation in draft.citations} <= {1, 2}
        assert draft.citations

    def test_it_does_without_similarities(self) -> None:
        assert len(self.events(request("香港立法会有多少个议席？", hit(CHINESE, near=None)))) >= 2

    def test_it_can_be_closed_after_the_first_piece(self) -> None:
        async def closed_early() -> GeneratorEvent:
            async with self.new_generator() as generator, aclosing(generator.stream(request())) as events:
                return await anext(events)

        assert isinstance(asyncio.run(closed_early()), GeneratedText)

    def test_two_streams_do_not_mix(self) -> None:
        async def text_of(events: AsyncGenerator[GeneratorEvent, None]) -> str:
            return "".join([event.text async for event in events if isinstance(event, GeneratedText)])

        async def both() -> list[str]:
            async with self.new_generator() as generator:
                return await asyncio.gather(*(text_of(generator.stream(request())) for _ in range(2)))

        first, second = asyncio.run(both())
        assert first == second != ""

    def test_it_has_a_name(self) -> None:
        async def name() -> str:
            async with self.new_generator() as generator:
                return generator.name

        assert asyncio.run(name())
