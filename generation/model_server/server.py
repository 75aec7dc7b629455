"""A server that speaks OpenAI's protocol, as vLLM does: so many calls at a time, one breaker, a bound on every step.

Beside /v1 a vLLM counts tokens by the served model's own tokenizer; a server that cannot is asked again a minute later.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import cast
from urllib.parse import urlsplit

import httpx
import orjson

from generation.errors import GeneratorUnavailable, UnknownAdapter
from generation.model_server.chat_stream import ChatEvent, ChatReader, Cut
from generation.model_server.connections import Transport
from generation.model_server.liveness import Liveness, Timeouts
from generation.model_server.patience import Patience
from generation.prompts.prompts import Message
from generation.types import GeneratedText
from retrieval.breaker import Breaker
from retrieval.server_client import bounded_async, headers

ANSWER_BYTES = 64 * 1024
_REPLY_BYTES = 4 << 20  # of a list of models, or of a prompt's tokens
_DRAIN_SECONDS = 0.2
_SMALL_CONNECTIONS = 16  # for short questions, which wait for no answer
_REMEMBERED_SECONDS = 60.0
_REFUSED = frozenset({400, 404, 413, 422})  # of one request: the server is well
_MISSING = frozenset({404, 405, 501})


class ModelServer:
    """One server; `aclose` when the service stops."""

    def __init__(
        self, base_url: str, api_key: str | None, timeouts: Timeouts, connections: int, breaker: Breaker
    ) -> None:
        if urlsplit(base_url).scheme not in {"http", "https"}:
            raise ValueError(f"{base_url}: expected an http or https address that ends in /v1")
        self._timeouts = timeouts
        self._breaker = breaker
        self._patience = Patience()
        self._liveness = Liveness(timeouts)
        self._base = base_url.rstrip("/")
        self._windows: dict[str, int | None] = {}
        self._windows_until = 0.0
        self._uncounted_until: dict[str, float] = {}
        self._places = asyncio.Semaphore(connections)
        self._client = httpx.AsyncClient(
            headers=headers(api_key),
            timeout=httpx.Timeout(None),  # what is waited for is bounded by Patience
            transport=Transport(connections + _SMALL_CONNECTIONS),
            follow_redirects=False,
            trust_env=False,
        )

    @property
    def rests(self) -> bool:
        """Whether it failed so often that nothing goes out now."""
        return self._breaker.rests

    async def aclose(self) -> None:
        """Close the pool; streams that are still open break off."""
        await self._client.aclose()

    async def chat(
        self, body: Mapping[str, object], max_tokens: int, *, in_passing: bool = False
    ) -> AsyncGenerator[ChatEvent, None]:
        """One guarded call: its outcome counts for the breaker, unless it is given up by whoever reads.

        `in_passing`: it is not made at all while the server says nothing. Raises UnknownAdapter where the server has no
        model of that name, else GeneratorUnavailable.
        """
        async with self._place(), self._counted():
            self._require_voice(in_passing=in_passing)
            if not self._breaker.admits():
                raise _Refused("the model server failed repeatedly and rests")
            async with self._opened(body) as call, aclosing(call.events(max_tokens)) as events:
                async for event in events:
                    yield event
        self._breaker.succeeded()

    async def windows(self, *, afresh: bool = False) -> Mapping[str, int | None]:
        """Every model and adapter by its name, with how many tokens it reads and writes where the server tells.

        Empty for a server that lists none; remembered for a minute.
        """
        if afresh or time.monotonic() >= self._windows_until:
            reply = await self._small("GET", f"{self._base}/models", None)
            self._windows = windows_in(reply)
            self._windows_until = time.monotonic() + _REMEMBERED_SECONDS
        return self._windows

    async def count_tokens(self, model: str, messages: Sequence[Message]) -> int | None:
        """Tokens of the whole prompt as the server makes it of the messages; None where it does not tell."""
        if time.monotonic() < self._uncounted_until.get(model, 0.0):
            return None
        body = {"model": model, "messages": [message.body() for message in messages], "add_generation_prompt": True}
        count = (await self._small("POST", self._base.removesuffix("/v1") + "/tokenize", body)).get("count")
        if isinstance(count, int) and count > 0:
            return count
        self._uncounted_until[model] = time.monotonic() + _REMEMBERED_SECONDS
        return None

    async def _small(self, method: str, url: str, body: Mapping[str, object] | None) -> dict[str, object]:
        """A short question; an empty table where the server does not know it. Failures count, success does not."""
        self._require_voice()
        async with self._counted(), self._watched(self._timeouts.silence):
            request = self._client.build_request(method, url, json=body)
            response = await self._client.send(request, stream=True)
            try:
                content = await bounded_async(response.aiter_raw(), _REPLY_BYTES)
            finally:
                await asyncio.shield(response.aclose())
        if response.status_code in _MISSING:
            return {}
        if response.status_code != 200:
            raise _Refused(f"the model server: HTTP {response.status_code}")
        try:
            reply: object = orjson.loads(content)
        except ValueError as error:
            raise GeneratorUnavailable("the model server sent what is no JSON") from error
        return cast("dict[str, object]", reply) if isinstance(reply, dict) else {}

    @asynccontextmanager
    async def _place(self) -> AsyncGenerator[None, None]:
        """A turn among those who ask, first come, first served; to find none in time is not the server's fault."""
        try:
            async with asyncio.timeout(self._timeouts.queue):
                await self._places.acquire()
        except TimeoutError:
            raise GeneratorUnavailable("as many answers are under way as the model server is given at a time") from None
        try:
            yield
        finally:
            self._places.release()

    @asynccontextmanager
    async def _counted(self) -> AsyncGenerator[None, None]:
        """What goes wrong within is GeneratorUnavailable, and counts for the breaker if it is the server's fault."""
        try:
            yield
        except TimeoutError as error:
            self._breaker.failed()
            raise GeneratorUnavailable(
                "the model server said nothing in time; OPENBOOK_GENERATOR_TIMEOUT_SECONDS gives a slow one longer"
            ) from error
        except (httpx.HTTPError, httpx.StreamError) as error:
            self._breaker.failed()
            raise GeneratorUnavailable(f"the model server: {type(error).__name__}") from error
        except (_Refused, UnknownAdapter):
            raise
        except GeneratorUnavailable:
            self._breaker.failed()
            raise

    @asynccontextmanager
    async def _opened(self, body: Mapping[str, object]) -> AsyncGenerator["_Call", None]:
        """The response's head has come and is good; leaving closes the connection unless all was read."""
        request = self._client.build_request(
            "POST", f"{self._base}/chat/completions", json=body, headers={"Accept": "text/event-stream"}
        )
        async with self._watched(self._timeouts.until_given_up) as began:
            response = await self._client.send(request, stream=True)
        try:
            self._require_taken(response.status_code, str(body["model"]))
            yield _Call(response.aiter_raw(), self._timeouts, self._patience, self._liveness, began)
        finally:
            await asyncio.shield(response.aclose())

    def _require_taken(self, status: int, model: str) -> None:
        """A server that refuses a request is well, whoever probes it."""
        if status in _REFUSED:
            self._breaker.succeeded()
        if status == 404:
            raise UnknownAdapter(f"the model server has no model named {model}")
        if status != 200:
            kind = _Refused if status in _REFUSED else GeneratorUnavailable
            raise kind(f"the model server: HTTP {status}")

    def _require_voice(self, *, in_passing: bool = False) -> None:
        now = self._patience.now()
        if self._liveness.is_mute(now) or (in_passing and self._liveness.is_silent(now)):
            raise _Refused("the model server takes calls and says nothing")

    @asynccontextmanager
    async def _watched(self, seconds: float) -> AsyncGenerator[float, None]:
        """Gives the moment when a call begins; to leave without the head of its response tells of a silence.

        Raises TimeoutError after so many seconds.
        """
        began = self._patience.now()
        try:
            async with self._patience.until(lambda: began + seconds):
                yield began
        except (TimeoutError, asyncio.CancelledError):
            self._liveness.given_up(began, self._patience.now())
            raise


class _Refused(GeneratorUnavailable):
    """Not a failure of the server: it does not take this request, or is not asked at all."""


@dataclass(frozen=True, slots=True)
class _Call:
    """A response under way, and what bounds it."""

    received: AsyncIterator[bytes]
    timeouts: Timeouts
    patience: Patience
    liveness: Liveness
    began: float

    async def events(self, max_tokens: int) -> AsyncGenerator[ChatEvent, None]:
        """Events until [DONE]; a stream that goes on past any bound is Cut, one that stalls or breaks raises."""
        reader = ChatReader()
        end = self.began + self.timeouts.whole
        last, most = self.began, self.timeouts.first_token
        pieces = size = 0

        def due() -> float:
            return min(end, self.liveness.due(last, most))

        try:
            while not reader.done:
                try:
                    async with self.patience.until(due):
                        received = await anext(self.received)
                except StopAsyncIteration:
                    raise GeneratorUnavailable("the model server's stream broke off") from None
                except TimeoutError:
                    if pieces and self.patience.now() >= end:
                        yield Cut()
                        return
                    raise
                for event in reader.feed(received):
                    if isinstance(event, GeneratedText):
                        pieces += 1
                        size += len(event.text.encode())
                        last, most = self.patience.now(), self.timeouts.between_tokens
                        self.liveness.heard(last)
                        if pieces > max_tokens or size > ANSWER_BYTES:
                            yield Cut()
                            return
                    yield event
        finally:
            if not pieces:
                self.liveness.given_up(self.began, self.patience.now())
        if not pieces:
            raise GeneratorUnavailable("the model server said nothing")
        await self._drain()

    async def _drain(self) -> None:
        """Read the end of the response, so that its connection can be used again."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_DRAIN_SECONDS):
                async for _ in self.received:
                    pass


def windows_in(reply: Mapping[str, object]) -> dict[str, int | None]:
    """The names and windows in a list of models; an adapter without a window of its own has its base model's."""
    listed = reply.get("data")
    windows: dict[str, int | None] = {}
    for card in cast("list[object]", listed) if isinstance(listed, list) else []:
        told = cast("dict[str, object]", card) if isinstance(card, dict) else {}
        name, window, parent = told.get("id"), told.get("max_model_len"), told.get("parent")
        if isinstance(name, str):
            base = windows.get(parent) if isinstance(parent, str) else None
            windows[name] = window if isinstance(window, int) and window > 0 else base
    return windows
