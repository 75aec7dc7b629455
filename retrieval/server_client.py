"""Calls to a model's server: no proxy, no redirect, nothing compressed; a whole reply within its time and its size.

httpx bounds each step alone: a server that sends a byte now and then would hold its caller for ever.
"""

import ssl
import time
from collections.abc import AsyncIterable, Iterable, Mapping
from contextlib import closing
from contextvars import ContextVar

import httpcore
import httpx

_IDLE_CONNECTIONS = 20
_IDLE_SECONDS = 5.0
_due: ContextVar[float] = ContextVar("due")
"""When the call that is under way must be over."""


class ReplyTooLong(httpx.HTTPError):
    """The reply is longer than any that makes sense."""


class ServerClient:
    """Each call is over, with all of its reply, within `timeout_seconds`; `close` at the end. For many threads."""

    def __init__(self, api_key: str | None, timeout_seconds: float, connect_seconds: float | None = None) -> None:
        self._timeout_seconds = timeout_seconds
        self._client = httpx.Client(
            headers=headers(api_key),
            timeout=httpx.Timeout(timeout_seconds, connect=min(connect_seconds or timeout_seconds, timeout_seconds)),
            transport=_Transport(),
            follow_redirects=False,
            trust_env=False,
        )

    def get(self, url: str, most: int) -> bytes:
        """As `post`, but a GET."""
        return self._whole(self._client.build_request("GET", url), most)

    def post(self, url: str, body: Mapping[str, object], most: int) -> bytes:
        """The reply, of at most so many bytes, if its status is a success.

        Raises httpx.HTTPStatusError for any other, httpx.TransportError or ReplyTooLong.
        """
        return self._whole(self._client.build_request("POST", url, json=body), most)

    def close(self) -> None:
        self._client.close()

    def _whole(self, request: httpx.Request, most: int) -> bytes:
        _due.set(time.monotonic() + self._timeout_seconds)
        with closing(self._client.send(request, stream=True)) as reply:
            return bounded(reply.raise_for_status().iter_raw(), most)


def headers(api_key: str | None) -> dict[str, str]:
    """What every call says of itself; what is compressed could unpack to anything."""
    return {"Accept-Encoding": "identity"} | ({"Authorization": f"Bearer {api_key}"} if api_key else {})


def bounded(parts: Iterable[bytes], most: int) -> bytes:
    """All parts together. Raises ReplyTooLong past so many bytes."""
    whole = bytearray()
    for part in parts:
        _grow(whole, part, most)
    return bytes(whole)


async def bounded_async(parts: AsyncIterable[bytes], most: int) -> bytes:
    """All parts together. Raises ReplyTooLong past so many bytes."""
    whole = bytearray()
    async for part in parts:
        _grow(whole, part, most)
    return bytes(whole)


def _grow(whole: bytearray, part: bytes, most: int) -> None:
    whole += part
    if len(whole) > most:
        raise ReplyTooLong(f"its reply has more than {most} bytes")


class _Transport(httpx.HTTPTransport):
    """httpx's own, but over connections that know when the call is due."""

    def __init__(self) -> None:
        self._pool = httpcore.ConnectionPool(
            ssl_context=httpx.create_ssl_context(trust_env=False),
            max_connections=None,
            max_keepalive_connections=_IDLE_CONNECTIONS,
            keepalive_expiry=_IDLE_SECONDS,
            network_backend=_Network(),
        )


class _Network(httpcore.SyncBackend):
    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        seconds = _left(timeout, httpcore.ConnectTimeout)
        return _Connection(super().connect_tcp(host, port, seconds, local_address, socket_options))


class _Connection(httpcore.NetworkStream):
    """Waits in no step for longer than the call has left."""

    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _left(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _left(timeout, httpcore.WriteTimeout))

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        seconds = _left(timeout, httpcore.ConnectTimeout)
        return _Connection(self._stream.start_tls(ssl_context, server_hostname, seconds))

    def close(self) -> None:
        self._stream.close()

    def get_extra_info(self, info: str) -> object:
        return self._stream.get_extra_info(info)


def _left(timeout: float | None, late: type[httpcore.TimeoutException]) -> float:
    """Seconds that a step may take."""
    left = _due.get() - time.monotonic()
    if left <= 0:
        raise late("not over in time")
    return left if timeout is None else min(timeout, left)
