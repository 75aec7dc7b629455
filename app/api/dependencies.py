"""What every route is given: the services, who asks, and what of it all they may see."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Annotated, TypeVar, cast

from fastapi import Depends, Request
from starlette.requests import ClientDisconnect

from app import auth
from app.api.events import OpenStreams
from app.api.problems import request_id_of
from app.db.types import KeyRecord
from app.history import History
from app.http.limits import MovingWindow, Slots
from app.telemetry import Metrics
from app.wiring import Services
from retrieval.types import Scope

T = TypeVar("T")

LOGINS_PER_MINUTE = 60
LOGIN_FAILURES_PER_MINUTE = 10
REFUSED_KEYS_PER_MINUTE = 60
_PLACES_PER_CONNECTION = 4  # answers under way or waiting, for each connection to the model server
_WATCHERS = 256  # clients that watch a job at a time
_TRANSFERS = 4  # exports and imports at a time


@dataclass(frozen=True, slots=True)
class App:
    """What one app holds beside the services: its figures, its streams and its limits."""

    services: Services
    slots: Slots
    rate: MovingWindow
    renderings: asyncio.Semaphore
    metrics: Metrics
    history: History
    streams: OpenStreams = field(default_factory=OpenStreams)
    transfers: Slots = field(default_factory=lambda: Slots(_TRANSFERS))
    watchers: Slots = field(default_factory=lambda: Slots(_WATCHERS))
    logins: MovingWindow = field(default_factory=lambda: MovingWindow(LOGINS_PER_MINUTE))
    login_failures: MovingWindow = field(default_factory=lambda: MovingWindow(LOGIN_FAILURES_PER_MINUTE))
    refused_keys: MovingWindow = field(default_factory=lambda: MovingWindow(REFUSED_KEYS_PER_MINUTE))
    not_ready: dict[str, str] = field(
        default_factory=lambda: {"starting": "the model and the indexes are being opened"}
    )
    """Why the service cannot answer yet, part by part; empty when it can."""


def new_app(services: Services) -> App:
    """Limits as the settings say."""
    settings = services.settings
    slots = Slots(settings.generator_connections * _PLACES_PER_CONNECTION)
    renderings = asyncio.Semaphore(settings.parse_processes)
    metrics = Metrics()
    return App(services, slots, MovingWindow(settings.requests_per_minute), renderings, metrics, History(metrics))


def _app(request: Request) -> App:
    return cast("App", request.app.state.openbook)


def _services(request: Request) -> Services:
    return _app(request).services


def _key(request: Request) -> KeyRecord:
    return cast("KeyRecord", request.state.key)


def _readable(request: Request) -> Scope:
    return auth.scope_of(_services(request).collections, _key(request))


async def _place(request: Request) -> AsyncGenerator[None, None]:
    with _app(request).slots.hold(_key(request).id):
        yield


async def _transfer(request: Request) -> AsyncGenerator[None, None]:
    with _app(request).transfers.hold(_key(request).id):
        yield


async def _watch(request: Request) -> AsyncGenerator[None, None]:
    with _app(request).watchers.hold(_key(request).id):
        yield


async def _turn(request: Request) -> AsyncGenerator[None, None]:
    async with _app(request).renderings:
        yield


AppGiven = Annotated[App, Depends(_app)]
ServicesGiven = Annotated[Services, Depends(_services)]
KeyGiven = Annotated[KeyRecord, Depends(_key)]
Readable = Annotated[Scope, Depends(_readable)]
"""Everything that the key may read."""
PlaceHeld = Annotated[None, Depends(_place)]
"""A place among the costly requests, held until the reply has ended, however it ends."""
TransferHeld = Annotated[None, Depends(_transfer)]
"""A place among those who move a whole collection, which takes a file of its size on our disk."""
WatchHeld = Annotated[None, Depends(_watch)]
"""A place among those who watch a job, each of whom asks the database every other second."""
TurnTaken = Annotated[None, Depends(_turn, scope="function")]
"""A turn at rendering: whoever waits for a child of the sandbox waits here, and not in a thread that others need."""


def address_of(request: Request) -> str:
    """Whence the request came, as far as the server knows."""
    return request.client.host if request.client else "?"


def audit(request: Request, action: str, target: str | None, result: str = "ok") -> None:
    """Write down who did what, from where; a chain of hashes makes a later change visible."""
    key = cast("KeyRecord | None", getattr(request.state, "key", None))
    _services(request).audit.record(
        action,
        result,
        key_id=key.id if key else None,
        target=target,
        address=address_of(request),
        request_id=request_id_of(request.scope),
    )


async def while_connected(request: Request, work: Callable[[], Awaitable[T]]) -> T:
    """What the work gives; when the client leaves first, the work is cancelled at once and ClientDisconnect raised."""
    working = asyncio.ensure_future(work())
    leaving = asyncio.ensure_future(_left(request))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientDisconnect
        return working.result()
    finally:
        for task in (working, leaving):
            task.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await task


async def _left(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
