"""Calls that are given up at every moment, to a server that knows which connections are open."""

import asyncio
from collections.abc import AsyncGenerator, Coroutine
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

import pytest

from generation.model_server import connections
from generation.model_server.liveness import Timeouts
from generation.model_server.server import ModelServer
from retrieval.breaker import Breaker

PATIENT = Timeouts(first_token=60.0, between_tokens=60.0, whole=60.0)
BODY = {"model": "m"}
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
WORD = b'data: {"choices": [{"delta": {"content": "word"}}]}\n\n'
STREAM = HEAD + f"{len(WORD):x}\r\n".encode() + WORD + b"\r\n"
NO_SUCH = b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n"
TURNS = 40  # of the event loop: more than there are from a call's beginning to its wait for the server
IDLE_SECONDS = 0.05


@dataclass
class Listening:
    """Knows no list of models; to a chat it says what `reply` is, and then no more."""

    reply: bytes = b""
    open: int = 0

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open += 1
        try:
            with suppress(ConnectionError):
                while head := await reader.readuntil(b"\r\n\r\n"):
                    writer.write(NO_SUCH if head.startswith(b"GET") else self.reply)
        except asyncio.IncompleteReadError:
            return
        finally:
            self.open -= 1
            writer.close()

    async def all_closed(self) -> None:
        async with asyncio.timeout(30):
            while self.open:  # noqa: ASYNC110 - no event tells that a peer has gone
                await asyncio.sleep(0.001)


@asynccontextmanager
async def asked(listening: Listening) -> AsyncGenerator[ModelServer]:
    """The client under test, of a server that is up."""
    server = await asyncio.start_server(listening.connected, "127.0.0.1", 0)
    client = ModelServer(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", None, PATIENT, 1, Breaker())
    try:
        yield client
    finally:
        await client.aclose()
        server.close()


async def read(client: ModelServer) -> None:
    async for _ in client.chat(BODY, 10):
        pass


async def read_a_word(client: ModelServer) -> None:
    async with aclosing(client.chat(BODY, 10)) as events:
        await anext(events)


async def turns(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def given_up(call: Coroutine[Any, Any, None], *after: int) -> None:
    """Cancelled after so many turns, and once more after so many others."""
    task = asyncio.create_task(call)
    for count in after:
        await turns(count)
        task.cancel()
    await asyncio.wait([task])


@pytest.mark.parametrize("reply", [b"", HEAD, STREAM], ids=["nothing", "head", "word"])
@pytest.mark.parametrize("again", [(), (1,), (2,), (3,)], ids=lambda again: f"{1 + len(again)} times{again}")
def test_a_call_that_is_given_up_leaves_no_connection(reply: bytes, again: tuple[int, ...]) -> None:
    async def give_up() -> None:
        listening = Listening(reply)
        async with asked(listening) as client:
            for count in range(TURNS):
                await given_up(read(client), count, *again)
                await listening.all_closed()

    asyncio.run(give_up())


def test_a_call_that_is_given_up_while_it_closes_leaves_no_connection() -> None:
    async def give_up() -> None:
        listening = Listening(STREAM)
        async with asked(listening) as client:
            for count in range(2 * TURNS):
                await given_up(read_a_word(client), count)
                await listening.all_closed()

    asyncio.run(give_up())


def test_idle_connections_are_closed_though_the_call_that_finds_them_is_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connections, "_IDLE_SECONDS", IDLE_SECONDS)

    async def give_up() -> None:
        listening = Listening()
        async with asked(listening) as client:
            for count in range(8):
                await asyncio.gather(*(client.windows(afresh=True) for _ in range(4)))
                await asyncio.sleep(2 * IDLE_SECONDS)
                await given_up(read(client), count)
                await given_up(read(client), TURNS)
                await listening.all_closed()

    asyncio.run(give_up())
