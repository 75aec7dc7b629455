"""Bounds on what one client may take: bytes per body, requests per minute, searches and answers at a time."""

import time
from collections import deque
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import cast

from starlette.types import ASGIApp, Message, Receive, Scope, Send

JSON_BYTES = 1 << 20
FORM_BYTES = 1 << 20
"""What a multipart form may hold beside its files: boundaries, part headers, fields."""
FILES_PER_UPLOAD = 4
"""One upload may carry this many times the largest file that is allowed; clients split bigger batches."""
ARCHIVE_BYTES = 1 << 40
"""A whole collection as a file; the room on the disk is its real bound."""
_WINDOW_SECONDS = 60.0
_TRACKED = 50_000  # names whose hits are kept


class LimitReached(Exception):
    """Base of what a client hears when it asks for more than its share; `retry_after` is in seconds."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class BodyTooLarge(LimitReached):
    """The request's body is past its route's cap."""


class TooManyRequests(LimitReached):
    """One key or address asked more often than it may."""


class Overloaded(LimitReached):
    """The service as a whole has as many requests under way as it can answer in time."""


@dataclass(frozen=True, slots=True)
class MovingWindow:
    """At most `amount` hits of one name in any minute, on the monotonic clock.

    Not the library `limits`: its memory storage starts a thread per burst, goes by the wall clock, and never forgets a
    name, so that addresses alone could fill the memory.
    """

    amount: int
    hits: dict[str, deque[float]] = field(default_factory=dict[str, deque[float]])

    def hit(self, name: str) -> None:
        """Count one; raises TooManyRequests instead when there are too many already."""
        self.check(name)
        if name not in self.hits and len(self.hits) >= _TRACKED:
            self._forget()
        self.hits.setdefault(name, deque()).append(time.monotonic())

    def check(self, name: str) -> None:
        """Raises TooManyRequests when one more would be too many."""
        times = self.hits.get(name)
        now = time.monotonic()
        while times and times[0] <= now - _WINDOW_SECONDS:
            times.popleft()
        if times and len(times) >= self.amount:
            message = f"at most {self.amount} a minute"
            raise TooManyRequests(message, retry_after=times[0] + _WINDOW_SECONDS - now)

    def _forget(self) -> None:
        old = time.monotonic() - _WINDOW_SECONDS
        for name in [name for name, times in self.hits.items() if not times or times[-1] <= old]:
            del self.hits[name]
        while len(self.hits) >= _TRACKED:
            del self.hits[next(iter(self.hits))]


@dataclass(frozen=True, slots=True)
class Slots:
    """Places for what is costly; one key may hold at most half of them, so that others always get through."""

    total: int
    held: dict[str, int] = field(default_factory=dict[str, int])

    @contextmanager
    def hold(self, key: str) -> Generator[None]:
        """Hold a place; raises Overloaded when all are taken, TooManyRequests when this key has its share."""
        if sum(self.held.values()) >= self.total:
            raise Overloaded("too many requests are under way at once", retry_after=1)
        if self.held.get(key, 0) >= max(1, self.total // 2):
            raise TooManyRequests("this key has too many requests under way at once", retry_after=1)
        self.held[key] = self.held.get(key, 0) + 1
        try:
            yield
        finally:
            self.held[key] -= 1
            if not self.held[key]:
                del self.held[key]


class BodyCap:
    """ASGI: counts the body as it comes, whatever its headers claim; what is declared too large is never read."""

    def __init__(self, app: ASGIApp, cap: Callable[[Scope], int]) -> None:
        self._app = app
        self._cap = cap

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        cap = self._cap(scope)
        declared = dict(cast("list[tuple[bytes, bytes]]", scope["headers"])).get(b"content-length", b"0")
        if declared.isdigit() and int(declared[:20]) > cap:
            raise BodyTooLarge(_too_large(cap))
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            if message["type"] == "http.request":
                seen += len(message.get("body", b""))
                if seen > cap:
                    raise BodyTooLarge(_too_large(cap))
            return message

        await self._app(scope, counted, send)


def _too_large(cap: int) -> str:
    return f"the body is larger than the {cap:,} bytes that this route takes"
