"""The connections to a model server: none outlives the call that it was for, however that was given up.

httpcore (1.0.9) gives way to other tasks between opening a connection and using it, and while it closes one. A call
that is cancelled there leaves a connection open that nobody can use, in the pool for as long as that lives:
https://github.com/encode/httpcore/issues/1093
"""

from asyncio import CancelledError

import httpcore
import httpx

_IDLE_SECONDS = 5.0


class Transport(httpx.AsyncHTTPTransport):
    """httpx's own, but over at most so many connections of such a kind."""

    def __init__(self, most: int) -> None:
        self._pool = _Pool(
            ssl_context=httpx.create_ssl_context(trust_env=False),
            max_connections=most,
            max_keepalive_connections=most,
            keepalive_expiry=_IDLE_SECONDS,
        )


class _Pool(httpcore.AsyncConnectionPool):
    """What it overrides is run whenever a call begins or ends, and closes what is returned."""

    def _assign_requests_to_connections(self) -> list[httpcore.AsyncConnectionInterface]:
        """Over HTTP/1.1 a connection that is neither idle nor some call's is nobody's."""
        used = {each.connection for each in self._requests}
        abandoned = [each for each in self._connections if not each.is_idle() and each not in used]
        self._connections = [each for each in self._connections if each not in abandoned]
        return abandoned + super()._assign_requests_to_connections()

    async def _close_connections(self, closing: list[httpcore.AsyncConnectionInterface]) -> None:
        """All of them: each is closed at once, and only then gives way to others."""
        cancelled: CancelledError | None = None
        for connection in closing:
            try:
                await connection.aclose()
            except CancelledError as error:
                cancelled = error
        if cancelled is not None:
            raise cancelled
