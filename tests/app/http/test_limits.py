import asyncio
from contextlib import suppress

import pytest
from starlette.types import Message, Receive, Scope, Send

from app.http.limits import BodyCap, BodyTooLarge, MovingWindow, Overloaded, Slots, TooManyRequests


class Clock:
    """A monotonic clock that a test turns."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr("app.http.limits.time.monotonic", made)
    return made


def test_a_window_moves_and_tells_when_it_has_room_again(clock: Clock) -> None:
    window = MovingWindow(2)
    window.hit("a")
    clock.now += 40
    window.hit("a")
    with pytest.raises(TooManyRequests) as full:
        window.hit("a")
    assert full.value.retry_after == pytest.approx(20)
    clock.now += 20
    window.hit("a")
    with pytest.raises(TooManyRequests):
        window.check("a")


def test_one_asker_does_not_use_up_anothers_window() -> None:
    window = MovingWindow(1)
    window.hit("a")
    window.hit("b")
    with pytest.raises(TooManyRequests):
        window.hit("a")


def test_a_refused_hit_does_not_count(clock: Clock) -> None:
    window = MovingWindow(1)
    window.hit("a")
    for _ in range(5):
        clock.now += 10
        with pytest.raises(TooManyRequests):
            window.hit("a")
    clock.now += 10
    window.hit("a")


def test_a_flood_of_names_does_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.http.limits._TRACKED", 100)
    window = MovingWindow(5)
    for number in range(1000):
        window.hit(str(number))
    assert len(window.hits) <= 100


def test_one_key_holds_at_most_half_of_the_places() -> None:
    slots = Slots(4)
    with slots.hold("greedy"), slots.hold("greedy"):
        with pytest.raises(TooManyRequests), slots.hold("greedy"):
            pass
        with slots.hold("polite"), slots.hold("polite"), pytest.raises(Overloaded), slots.hold("third"):
            pass
    assert slots.held == {}


def test_a_place_is_given_back_when_the_work_fails() -> None:
    slots = Slots(1)
    with pytest.raises(ZeroDivisionError), slots.hold("a"):
        raise ZeroDivisionError
    with slots.hold("a"):
        pass


async def drain(scope: Scope, receive: Receive, send: Send) -> None:
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200})


async def sent(chunks: list[bytes], headers: list[tuple[bytes, bytes]]) -> tuple[int, list[Message]]:
    """Chunks read, and what was answered, behind a cap of ten bytes."""
    read = 0
    answered: list[Message] = []

    async def receive() -> Message:
        nonlocal read
        read += 1
        return {"type": "http.request", "body": chunks[read - 1], "more_body": read < len(chunks)}

    async def send(message: Message) -> None:
        answered.append(message)

    cap = BodyCap(drain, lambda _: 10)
    with suppress(BodyTooLarge):
        await cap({"type": "http", "headers": headers}, receive, send)
    return read, answered


@pytest.mark.parametrize(
    ("chunks", "headers", "read", "passes"),
    [
        ([b"12345", b"67890"], [], 2, True),
        ([b"12345", b"67890", b"1", b"never read"], [], 3, False),
        ([b"never read"], [(b"content-length", b"11")], 0, False),
        ([b"1234567890"], [(b"content-length", b"10")], 1, True),
        ([b"12345678901"], [(b"content-length", b"5")], 1, False),
        ([b"never read"], [(b"content-length", b"9" * 30)], 0, False),
    ],
)
def test_bytes_are_counted_whatever_the_headers_claim(
    chunks: list[bytes], headers: list[tuple[bytes, bytes]], read: int, passes: bool
) -> None:
    assert asyncio.run(sent(chunks, headers))[0] == read
    assert bool(asyncio.run(sent(chunks, headers))[1]) is passes
