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

from generation.chat_stream import ChatEvent, ChatReader
from generation.errors import GeneratorUnavailable, UnknownAdapter
from generation.prompts import Message
from generation.types import GeneratedText
from retrieval.breaker import Breaker

ANSWER_BYTES = 64 * 1024
_REPLY_BYTES = 4 << 20  # of a list of models, or of a prompt's tokens
_DRAIN_SECONDS = 0.2
_SMALL_CONNECTIONS = 16  # for short questions, which wait for no answer
_REMEMBERED_SECONDS = 60.0
_REFUSED = frozenset({400, 404, 413, 422})  # of one request: it says nothing of the next, so the breaker ignores it
_MISSING = frozenset({404, 405, 501})


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds until each step must be done: `queue` for a place among those who ask, `head` for the response's head."""

    connect: float
    first_token: float
    between_tokens: float
    whole: float
    queue: float = 2.0
    head: float = 60.0


def timeouts_within(whole: float) -> Timeouts:
    """Steps in proportion to the whole: nobody waits a minute to learn that a server hangs.

    vLLM sends the head of a response before the model has begun, so a late one tells of a server that is stuck, and
    not of a queue or of a slow model.
    """
    return Timeouts(
        connect=min(2.0, whole / 4),
        first_token=whole / 4,
        between_tokens=whole / 4,
        whole=whole,
        queue=whole / 6,
        head=whole / 24,
    )


class ModelServer:
    """One server; `aclose` when the service stops."""

    def __init__(
        self, base_url: str, api_key: str | None, timeouts: Timeouts, connections: int, breaker: Breaker
    ) -> None:
        if urlsplit(base_url).scheme not in {"http", "https"}:
            raise ValueError(f"{base_url}: expected an http or https address that ends in /v1")
        self._timeouts = timeouts
        self._breaker = breaker
        self._base = base_url.rstrip("/")
        self._windows: dict[str, int | None] = {}
        self._windows_until = 0.0
        self._uncounted_until: dict[str, float] = {}
        self._places = asyncio.Semaphore(connections)
        most = connections + _SMALL_CONNECTIONS
        key = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._client = httpx.AsyncClient(
            # what is compressed could unpack to anything
            headers={"Accept-Encoding": "identity"} | key,
            timeout=httpx.Timeout(None, connect=timeouts.connect, pool=timeouts.connect),
            limits=httpx.Limits(max_connections=most, max_keepalive_connections=most),
            follow_redirects=False,
            trust_env=False,
        )

    @property
    def rests(self) -> bool:
        """Whether it failed so often that only probes go out."""
        return self._breaker.is_open

    async def aclose(self) -> None:
        """Close the pool; streams that are still open break off."""
        await self._client.aclose()

    async def chat(self, body: Mapping[str, object], max_tokens: int) -> AsyncGenerator[ChatEvent, None]:
        """One guarded call: its outcome counts for the breaker, unless it is given up by whoever reads.

        Raises UnknownAdapter where the server has no model of that name, else GeneratorUnavailable.
        """
        async with self._place(), self._counted():
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
        async with self._counted(), asyncio.timeout(self._timeouts.head):
            request = self._client.build_request(method, url, json=body)
            response = await self._client.send(request, stream=True)
            try:
                content = b""
                async for part in response.aiter_raw():
                    content += part
                    if len(content) > _REPLY_BYTES:
                        raise GeneratorUnavailable("the model server's reply is too long")
            finally:
                await response.aclose()
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
        except (httpx.HTTPError, httpx.StreamError, TimeoutError) as error:
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
        began = asyncio.get_running_loop().time()
        request = self._client.build_request(
            "POST", f"{self._base}/chat/completions", json=body, headers={"Accept": "text/event-stream"}
        )
        async with asyncio.timeout(min(self._timeouts.head, self._timeouts.first_token)):
            response = await self._client.send(request, stream=True)
        try:
            if response.status_code == 404:
                raise UnknownAdapter(f"the model server has no model named {body['model']}")
            if response.status_code != 200:
                kind = _Refused if response.status_code in _REFUSED else GeneratorUnavailable
                raise kind(f"the model server: HTTP {response.status_code}")
            yield _Call(response.aiter_raw(), self._timeouts, began)
        finally:
            await response.aclose()


class _Refused(GeneratorUnavailable):
    """Not a failure of the server: it does not take this request, or is not asked at all."""


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
