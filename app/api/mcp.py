"""The Model Context Protocol over HTTP, through the same gate: each POST stands alone, so that any copy answers it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from anyio.to_thread import run_sync
from fastapi import APIRouter, Request
from starlette.responses import Response
from starlette.types import Scope

from app.api.answer_bodies import AnswerBody
from app.api.answers import Asked, ask_of, begin, whole
from app.api.dependencies import App, AppGiven, KeyGiven, PlaceHeld, while_connected
from app.api.problems import InvalidRequest, problem, request_id_of
from app.api.search import Found, SearchQuery, find
from app.db.types import KeyRecord

router = APIRouter(tags=["mcp"])


@router.post("/mcp", include_in_schema=False, response_model=None)
async def speak(request: Request, key: KeyGiven, app: AppGiven, _: PlaceHeld) -> Response:
    """One message of the protocol and its reply."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise InvalidRequest("send the message with Content-Type: application/json")
    body = await request.body()
    desk = _Here(app, key, request_id_of(request.scope))
    reply = await run_sync(_exchange, desk, request.scope, body)
    return await while_connected(request, reply)


def _exchange(desk: "_Here", scope: Scope, body: bytes) -> Callable[[], Awaitable[Response]]:
    """The work that gives the reply; the SDK is imported with the first request, in a thread."""
    from app.api.tools import exchange, server_of  # noqa: PLC0415  # a second and 22 MiB that few services need

    return partial(exchange, server_of(desk), scope, body)


@dataclass(frozen=True, slots=True)
class _Here:
    """Searches and answers in this process, for the key of the request."""

    app: App
    key: KeyRecord
    request_id: str

    async def search(self, query: SearchQuery) -> Found:
        return await find(self.app, self.key, query)

    async def answer(self, asked: Asked) -> AnswerBody:
        return await whole(begin(self.app, self.key, await run_sync(ask_of, self.app, self.key, asked)))

    def explained(self, error: Exception) -> str:
        body = problem(error, self.request_id).body
        return f"{body['title']}: {body['detail']} (request {self.request_id})"
