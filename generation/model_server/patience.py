"""Time as whoever waits for the model server lives through it.

A process with too much to do hears late what was said in time. By how much its event loop is behind is measured while
somebody waits, and does not count against the server.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

_BEAT_SECONDS = 0.02


class Patience:
    """A clock of one event loop, in seconds, that never goes back and stands still while the loop is behind."""

    def __init__(self) -> None:
        self._waiting = 0
        self._due = 0.0  # the next beat, by the loop's own clock
        self._lost = 0.0
        self._beat: asyncio.TimerHandle | None = None

    def now(self) -> float:
        """The moment, less what the loop was behind while somebody waited."""
        time = asyncio.get_running_loop().time()
        return (min(time, self._due) if self._beat else time) - self._lost

    @asynccontextmanager
    async def until(self, due: Callable[[], float]) -> AsyncGenerator[None, None]:
        """Raises TimeoutError once `due` is past; it is asked again when it seems to be, for it may have moved."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(None) as limit:

            def look() -> None:
                nonlocal handle
                left = due() - self.now()
                if left <= 0:
                    limit.reschedule(loop.time())
                else:
                    handle = loop.call_later(left, look)

            self._begin()
            handle = loop.call_later(max(0.0, due() - self.now()), look)
            try:
                yield
            finally:
                handle.cancel()
                self._end()

    def _begin(self) -> None:
        self._waiting += 1
        if self._beat is None:
            self._plan(asyncio.get_running_loop())

    def _end(self) -> None:
        self._waiting -= 1
        if not self._waiting and self._beat is not None:
            self._count()
            self._beat.cancel()
            self._beat = None

    def _count(self) -> None:
        self._lost += max(0.0, asyncio.get_running_loop().time() - self._due)

    def _plan(self, loop: asyncio.AbstractEventLoop) -> None:
        def beat() -> None:
            self._count()
            self._plan(loop)

        self._due = loop.time() + _BEAT_SECONDS
        self._beat = loop.call_at(self._due, beat)
