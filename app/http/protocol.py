"""HTTP/1.1 as uvicorn speaks it over h11, with the deadlines and bounds that uvicorn leaves to a front server.

uvicorn times neither a first request's headers, nor a slow body, nor a client that stops reading (measured: all three
stay open for ever), and its `limit_concurrency` counts idle connections, so silent clients lock everybody else out.
"""

import asyncio
import json
import socket
from dataclasses import dataclass, field
from typing import Any

import h11
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle
from uvicorn.server import ServerState

_TICKS_PER_DEADLINE = 4  # how often connections are looked at: none is late by more than a quarter
_BODY_BYTES_PER_SECOND = 256
"""Slower than this over a whole window, an upload is an attack or dead."""
_DRAINED_BYTES = 16_384
"""A client that reads less than this in a whole window does not read."""
_LINGER_BYTES = 1 << 20
"""How much of a body that was refused is read and dropped, so that the client hears the refusal before the end."""


@dataclass(frozen=True, slots=True)
class Deadlines:
    """What a connection may take, and how many there may be; `silent` holds those without a request, oldest first."""

    header_seconds: float
    stall_seconds: float
    max_connections: int
    silent: "dict[GuardedProtocol, None]" = field(default_factory=dict["GuardedProtocol", None])

    @property
    def tick_seconds(self) -> float:
        """How often a connection looks at its own deadlines."""
        return min(self.header_seconds, self.stall_seconds) / _TICKS_PER_DEADLINE


class GuardedProtocol(H11Protocol):
    """One connection: cut when its headers, its body or its reading take too long."""

    deadlines: Deadlines
    cycle: RequestResponseCycle | None  # pyright: ignore[reportIncompatibleVariableOverride]  # None before the first

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._tick: asyncio.TimerHandle | None = None
        self._headers_due = 0.0
        self._body_since = 0.0
        self._body_bytes = 0
        self._unread_since = 0.0
        self._unread_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the clock; where there are too many connections, the oldest silent one makes room."""
        super().connection_made(transport)
        connected = transport.get_extra_info("socket")
        if connected is not None and connected.family in (socket.AF_INET, socket.AF_INET6):
            # asyncio forgets this for sockets that were bound outside: head and body then wait 40 ms for each other
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if len(self.connections) > self.deadlines.max_connections:
            victim = next(iter(self.deadlines.silent), self)
            self.deadlines.silent.pop(victim, None)
            victim.transport.abort()
        if not transport.is_closing():
            self._await_headers()
            self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock."""
        self.deadlines.silent.pop(self, None)
        if self._tick is not None:
            self._tick.cancel()
            self._tick = None
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Count body bytes; the first byte of a next request starts its headers' deadline."""
        self._body_bytes += len(data)
        before = self.cycle
        if before is not None and before.response_complete and self._refused_too_long():
            self.transport.abort()
            return
        if not self._headers_due and (before is None or before.response_complete):
            self._await_headers()
        super().data_received(data)
        if self.cycle is not before:
            self._headers_due = 0.0
            self.deadlines.silent.pop(self, None)
            self._body_since, self._body_bytes = self.loop.time(), 0

    def resume_writing(self) -> None:
        """The client took what was written: it reads."""
        self._unread_since = 0.0
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:
        """What is not HTTP gets a problem too, if it can still be answered at all."""
        problem = {"type": "about:blank", "title": "Bad request", "status": 400, "detail": msg, "request_id": None}
        body = json.dumps(problem).encode()
        head = (
            f"HTTP/1.1 400 Bad Request\r\ncontent-type: application/problem+json\r\ncontent-length: {len(body)}\r\n"
            "connection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()

    def _await_headers(self) -> None:
        self._headers_due = self.loop.time() + self.deadlines.header_seconds
        self.deadlines.silent[self] = None

    def _refused_too_long(self) -> bool:
        return self.conn.their_state is h11.SEND_BODY and self._body_bytes > _LINGER_BYTES

    def _watch(self) -> None:
        now = self.loop.time()
        if self._headers_late(now) or self._body_late(now) or self._unread(now):
            self.transport.abort()
            return
        self._tick = self.loop.call_later(self.deadlines.tick_seconds, self._watch)

    def _headers_late(self, now: float) -> bool:
        return bool(self._headers_due) and now >= self._headers_due

    def _body_late(self, now: float) -> bool:
        if self.cycle is None or not self.cycle.more_body or self.cycle.response_complete or self.flow.read_paused:
            self._body_since = now  # nobody waits for the client
            return False
        window = self.deadlines.stall_seconds / 2
        if now - self._body_since < window:
            return False
        late = self._body_bytes < _BODY_BYTES_PER_SECOND * window
        self._body_since, self._body_bytes = now, 0
        return late

    def _unread(self, now: float) -> bool:
        size = self.transport.get_write_buffer_size()
        if size == 0:
            self._unread_since = 0.0
        elif not self._unread_since or size <= self._unread_bytes - _DRAINED_BYTES:
            self._unread_since, self._unread_bytes = now, size
        return bool(self._unread_since) and now - self._unread_since >= self.deadlines.stall_seconds


def guarded(deadlines: Deadlines) -> type[GuardedProtocol]:
    """The protocol class of one server; uvicorn makes one instance per connection."""
    return type("GuardedConnection", (GuardedProtocol,), {"deadlines": deadlines})
