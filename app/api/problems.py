"""Everything that goes wrong as an RFC 9457 problem: one table from exception to status, type and title."""

import asyncio
import errno
import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import structlog
from fastapi import Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app import auth
from app.archives import archive, readers
from app.db import errors as db
from app.http import gate, limits
from generation import errors as generation
from ingestion import errors as ingestion
from retrieval import errors as retrieval

MEDIA_TYPE = "application/problem+json"
_TYPE = "urn:openbook:problem:"
_ERRORS_SHOWN = 20  # of the places where a body is wrong
_RETRY_SECONDS = 2

_log = structlog.stdlib.get_logger(__name__)


class ApiError(Exception):
    """Base of what the routes themselves refuse."""


class InvalidRequest(ApiError):
    """Well-formed, but it makes no sense; the message says why."""


class UnknownPage(ApiError):
    """The document has no such page, or no pages at all."""


class IdempotencyMismatch(ApiError):
    """The Idempotency-Key was used before, for another request."""


class StillWorking(ApiError):
    """The first request with this Idempotency-Key has not ended yet."""


class ShuttingDown(ApiError):
    """The service stops; another one, or this one in a moment, will answer."""


class TookTooLong(ApiError):
    """A stream reached the end of the time that any stream may take."""


@dataclass(frozen=True, slots=True)
class Shape:
    """How an exception is told. `detail` replaces the exception's own words where those are not for clients."""

    status: int
    type: str
    title: str
    detail: str | None = None
    retry_after: int | None = None


_NO_DOCUMENT = Shape(
    404, "not_found", "Not found", "There is no such document or version, or this key may not read it."
)
_BUSY = "The service cannot do this right now; try again."

SHAPES: Mapping[type[BaseException], Shape] = {
    auth.NotAuthenticated: Shape(401, "not_authenticated", "A valid key is needed"),
    auth.BadCredentials: Shape(400, "bad_credentials", "The credentials make no sense"),
    auth.Forbidden: Shape(403, "forbidden", "This key may not do this"),
    auth.CrossSite: Shape(403, "cross_site", "Refused as a cross-site request"),
    gate.NoRoute: Shape(404, "not_found", "Not found"),
    gate.WrongMethod: Shape(405, "method_not_allowed", "Method not allowed"),
    limits.BodyTooLarge: Shape(413, "too_large", "The body is too large"),
    limits.TooManyRequests: Shape(429, "too_many_requests", "Too many requests"),
    limits.Overloaded: Shape(503, "overloaded", "Too much at once"),
    ingestion.TooLarge: Shape(413, "too_large", "The file is too large"),
    ingestion.EmptyFile: Shape(422, "empty", "The file is empty"),
    ingestion.UnsupportedFormat: Shape(415, "unsupported_format", "This format is not supported"),
    ingestion.FormatMismatch: Shape(415, "format_mismatch", "Name and content disagree"),
    ingestion.PasswordRequired: Shape(422, "password_required", "The file needs a password"),
    ingestion.QueueFull: Shape(429, "queue_full", "Too many documents wait", retry_after=10),
    ingestion.StorageFull: Shape(507, "storage_full", "The disk is full", "Nothing was stored: the disk is full.", 30),
    ingestion.Outage: Shape(503, "storage_unavailable", "The storage is away", _BUSY, _RETRY_SECONDS),
    ingestion.Refused: Shape(422, "refused", "The file was refused"),
    ingestion.UnknownDocument: _NO_DOCUMENT,
    ingestion.BlobMissing: Shape(404, "blob_missing", "Not found", "The document's original file is not there."),
    ingestion.ParseLimit: Shape(422, "parse_limit", "Reading the file takes too much"),
    ingestion.ParseError: Shape(422, "unreadable", "The file cannot be read"),
    ingestion.ParserCrashed: Shape(422, "parser_crashed", "The file cannot be read", "Reading this file failed."),
    retrieval.UnknownCollection: Shape(
        404, "not_found", "Not found", "There is no such collection, or this key may not read it."
    ),
    retrieval.InvalidFilter: Shape(422, "invalid_filter", "The filter makes no sense"),
    retrieval.NoRoomForIndex: Shape(507, "storage_full", "The disk is full", retry_after=30),
    retrieval.RetrievalError: Shape(503, "search_unavailable", "Search is not available", _BUSY, _RETRY_SECONDS),
    generation.UnknownAdapter: Shape(422, "unknown_adapter", "There is no such adapter"),
    generation.UnknownGenerator: Shape(422, "unknown_generator", "There is no such generator"),
    generation.GeneratorNeeded: Shape(422, "generator_needed", "A language model is needed"),
    generation.InvalidSchema: Shape(422, "invalid_schema", "The JSON schema cannot be used"),
    generation.InvalidOutput: Shape(
        503, "invalid_output", "The answer does not fit", "The model did not keep to the schema; try again.", 2
    ),
    generation.GenerationError: Shape(503, "generator_unavailable", "No answer can be written", _BUSY, _RETRY_SECONDS),
    db.Conflict: Shape(409, "conflict", "This does not go together with what is there"),
    db.InvalidCursor: Shape(422, "invalid_cursor", "The cursor makes no sense"),
    db.InvalidValue: Shape(422, "invalid_value", "A value cannot be stored", "A value cannot be stored."),
    db.UnknownKey: Shape(404, "not_found", "Not found", "There is no such key."),
    db.UnknownConversation: Shape(404, "not_found", "Not found", "There is no such conversation, or it is not yours."),
    db.UnknownAnswer: Shape(404, "not_found", "Not found", "There is no such answer, or it is not yours."),
    db.UnknownEvaluation: Shape(404, "not_found", "Not found", "There is no such evaluation."),
    db.UnknownReindex: Shape(404, "not_found", "Not found", "This collection is not being re-indexed."),
    db.UnknownJob: Shape(404, "not_found", "Not found", "There is no such job, or this key may not see it."),
    db.StorageFull: Shape(507, "storage_full", "The disk is full", "Nothing was stored: the disk is full.", 30),
    db.DatabaseUnavailable: Shape(503, "database_unavailable", "The database is away", _BUSY, _RETRY_SECONDS),
    archive.ArchiveError: Shape(422, "invalid_file", "The file cannot be taken in"),
    readers.OtherIndex: Shape(409, "other_index", "The chunks do not fit here"),
    readers.Unfit: Shape(422, "invalid_file", "The file cannot be taken in"),
    InvalidRequest: Shape(422, "invalid_request", "The request makes no sense"),
    UnknownPage: Shape(404, "not_found", "Not found", "The document has no such page."),
    IdempotencyMismatch: Shape(422, "idempotency_mismatch", "The Idempotency-Key belongs to another request"),
    StillWorking: Shape(409, "still_working", "The first such request is still being worked on", retry_after=2),
    ShuttingDown: Shape(503, "shutting_down", "The service stops", "The service stops; try again.", _RETRY_SECONDS),
    TookTooLong: Shape(503, "took_too_long", "This took too long", "The stream reached its time limit.", 1),
}
_FULL = SHAPES[db.StorageFull]
_UNEXPECTED = Shape(500, "internal", "Internal error", "Something went wrong here; the log knows the request id.")
_UNREADABLE: Mapping[type[BaseException], str] = {
    UnicodeDecodeError: "The body is not UTF-8",
    RecursionError: "The body is nested too deeply",
}
"""Of a body that FastAPI cannot parse, it says no more than that."""
_DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem ready to be sent, alone or as part of a reply."""

    body: Mapping[str, Any]
    headers: Mapping[str, str]

    @property
    def status(self) -> int:
        return int(self.body["status"])


def problem(error: BaseException, request_id: str | None) -> Problem:
    """How to tell this to a client; what the table does not know is logged, and told as a 500 without its cause."""
    if isinstance(error, RequestValidationError):
        return _invalid(error, request_id)
    if isinstance(error, HTTPException):
        return _by_status(error, request_id)
    shape = _shape(error)
    if shape is _UNEXPECTED:
        _log.error("unexpected", exc_info=error)
    headers: dict[str, str] = {}
    after = error.retry_after if isinstance(error, limits.LimitReached) else shape.retry_after
    if after is not None:
        headers["Retry-After"] = str(max(1, round(after + 0.5)))
    if isinstance(error, gate.WrongMethod):
        headers["Allow"] = error.allowed
    if isinstance(error, auth.NotAuthenticated):
        headers["WWW-Authenticate"] = 'Bearer realm="openbook"'
    return Problem(_body(shape, shape.detail or _sentence(error), request_id), headers)


def _shape(error: BaseException) -> Shape:
    if isinstance(error, OSError) and error.errno in _DISK_FULL:
        return _FULL
    return next((SHAPES[kind] for kind in type(error).__mro__ if kind in SHAPES), _UNEXPECTED)


def _body(shape: Shape, detail: str, request_id: str | None) -> dict[str, Any]:
    return {
        "type": _TYPE + shape.type,
        "title": shape.title,
        "status": shape.status,
        "detail": detail,
        "request_id": request_id,
    }


def _sentence(error: BaseException) -> str:
    words = str(error).strip() or type(error).__name__
    return words if words.endswith((".", "!", "?")) else f"{words}."


def _invalid(error: RequestValidationError, request_id: str | None) -> Problem:
    shown = [
        {"loc": [str(part)[:100] for part in found["loc"]], "msg": told(found)[:500], "type": found["type"]}
        for found in error.errors()[:_ERRORS_SHOWN]
    ]
    detail = "; ".join(f"{'.'.join(found['loc'])}: {found['msg']}" for found in shown)
    shape = Shape(422, "invalid_request", "The request makes no sense")
    return Problem({**_body(shape, detail, request_id), "errors": shown}, {})


def told(found: Mapping[str, Any]) -> str:
    """What is wrong in one place, as pydantic has found it, in words for whoever sent it.

    Of a text's length pydantic would speak as of a list's, where the text was checked before; and a body that did not
    come as JSON it takes for JSON of another kind.
    """
    match found:
        case {"loc": ("body",), "input": bytes()}:
            return "Input should be JSON, sent with Content-Type: application/json"
        case {"type": "json_invalid", "ctx": {"error": str() as cause}}:
            return f"{found['msg']}: {cause}"
        case {"type": "value_error", "ctx": {"error": cause}}:
            return str(cause)
        case {"type": "too_short", "input": str(), "ctx": {"min_length": least}}:
            return f"String should have at least {least} character{'s' * (least != 1)}"
        case {"type": "too_long", "input": str(), "ctx": {"max_length": most}}:
            return f"String should have at most {most} character{'s' * (most != 1)}"
        case _:
            return str(found["msg"])


def _by_status(error: HTTPException, request_id: str | None) -> Problem:
    cause = error.__cause__
    if cause is not None and _shape(cause) is not _UNEXPECTED:
        return problem(cause, request_id)  # FastAPI turns all that happens while a form is read into a 400
    title = http.client.responses.get(error.status_code, "Error")
    shape = Shape(error.status_code, title.lower().replace(" ", "_").replace("-", "_"), title)
    detail = next((words for kind, words in _UNREADABLE.items() if isinstance(cause, kind)), error.detail)
    return Problem(_body(shape, _sentence(Exception(detail)), request_id), dict(error.headers or {}))


def response(told: Problem) -> Response:
    """The problem as a whole reply; ASCII, so that not even half a surrogate pair can break it."""
    headers = {**told.headers, "Cache-Control": "no-store"}
    return Response(json.dumps(told.body), told.status, headers, media_type=MEDIA_TYPE)


def request_id_of(scope: Scope) -> str:
    """The id that the request's logs carry too."""
    return str(scope["state"]["request_id"])


async def handle(request: Request, error: Exception) -> Response:
    """FastAPI's hook for what it raises itself."""
    return response(problem(error, request_id_of(request.scope)))


class Problems:
    """ASGI: turns every exception into a problem; beside the worker's loop, the one place that catches all."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def noting(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, noting)
        except ClientDisconnect:
            pass  # nobody is there to be told
        except (Exception, asyncio.CancelledError) as raised:  # noqa: BLE001
            error = ShuttingDown("") if isinstance(raised, asyncio.CancelledError) else _single(raised)
            told = problem(error, request_id_of(scope))
            if not started:
                await response(told)(scope, receive, send)
            # else the reply ends short of its announced end, and the server closes the connection


def _single(error: Exception) -> Exception:
    """A task group's first error, as it was raised."""
    while isinstance(error, ExceptionGroup):
        error = cast("ExceptionGroup[Exception]", error).exceptions[0]
    return error
