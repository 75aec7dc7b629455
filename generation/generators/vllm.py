"""Answers from a vLLM server, or any other that streams OpenAI's chat completions; nothing it sends is trusted."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from copy import copy
from dataclasses import replace

from generation.answer_schema import AnswerSchema
from generation.errors import GeneratorUnavailable, UnknownAdapter
from generation.model_server.liveness import Timeouts, timeouts_within
from generation.model_server.server import ModelServer
from generation.ports import Completer, Generator
from generation.prompts.fitting import Fitting, TextFitting
from generation.prompts.prompts import Message, answer_messages, neutralise
from generation.structured import reply_schema
from generation.types import GeneratedText, GenerationRequest, GeneratorEvent, Usage
from retrieval.breaker import Breaker


class VllmGenerator(Generator, Completer):
    """One model, or one adapter of it, on one server; `aclose` when the service stops."""

    def __init__(
        self,
        base_url: str,
        model: str,
        api_key: str | None = None,
        timeout_seconds: float = 60.0,
        connections: int = 64,
        timeouts: Timeouts | None = None,
        breaker: Breaker | None = None,
    ) -> None:
        self._model = self._served = model
        self._server = ModelServer(
            base_url, api_key, timeouts or timeouts_within(timeout_seconds), connections, breaker or Breaker()
        )

    @property
    def name(self) -> str:
        return self._served

    def adapted(self, adapter: str) -> "VllmGenerator":
        other = copy(self)
        other._served = adapter
        return other

    async def adapters(self) -> list[str]:
        """The names that the server knows beside the model's, asked of it now."""
        return sorted(set(await self._server.windows(afresh=True)) - {self._model})

    async def fitted(self, request: GenerationRequest) -> GenerationRequest:
        """What fits the window with the answer, by the served model's own count.

        A server that tells no window is sent the whole request; one that counts no tokens gets what fits by an
        estimate. Raises UnknownAdapter where the server lists its models and this one is not among them.
        """
        if self._server.rests:
            return request
        windows = await self._server.windows()
        if self._served != self._model and self._served not in windows:
            windows = await self._server.windows(afresh=True)
            if windows and self._served not in windows:
                raise UnknownAdapter(f"the model server has no adapter named {self._served}")
        window = windows.get(self._served)
        if window is None:
            return request
        return await Fitting(window, self._count).fitted(request)

    async def stream(self, request: GenerationRequest) -> AsyncGenerator[GeneratorEvent, None]:
        """The model's text as it comes, then Usage; cut after `max_tokens` pieces, 64 KiB or the whole timeout."""
        tail = ""
        usage: Usage | None = None
        cut = False
        pieces = 0
        chat = self._server.chat(
            self._body(answer_messages(request), request.temperature, request.max_tokens, request.schema),
            request.max_tokens,
        )
        async with aclosing(chat) as events:
            async for event in events:
                if isinstance(event, GeneratedText):
                    pieces += 1
                    tail = tail[-len(request.marker) :] + event.text
                    if request.marker in tail:
                        raise GeneratorUnavailable(f"{self.name} repeats its prompt")
                    yield event
                elif isinstance(event, Usage):
                    usage = event
                else:
                    cut = True
        yield replace(usage or Usage(request.context.tokens, pieces), cut=cut)  # a stream that was cut has not told

    async def complete(self, instruction: str, text: str, max_tokens: int) -> str:
        """What the model makes of `text`, or of as much of its end as fits the window."""
        text = neutralise(text)
        if not self._server.rests:
            window = (await self._server.windows()).get(self._served)
            if window is not None:
                max_tokens = min(max_tokens, window // 2)
                text = await TextFitting(window - max_tokens, self._count_text).fitted(instruction, text)
        body = self._body(_short(instruction, text), 0.0, max_tokens)
        async with aclosing(self._server.chat(body, max_tokens, in_passing=True)) as events:
            return "".join([event.text async for event in events if isinstance(event, GeneratedText)])

    async def aclose(self) -> None:
        await self._server.aclose()

    async def _count(self, request: GenerationRequest) -> int | None:
        return await self._server.count_tokens(self._served, answer_messages(request))

    async def _count_text(self, instruction: str, text: str) -> int | None:
        return await self._server.count_tokens(self._served, _short(instruction, text))

    def _body(
        self, messages: Sequence[Message], temperature: float, max_tokens: int, schema: AnswerSchema | None = None
    ) -> dict[str, object]:
        """All that is ever sent: what an asker chose is mapped into it, nothing is passed on."""
        return _form(schema) | {
            "model": self._served,
            "messages": [message.body() for message in messages],
            "temperature": temperature,
            "max_tokens": max_tokens,
            "stream": True,
            "stream_options": {"include_usage": True},
        }


def _short(instruction: str, text: str) -> list[Message]:
    return [Message("system", instruction), Message("user", text)]


def _form(schema: AnswerSchema | None) -> dict[str, object]:
    """What holds the model's words to a schema, if there is one."""
    if schema is None:
        return {}
    held = {"name": "answer", "schema": reply_schema(schema), "strict": True}
    return {"response_format": {"type": "json_schema", "json_schema": held}}
