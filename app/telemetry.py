"""What the service tells about itself: JSON logs without secrets, a request id for everything, Prometheus figures."""

import atexit
import logging
import queue
import re
import secrets
import sys
import time
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from logging.handlers import QueueHandler, QueueListener
from types import TracebackType
from typing import Any, cast

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.settings import Settings

SECRETS = re.compile(r"ob[sl]?_[A-Za-z0-9_-]{43,}")
_LOG_QUEUE = 10_000  # records that wait to be written; past that they are dropped
_OWN_PACKAGES = ("app", "generation", "ingestion", "retrieval")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"})
_SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60)

_log = structlog.stdlib.get_logger(__name__)


def configure_logging(settings: Settings) -> None:
    """Send everything that any library logs to standard error as JSON lines, from a thread of its own."""
    sink = logging.StreamHandler(sys.stderr)
    sink.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.ExtraAdder(allow=["request_id"]), *_processors()],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(ensure_ascii=True),
            ],
        )
    )
    lines = DroppingQueueHandler()
    listener = QueueListener(lines.queue, sink)
    listener.start()
    atexit.register(listener.stop)
    root = logging.getLogger()
    root.handlers = [lines]
    root.setLevel(settings.log_level.upper())
    for noisy in ("alembic", "httpx", "httpcore", "mcp", "urllib3", "botocore"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def _processors() -> list[structlog.typing.Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _without_messages,
        _redacted,
    ]


class DroppingQueueHandler(QueueHandler):
    """Never lets whoever logs wait for a full pipe: past the bound, lines are dropped and counted."""

    dropped = 0

    def __init__(self) -> None:
        super().__init__(queue.Queue(_LOG_QUEUE))

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        """Records stay in this process, so they go on as they are, with the request that only this thread knows."""
        record.request_id = structlog.contextvars.get_contextvars().get("request_id")
        return record

    def enqueue(self, record: logging.LogRecord) -> None:
        """Drop what does not fit, and say how much that was with the next line that does."""
        try:
            self.queue.put_nowait(record)
        except queue.Full:
            DroppingQueueHandler.dropped += 1


def _without_messages(_logger: object, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """An exception becomes its type and the lines it passed; only our own and the system's words are safe to write."""
    given: Any = event.pop("exc_info", None)
    if isinstance(given, tuple):
        given = cast("tuple[Any, ...]", given)[1]
    error: object = sys.exc_info()[1] if given is True else given
    if not isinstance(error, BaseException):
        return event
    event["error"] = type(error).__qualname__
    if isinstance(error, OSError) or type(error).__module__.split(".", 1)[0] in _OWN_PACKAGES:
        event["reason"] = str(error)[:500]
    event["stack"] = _frames(error.__traceback__)
    return event


def _frames(traceback: TracebackType | None) -> list[str]:
    frames: list[str] = []
    while traceback is not None:
        code = traceback.tb_frame.f_code
        frames.append(f"{code.co_filename}:{traceback.tb_lineno} {code.co_qualname}")
        traceback = traceback.tb_next
    return frames[-20:]


def _redacted(_logger: object, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    for name, value in event.items():
        if isinstance(value, str):
            event[name] = SECRETS.sub("[secret]", value)
    return event


# Not left to whoever starts the process: structlog's own default prints tracebacks with the values of all variables.
structlog.configure(
    processors=[*_processors(), structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
    logger_factory=structlog.stdlib.LoggerFactory(),
)


class Metrics:
    """The figures of one app, in a registry of their own so that many apps can live in one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "openbook_requests_total", "Requests answered.", ["method", "route", "status"], registry=self.registry
        )
        self.seconds = Histogram(
            "openbook_request_seconds", "Time to the last byte.", ["route"], buckets=_SECONDS, registry=self.registry
        )
        self.open_requests = Gauge("openbook_open_requests", "Requests under way.", registry=self.registry)
        self.answers = Counter(
            "openbook_answers_total", "Answers given.", ["outcome", "generator"], registry=self.registry
        )
        self.first_sentence = Histogram(
            "openbook_first_sentence_seconds",
            "Time to an answer's first sentence.",
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.degraded = Counter(
            "openbook_degraded_total", "Answers and searches without a part.", ["part"], registry=self.registry
        )
        dropped = Gauge("openbook_log_lines_dropped", "Log lines nobody took in time.", registry=self.registry)
        dropped.set_function(lambda: DroppingQueueHandler.dropped)

    def count_degraded(self, parts: Iterable[str]) -> None:
        """Count every part that was missing."""
        for part in parts:
            self.degraded.labels(part).inc()


class RequestLog:
    """ASGI: gives each request its id, binds it to the logs, counts and times it, writes one line at its end.

    Routes are named by their template, never by the path: paths may hold login tokens and ids without end.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics, route: Callable[[Scope], str]) -> None:
        self._app = app
        self._metrics = metrics
        self._route = route

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = secrets.token_hex(8)
        state = cast("MutableMapping[str, Any]", scope.setdefault("state", {}))
        state["request_id"] = request_id
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        status = 499  # as front servers note it: the client left before there was an answer

        async def with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message = {**message, "headers": [*message.get("headers", []), (b"x-request-id", request_id.encode())]}
            await send(message)

        await self._timed(scope, self._app(scope, receive, with_id), lambda: status)

    async def _timed(self, scope: Scope, work: Awaitable[None], status: Callable[[], int]) -> None:
        started = time.perf_counter()
        self._metrics.open_requests.inc()
        try:
            await work
        finally:
            seconds = time.perf_counter() - started
            route, method = self._route(scope), scope["method"] if scope["method"] in _METHODS else "other"
            self._metrics.open_requests.dec()
            self._metrics.requests.labels(method, route, str(status())).inc()
            self._metrics.seconds.labels(route).observe(seconds)
            _log.info("request", method=method, route=route, status=status(), ms=round(seconds * 1000, 1))
