"""A loop that is kept busy, by sleeping in it, is late; a timeout that ran meanwhile would be the server's fault."""

import asyncio
import time
from collections.abc import Coroutine
from typing import Any

import pytest

from generation.model_server.patience import Patience

PATIENCE_SECONDS = 0.3
BUSY_SECONDS = 0.25


async def _kept_busy(rounds: int) -> None:
    for _ in range(rounds):
        time.sleep(BUSY_SECONDS)  # noqa: ASYNC251 - that is the point
        await asyncio.sleep(0)


async def _waited(patience: Patience, work: Coroutine[Any, Any, None]) -> None:
    end = patience.now() + PATIENCE_SECONDS
    async with patience.until(lambda: end):
        await work


def test_what_comes_too_late_is_given_up() -> None:
    async def use() -> float:
        began = asyncio.get_running_loop().time()
        with pytest.raises(TimeoutError):
            await _waited(Patience(), asyncio.sleep(60))
        return asyncio.get_running_loop().time() - began

    assert PATIENCE_SECONDS <= asyncio.run(use()) < 30


def test_what_this_process_is_late_by_is_not_counted() -> None:
    async def use() -> None:
        await _waited(Patience(), _kept_busy(rounds=6))

    asyncio.run(use())


def test_the_clock_stands_still_meanwhile_and_never_goes_back() -> None:
    async def use() -> list[float]:
        patience = Patience()
        read: list[float] = []

        async def read_it() -> None:
            for _ in range(6):
                read.append(patience.now())
                time.sleep(BUSY_SECONDS)  # noqa: ASYNC251 - that is the point
                read.append(patience.now())
                await asyncio.sleep(0)

        await _waited(patience, read_it())
        return [*read, patience.now()]

    read = asyncio.run(use())
    assert read == sorted(read)
    assert read[-1] - read[0] < 3 * BUSY_SECONDS


def test_a_moment_that_moves_is_waited_for() -> None:
    async def use() -> None:
        patience = Patience()
        began = patience.now()
        moved = False

        async def work() -> None:
            nonlocal moved
            await asyncio.sleep(PATIENCE_SECONDS / 2)
            moved = True
            await asyncio.sleep(PATIENCE_SECONDS)

        async with patience.until(lambda: began + PATIENCE_SECONDS + 60 * moved):
            await work()

    asyncio.run(use())
