"""The tools `search` and `ask` for a program that starts this command and speaks MCP to it: `openbook mcp`."""

from dataclasses import dataclass
from functools import partial

import anyio
import typer
from anyio.to_thread import run_sync
from pydantic import BaseModel

from app.api.answer_bodies import AnswerBody
from app.api.answers import Asked
from app.api.search import Found, SearchQuery
from app.cli.terminal import Key, Url, connected
from app.client import Client, Json

commands = typer.Typer()


@commands.command(name="mcp")
def serve_mcp(url: Url = None, key: Key = None) -> None:
    """Serve the tools search and ask over standard input and output (Model Context Protocol)."""
    from app.api.tools import serve_stdio, server_of  # noqa: PLC0415  # brings the SDK, which no other command needs

    with connected(url, key) as client:
        anyio.run(serve_stdio, server_of(_There(client)))


@dataclass(frozen=True, slots=True)
class _There:
    """Searches and answers by a service, with the key of this command; the service's words are for whoever holds it."""

    client: Client

    async def search(self, query: SearchQuery) -> Found:
        return Found.model_validate(await self._posted("/v1/search", query))

    async def answer(self, asked: Asked) -> AnswerBody:
        return AnswerBody.model_validate(await self._posted("/v1/answers", asked))

    def explained(self, error: Exception) -> str:
        return str(error)

    async def _posted(self, path: str, body: BaseModel) -> Json:
        post = partial(self.client.post, path, body.model_dump(mode="json", exclude_unset=True))
        return await run_sync(post, abandon_on_cancel=True)
