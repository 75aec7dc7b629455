"""Answers from a vLLM server, or any other that streams OpenAI's chat completions; nothing it sends is trusted."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx

from generation.answer_schema import AnswerSchema
from generation.chat_stream import ChatEvent, ChatReader
from generation.errors import GeneratorUnavailable
from generation.ports import Completer, Generator
from generation.prompts import Message, answer_messages, neutralise, new_marker
from generation.structured import reply_schema
from generation.types import GeneratedText, GenerationRequest, GeneratorEvent, Usage
from retrieval.breaker import Breaker

ANSWER_BYTES = 64 * 1024
_DRAIN_SECONDS = 0.2
_REFUSED = frozenset({400, 413, 422})  # of one request: it says nothing of the next, so the breaker does not count it


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds until each step must be done."""

    connect: float
    first_token: float
    between_tokens: float
    whole: float


def timeouts_within(whole: float) -> Timeouts:
    """Steps in proportion to the whole: nobody waits a minute to learn that a server hangs."""
    return Timeouts(connect=min(2.0, whole / 4), first_token=whole / 4, between_tokens=whole / 4, whole=whole)


class VllmGenerator(Generator, Completer):
    """One server, one model, one bounded pool of connections and one breaker; `aclose` when the service stops."""

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
        if urlsplit(base_url).scheme not in {"http", "https"}:
            raise ValueError(f"{base_url}: expected an http or https address that ends in /v1")
        self._model = model
        self._timeouts = timeouts or timeouts_within(timeout_seconds)
        self._breaker = breaker or Breaker()
        self._url = base_url.rstrip("/") + "/chat/completions"
        key = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._client = httpx.AsyncClient(
            # what is compressed could unpack to anything
            headers={"Accept": "text/event-stream", "Accept-Encoding": "identity"} | key,
            timeout=httpx.Timeout(None, connect=self._timeouts.connect, pool=self._timeouts.connect),
            limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections),
            follow_redirects=False,
            trust_env=False,
        )

    @property
    def name(self) -> str:
        return self._model

    async def stream(self, request: GenerationRequest) -> AsyncGenerator[GeneratorEvent, None]:
        """The model's text as it comes, then Usage; cut after `max_tokens` pieces, 64 KiB or the whole timeout."""
        marker = new_marker()
        tail = ""
        usage: Usage | None = None
        pieces = 0
        messages = answer_messages(request, marker)
        async with aclosing(self._events(messages, request.temperature, request.max_tokens, request.schema)) as events:
            async for event in events:
                if isinstance(event, Usage):
                    usage = event
                    continue
                pieces += 1
                tail = tail[-len(marker) :] + event.text
                if marker in tail:
                    raise GeneratorUnavailable(f"{self._model} repeats its prompt")
                yield event
        yield usage or Usage(request.context.tokens, pieces)  # a stream that was cut has not told

    async def complete(self, instruction: str, text: str, max_tokens: int) -> str:
        messages = [Message("system", instruction), Message("user", neutralise(text))]
        async with aclosing(self._events(messages, 0.0, max_tokens)) as events:
            return "".join([event.text async for event in events if isinstance(event, GeneratedText)])

    async def aclose(self) -> None:
        """Close the pool; streams that are still open break off."""
        await self._client.aclose()

    async def _events(
        self, messages: Sequence[Message], temperature: float, max_tokens: int, schema: AnswerSchema | None = None
    ) -> AsyncGenerator[ChatEvent, None]:
        """One guarded call: its outcome counts for the breaker, unless it is given up by whoever reads."""
        if not self._breaker.admits():
            raise GeneratorUnavailable(f"{self._model} failed repeatedly and rests")
        try:
            async with (
                self._opened(self._body(messages, temperature, max_tokens, schema)) as call,
                aclosing(call.events(max_tokens)) as events,
            ):
                async for event in events:
                    yield event
        except httpx.PoolTimeout as error:
            raise GeneratorUnavailable(f"{self._model}: all connections are in use") from error
        except (httpx.HTTPError, httpx.StreamError, TimeoutError) as error:
            self._breaker.failed()
            raise GeneratorUnavailable(f"{self._model}: {type(error).__name__}") from error
        except _Refused:
            raise
        except GeneratorUnavailable:
            self._breaker.failed()
            raise
        self._breaker.succeeded()

    def _body(
        self, messages: Sequence[Message], temperature: float, max_tokens: int, schema: AnswerSchema | None
    ) -> dict[str, object]:
        """All that is ever sent: what an asker chose is mapped into it, nothing is passed on."""
        return _form(schema) | {
            "model": self._model,
            "messages": [{"role": message.role, "content": message.content} for message in messages],
            "temperature": temperature,
            "max_tokens": max_tokens,
            "stream": True,
            "stream_options": {"include_usage": True},
        }

    @asynccontextmanager
    async def _opened(self, body: dict[str, object]) -> AsyncGenerator["_Call", None]:
        """The response's head has come and is good; leaving closes the connection unless all was read."""
        began = asyncio.get_running_loop().time()
        async with asyncio.timeout(self._timeouts.first_token):
            response = await self._client.send(self._client.build_request("POST", self._url, json=body), stream=True)
        try:
            if response.status_code != 200:
                refused = response.status_code in _REFUSED
                kind = _Refused if refused else GeneratorUnavailable
                raise kind(f"{self._model}: HTTP {response.status_code}")
            yield _Call(response.aiter_raw(), self._timeouts, began)
        finally:
            await response.aclose()


def _form(schema: AnswerSchema | None) -> dict[str, object]:
    """What holds the model's words to a schema, if there is one."""
    if schema is None:
        return {}
    held = {"name": "answer", "schema": reply_schema(schema), "strict": True}
    return {"response_format": {"type": "json_schema", "json_schema": held}}


class _Refused(GeneratorUnavailable):
    """The server is well but does not take this request."""


@dataclass(frozen=True, slots=True)
class _Call:
    """A response under way, and the clock that bounds it."""

    received: AsyncIterator[bytes]
    timeouts: Timeouts
    began: float

    async def events(self, max_tokens: int) -> AsyncGenerator[ChatEvent, None]:
        """Events until [DONE]; a stream that goes on past any bound is cut, one that stalls or breaks raises."""
        reader = ChatReader()
        end = self.began + self.timeouts.whole
        due = self.began + self.timeouts.first_token
        pieces = size = 0
        while not reader.done:
            try:
                async with asyncio.timeout_at(min(due, end)):
                    received = await anext(self.received)
            except StopAsyncIteration:
                raise GeneratorUnavailable("the model server's stream broke off") from None
            except TimeoutError:
                if pieces and end <= due:
                    return
                raise
            for event in reader.feed(received):
                if isinstance(event, GeneratedText):
                    pieces += 1
                    size += len(event.text.encode())
                    due = asyncio.get_running_loop().time() + self.timeouts.between_tokens
                    if pieces > max_tokens or size > ANSWER_BYTES:
                        return
                yield event
        if not pieces:
            raise GeneratorUnavailable("the model server said nothing")
        await self._drain()

    async def _drain(self) -> None:
        """Read the end of the response, so that its connection can be used again."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_DRAIN_SECONDS):
                async for _ in self.received:
                    pass
