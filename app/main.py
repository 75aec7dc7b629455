"""The HTTP service: middleware in order, routers, the page; and the server that runs it."""

import asyncio
import resource
import signal
import socket
import threading
from collections.abc import AsyncGenerator, Callable, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import partial
from typing import cast

import uvicorn
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from prometheus_client import start_http_server
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api import (
    answers,
    calibration,
    collections,
    conversations,
    documents,
    evaluations,
    exchange,
    feedback,
    health,
    jobs,
    keys,
    mcp,
    openai,
    originals,
    overview,
    problems,
    reindexes,
    search,
    session,
    suggestions,
    uploads,
    versions,
)
from app.api.dependencies import App, new_app
from app.api.description import PROBLEMS
from app.api.generator_figures import GeneratorFigures
from app.db.people.audit import AuditStore
from app.db.types import KeyRecord
from app.http.gate import Gate, rule_for
from app.http.limits import ARCHIVE_BYTES, FILES_PER_UPLOAD, FORM_BYTES, JSON_BYTES, BodyCap
from app.http.protocol import Deadlines, guarded
from app.page import add_page
from app.telemetry import RequestLog
from app.wiring import Services

MEBIBYTE = 1 << 20
HEADER_BYTES = 1 << 16
KEEP_ALIVE_SECONDS = 15
_FORM_FIELDS = 16  # in an upload beside its files
_OWN_FILES = 512
"""File descriptors left for the database, the indexes and the logs."""
_CONNECTIONS_MOST = 20_000
_LAST_WORD_SECONDS = 3.0
"""What remains of the grace when streams are ended, for their last events to be sent."""
_PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
_API_POLICY = "default-src 'none'; frame-ancestors 'none'"
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}

_ROUTERS = (
    session,
    health,
    overview,
    uploads,
    documents,
    versions,
    originals,
    jobs,
    collections,
    exchange,
    reindexes,
    keys,
    search,
    answers,
    suggestions,
    conversations,
    evaluations,
    calibration,
    feedback,
    openai,
    mcp,
)


def create_app(services: Services) -> FastAPI:
    """The whole service as one ASGI app; its lifespan opens what it needs, and closes the generators alone."""
    state = new_app(services)
    app = FastAPI(
        title="Openbook",
        version="1",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        lifespan=_lifespan,
        redirect_slashes=False,
        form_limits={
            "max_files": services.settings.upload_max_files,
            "max_fields": _FORM_FIELDS,
            "max_part_size": HEADER_BYTES,
        },
    )
    app.state.openbook = state
    app.add_exception_handler(HTTPException, problems.handle)
    app.add_exception_handler(RequestValidationError, problems.handle)
    add_page(app, services)  # first: a visit asks for many files, and routes are tried in their order
    for module in _ROUTERS:
        app.include_router(module.router, responses=dict(PROBLEMS))
    _guard(app, state)
    state.metrics.registry.register(health.StoredFigures(services))
    if services.settings.generator_url:
        key = services.settings.generator_api_key
        figures = GeneratorFigures(services.settings.generator_url, key.get_secret_value() if key else None)
        state.metrics.registry.register(figures)
    return app


def _guard(app: FastAPI, state: App) -> None:
    """From the inside out: what is added last sees a request first."""
    uploads = state.services.settings.upload_max_mebibytes * MEBIBYTE * FILES_PER_UPLOAD + FORM_BYTES

    caps = {"json": JSON_BYTES, "upload": uploads, "archive": ARCHIVE_BYTES}

    def cap(scope: Scope) -> int:
        rule = rule_for(scope["method"], scope["path"])
        return JSON_BYTES if rule is None else caps[rule.body]

    app.add_middleware(BodyCap, cap=cap)
    app.add_middleware(
        Gate,
        keys=state.services.keys,
        failed=state.refused_keys.hit,
        known=lambda key: state.rate.hit(key.id),
        denied=partial(_write_down_denial, state.services.audit),
    )
    app.add_middleware(problems.Problems)
    app.add_middleware(SafeHeaders)
    app.add_middleware(RequestLog, metrics=state.metrics, route=_route)


def _write_down_denial(audit: AuditStore, scope: Scope, key: KeyRecord) -> None:
    audit.record(
        "access",
        "denied",
        key_id=key.id,
        target=f"{scope['method']} {_route(scope)}",
        address=str((scope.get("client") or ("?",))[0]),
        request_id=problems.request_id_of(scope),
    )


def _route(scope: Scope) -> str:
    rule = rule_for(scope["method"], scope["path"])
    return rule.path if rule is not None else "other"


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncGenerator[None]:
    state = cast("App", app.state.openbook)
    tasks = [asyncio.create_task(work(state)) for work in (health.warm_up, health.keep_tidy, health.remember)]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        await state.services.answerer.aclose()


class SafeHeaders:
    """ASGI: no reply is sniffed, framed, cached by others, or may load anything from elsewhere."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        own = scope["path"] == "/" or scope["path"].startswith("/static/")

        async def safe(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("Content-Security-Policy", _PAGE_POLICY if own else _API_POLICY)
                headers.setdefault("Cache-Control", "no-store")
                if message["status"] == 204:
                    del headers["Content-Type"]  # FastAPI's; some clients parse by it what is not there
            await send(message)

        await self._app(scope, receive, safe)


class Server(uvicorn.Server):
    """uvicorn that says when it is reached, and tells open streams of its end while they can still say so."""

    def __init__(self, config: uvicorn.Config, state: App, reached: Callable[[], None]) -> None:
        super().__init__(config)
        self._state = state
        self._reached = reached

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and say so."""
        await super().startup(sockets)
        if self.started:
            self._reached()

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """Not as uvicorn does it, which sends itself the signal again: what the caller opened could not be closed."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {each: signal.signal(each, self.handle_exit) for each in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept nothing more, let streams end, then close."""
        grace = self._state.services.settings.shutdown_seconds - _LAST_WORD_SECONDS
        self._state.streams.drain(max(0.0, grace))
        await super().shutdown(sockets)


def new_server(services: Services, app: FastAPI, reached: Callable[[], None] = lambda: None) -> Server:
    """A server of the app on the settings' address, with its own guards against slow and silent clients.

    `reached` is called once it listens.
    """
    settings = services.settings
    open_files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    connections = max(64, min(open_files - _OWN_FILES, _CONNECTIONS_MOST))
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        loop="asyncio",
        http=guarded(Deadlines(settings.header_seconds, settings.stall_seconds, connections)),
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=settings.trusted_proxies or None,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=round(settings.shutdown_seconds),
        h11_max_incomplete_event_size=HEADER_BYTES,
    )
    return Server(config, cast("App", app.state.openbook), reached)


def run(services: Services, sockets: Sequence[socket.socket] = (), reached: Callable[[], None] = lambda: None) -> None:
    """Serve until SIGTERM or SIGINT, on the settings' address or on sockets that are bound already.

    `reached` is called once it listens.
    """
    app = create_app(services)
    server = new_server(services, app, reached)
    if services.settings.metrics_port is not None:
        figures = cast("App", app.state.openbook).metrics.registry
        start_http_server(services.settings.metrics_port, services.settings.host, figures)
    server.run(list(sockets) or None)
