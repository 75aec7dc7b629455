"""Server-sent events of a source that ends when its client leaves, its time is over, or the service stops."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from typing import Any

from fastapi.sse import KEEPALIVE_COMMENT, EventSourceResponse, ServerSentEvent, format_sse_event
from starlette.types import Receive, Scope, Send

from app.api.problems import ShuttingDown, TookTooLong, problem

_PING_SECONDS = 10.0
_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


@dataclass(slots=True)
class OpenStreams:
    """The streams of one app, so that a service that stops can end each with a word."""

    streams: "set[EventStream]" = field(default_factory=set["EventStream"])
    grace_seconds: float | None = None

    def drain(self, grace_seconds: float) -> None:
        """From now on no stream, open or yet to open, runs for longer than this."""
        self.grace_seconds = grace_seconds
        for stream in self.streams:
            stream.end_within(grace_seconds)


class EventStream(EventSourceResponse):
    """A reply of events.

    FastAPI's own routing leaves a generator suspended when its client leaves while it waits in the send buffer
    (measured: not closed 3.7 s later). Here one task drives the source, and ends with the reply. An exception of the
    source becomes the last event, by `failed`: a stream never ends in silence.
    """

    def __init__(
        self,
        source: AsyncGenerator[ServerSentEvent, None],
        failed: Callable[[Exception], ServerSentEvent],
        streams: OpenStreams,
        lifetime_seconds: float,
    ) -> None:
        self._source = source
        self._failed = failed
        self._streams = streams
        self._lifetime = lifetime_seconds
        self._frames: asyncio.Queue[bytes | None] = asyncio.Queue(maxsize=1)
        self._deadline: asyncio.Timeout | None = None
        super().__init__(self._sent(), headers=_HEADERS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the events; whatever ends this ends the source too."""
        pump = asyncio.create_task(self._pump())
        self._streams.streams.add(self)
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._streams.streams.discard(self)
            pump.cancel()
            with suppress(asyncio.CancelledError):
                await pump

    def end_within(self, seconds: float) -> None:
        """Give the source this much time and no more."""
        if self._deadline is None:
            self._lifetime = min(self._lifetime, seconds)
        else:
            due = asyncio.get_running_loop().time() + seconds
            self._deadline.reschedule(min(due, self._deadline.when() or due))

    async def _pump(self) -> None:
        if self._streams.grace_seconds is not None:
            self.end_within(self._streams.grace_seconds)
        error = await self._drive()
        if error is not None:
            await self._frames.put(_encoded(self._failed(error)))
        await self._frames.put(None)

    async def _drive(self) -> Exception | None:
        timeout = asyncio.timeout(self._lifetime)
        try:
            async with timeout as self._deadline, aclosing(self._source) as source:
                async for sent in source:
                    await self._frames.put(_encoded(sent))
        except TimeoutError as error:
            late = TookTooLong() if self._streams.grace_seconds is None else ShuttingDown()
            return late if timeout.expired() else error
        except Exception as error:  # noqa: BLE001 the reply has begun: whatever it is must be its last event
            return error
        finally:
            self._deadline = None
        return None

    async def _sent(self) -> AsyncIterator[bytes]:
        while True:
            frame: bytes | None = KEEPALIVE_COMMENT
            with suppress(TimeoutError):
                async with asyncio.timeout(_PING_SECONDS):
                    frame = await self._frames.get()
            if frame is None:
                return
            yield frame


def event(name: str, data: Mapping[str, Any]) -> ServerSentEvent:
    """A named event with a JSON object."""
    return ServerSentEvent(event=name, raw_data=json.dumps(data))


def error_event(error: Exception, request_id: str) -> ServerSentEvent:
    """The problem as a stream's last event."""
    return event("error", problem(error, request_id).body)


def _encoded(sent: ServerSentEvent) -> bytes:
    return format_sse_event(data_str=sent.raw_data, event=sent.event)
