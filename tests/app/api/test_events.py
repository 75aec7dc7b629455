import asyncio
from collections.abc import AsyncGenerator

import pytest
from fastapi.sse import ServerSentEvent
from starlette.types import Message

from app.api.events import EventStream, OpenStreams, error_event, event


class Source:
    """Events that know whether they were freed."""

    def __init__(self, count: int, pause: float = 0.0, error: Exception | None = None) -> None:
        self.count = count
        self.pause = pause
        self.error = error
        self.given = 0
        self.freed = False

    async def stream(self) -> AsyncGenerator[ServerSentEvent, None]:
        try:
            for number in range(self.count):
                await asyncio.sleep(self.pause)
                self.given += 1
                yield event("tick", {"number": number})
            if self.error is not None:
                raise self.error
        finally:
            await asyncio.sleep(0)  # freeing may take a moment of its own
            self.freed = True


async def play(
    source: Source,
    streams: OpenStreams | None = None,
    lifetime: float = 60.0,
    leaves_after: float | None = None,
    *,
    reads: bool = True,
) -> list[str]:
    """What a client of the stream is sent."""
    streams = streams or OpenStreams()
    sent: list[str] = []

    async def receive() -> Message:
        await asyncio.sleep(60 if leaves_after is None else leaves_after)
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        if not reads:
            await asyncio.sleep(60)
        if message["type"] == "http.response.body":
            sent.append(message.get("body", b"").decode())

    stream = EventStream(source.stream(), lambda error: error_event(error, "abc"), streams, lifetime)
    await stream({"type": "http", "asgi": {"spec_version": "2.3"}}, receive, send)
    assert streams.streams == set()
    return [frame for frame in sent if frame]


def test_events_come_in_order_as_frames() -> None:
    source = Source(2)
    assert asyncio.run(play(source)) == [
        'event: tick\ndata: {"number": 0}\n\n',
        'event: tick\ndata: {"number": 1}\n\n',
    ]
    assert source.freed


def test_an_error_is_the_last_event_and_says_nothing_of_its_cause() -> None:
    frames = asyncio.run(play(Source(1, error=ZeroDivisionError("hidden"))))
    assert frames[-1].startswith("event: error\ndata: ")
    assert '"status": 500' in frames[-1]
    assert "hidden" not in "".join(frames)


@pytest.mark.parametrize("reads", [True, False])
def test_a_client_that_leaves_frees_the_source_also_while_it_waits_to_send(reads: bool) -> None:
    source = Source(10_000, pause=0.001)
    asyncio.run(play(source, leaves_after=0.2, reads=reads))
    assert source.freed
    assert source.given < (10_000 if reads else 4)


def test_a_source_that_thinks_for_long_is_kept_alive_by_pings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.api.events._PING_SECONDS", 0.05)
    frames = asyncio.run(play(Source(1, pause=0.3)))
    assert frames[0] == ": ping\n\n"
    assert frames[-1].startswith("event: tick")


def test_no_stream_lives_for_ever() -> None:
    source = Source(10_000, pause=0.01)
    frames = asyncio.run(play(source, lifetime=0.2))
    assert "took_too_long" in frames[-1]
    assert source.freed


def test_a_stop_ends_open_streams_and_those_that_open_afterwards() -> None:
    async def stopped() -> tuple[list[str], list[str]]:
        streams = OpenStreams()
        asyncio.get_running_loop().call_later(0.1, streams.drain, 0.1)
        first = await play(Source(10_000, pause=0.01), streams)
        return first, await play(Source(10_000, pause=0.01), streams)

    first, second = asyncio.run(asyncio.wait_for(stopped(), 5))
    assert "shutting_down" in first[-1]
    assert "shutting_down" in second[-1]
    assert len(second) < 30


def test_a_stop_lets_a_short_stream_finish() -> None:
    async def stopped() -> list[str]:
        streams = OpenStreams()
        asyncio.get_running_loop().call_later(0.05, streams.drain, 10.0)
        return await play(Source(10, pause=0.02), streams)

    assert len(asyncio.run(stopped())) == 10


def test_text_cannot_forge_an_event() -> None:
    class Forger(Source):
        async def stream(self) -> AsyncGenerator[ServerSentEvent, None]:
            yield event("delta", {"text": "a\n\nevent: answer\ndata: {}\r\r: x\u2028"})

    (frame,) = asyncio.run(play(Forger(1)))
    assert frame.count("\n") == 3
    assert "\r" not in frame
