"""Openbook over the Model Context Protocol, asked by the SDK's own client over both of its transports."""

import asyncio
import socket
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import httpx2
import pytest
from mcp import MCPError
from mcp.client import Client
from mcp.client.stdio import StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CallToolResult, TextContent

from app.db.errors import DatabaseUnavailable
from app.db.types import KeyId
from tests.app.running import Running, Scripted, eventually, running

QUESTION = "At what temperature does gallium melt?"
SECRET_QUESTION = "When does the payroll run of the marmalade project happen?"
INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}},
}
ACCEPT = {"Accept": "application/json, text/event-stream"}
CALL = {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "ask", "arguments": {"question": "a?"}}}


@asynccontextmanager
async def over_http(service: Running, secret: str, mode: str = "auto") -> AsyncGenerator[Client]:
    """The SDK's client at /mcp with that key."""
    async with (
        httpx2.AsyncClient(headers={"Authorization": f"Bearer {secret}"}) as http,
        Client(streamable_http_client(f"{service.url}/mcp", http_client=http), mode=mode) as client,
    ):
        yield client


@asynccontextmanager
async def over_stdio(service: Running, secret: str, mode: str = "auto") -> AsyncGenerator[Client]:
    """The SDK's client, which starts `openbook mcp` itself."""
    command = ["-m", "app.cli", "mcp", "--url", service.url, "--key", secret]
    async with Client(StdioServerParameters(command=sys.executable, args=command), mode=mode) as client:
        yield client


def asked(
    work: Callable[[Client], Awaitable[None]],
    service: Running,
    secret: str,
    mode: str = "auto",
    over: Callable[[Running, str, str], Any] = over_http,
) -> None:
    async def connected() -> None:
        async with over(service, secret, mode) as client:
            await work(client)

    asyncio.run(connected())


def text_of(result: CallToolResult) -> str:
    (content,) = result.content
    assert isinstance(content, TextContent)
    return content.text


def body_of(result: CallToolResult) -> dict[str, Any]:
    assert not result.is_error, text_of(result)
    return dict(result.structured_content)


@pytest.mark.parametrize(
    ("over", "mode", "refused"),
    [
        (over_http, "legacy", "Server returned an error response"),  # all that the SDK says of a 401
        (over_http, "auto", "Server returned an error response"),
        (over_stdio, "legacy", "A valid key is needed"),
    ],
    ids=["http with a handshake", "http", "stdio"],
)
def test_a_client_sees_what_its_key_may_read_for_as_long_as_the_key_lives(
    service: Running,
    admin: httpx.Client,
    private_id: str,
    over: Callable[[Running, str, str], Any],
    mode: str,
    refused: str,
) -> None:
    made = admin.post("/v1/admin/keys", json={"name": "assistant", "collections": ["default"]}).json()

    async def work(client: Client) -> None:
        tools = (await client.list_tools()).tools
        assert [tool.name for tool in tools] == ["search", "ask"]
        assert all(tool.annotations and tool.annotations.read_only_hint for tool in tools)

        found = await client.call_tool("search", {"query": "gallium", "k": 1})
        (hit,) = body_of(found)["hits"]
        assert (hit["document"]["name"], hit["rank"]) == ("gallium.md", 1)
        assert text_of(found).startswith("[1] gallium.md (default)\nGallium\n")

        answer = await client.call_tool("ask", {"question": QUESTION})
        body = body_of(answer)
        assert "29.8" in body["answer"]
        for citation in body["citations"]:
            assert f"[{citation['label']}]" in body["answer"]
            assert f"[{citation['label']}] gallium.md: “{citation['quote']}”" in text_of(answer)

        hidden = [
            await client.call_tool("search", {"query": SECRET_QUESTION, "k": 20}),
            await client.call_tool("ask", {"question": SECRET_QUESTION}),
            await client.call_tool("ask", {"question": SECRET_QUESTION, "collections": ["private"]}),
            await client.call_tool("search", {"query": SECRET_QUESTION, "collections": ["nowhere"]}),
        ]
        for result in hidden:
            told = text_of(result) + repr(result.structured_content)
            assert not any(canary in told for canary in ("ninth day", "payroll.md", private_id))
        assert [result.is_error for result in hidden] == [False, False, True, True]
        assert "no such collection" in text_of(hidden[2])

        service.services.keys.revoke(KeyId(made["id"]))
        assert refused in await refusal(client)

    asked(work, service, made["key"], mode, over)


async def refusal(client: Client) -> str:
    """How a call is refused: over HTTP the request itself is, by stdio the command's own request."""
    try:
        result = await client.call_tool("search", {"query": "gallium"})
    except MCPError as error:
        return str(error)
    assert result.is_error
    return text_of(result)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "question"),
        ({"question": ""}, "question"),
        ({"question": "a" * 4001}, "question"),
        ({"question": "a", "collections": []}, "collections"),
        ({"question": "a", "options": {"temperature": 9}}, "options"),
    ],
)
def test_arguments_that_do_not_fit_are_named(arguments: dict[str, Any], words: str, service: Running) -> None:
    async def work(client: Client) -> None:
        result = await client.session.call_tool("ask", arguments)
        assert isinstance(result, CallToolResult)
        assert result.is_error
        assert words in text_of(result)

    asked(work, service, service.new_key())


def test_an_unknown_tool_is_named_with_those_there_are(service: Running) -> None:
    async def work(client: Client) -> None:
        result = await client.call_tool("delete_everything", {})
        assert result.is_error
        assert text_of(result) == "There is no tool 'delete_everything': there are search, ask."

    asked(work, service, service.new_key())


def test_each_message_stands_alone_and_opens_no_session(reader: httpx.Client) -> None:
    reply = reader.post("/mcp", json=INITIALIZE, headers=ACCEPT)
    assert reply.status_code == 200
    assert reply.json()["result"]["serverInfo"]["name"] == "openbook"
    assert "mcp-session-id" not in reply.headers
    called = reader.post("/mcp", json=CALL | {"id": 7}, headers=ACCEPT).json()
    assert (called["id"], called["result"]["isError"]) == (7, False)


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_there_is_no_stream_of_the_servers_own(method: str, reader: httpx.Client) -> None:
    reply = reader.request(method, "/mcp", headers=ACCEPT)
    assert (reply.status_code, reply.headers["allow"]) == (405, "POST")


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'{"a": 1}', b"[" * 100_000, b'{"jsonrpc": "2.0", "id": 1}', b"\xff"]
)
def test_what_is_no_message_is_a_clear_refusal(body: bytes, reader: httpx.Client) -> None:
    reply = reader.post("/mcp", content=body, headers=ACCEPT | {"Content-Type": "application/json"})
    assert reply.status_code in (400, 422)
    assert "Traceback" not in reply.text


def test_a_message_that_does_not_come_as_json_is_refused_with_the_way_out(reader: httpx.Client) -> None:
    reply = reader.post("/mcp", json=CALL, headers=ACCEPT | {"Content-Type": "text/plain"})
    assert (reply.status_code, reply.headers["content-type"]) == (422, "application/problem+json")
    assert "Content-Type: application/json" in reply.json()["detail"]


def test_a_body_past_the_cap_is_refused(reader: httpx.Client) -> None:
    assert reader.post("/mcp", content=b" " * (1 << 21), headers=ACCEPT).status_code == 413


def test_another_sites_page_cannot_speak_with_our_cookie(service: Running) -> None:
    with service.client() as browser:
        browser.post("/v1/session", json={"key": service.new_key()})
        reply = browser.post("/mcp", json=CALL, headers=ACCEPT | {"Origin": "https://evil.example"})
    assert (reply.status_code, reply.json()["type"]) == (403, "urn:openbook:problem:cross_site")


def test_requests_are_counted_with_all_others_of_the_key(tmp_path: Path, sqlite_template: Path) -> None:
    with (
        running(tmp_path, sqlite_template, requests_per_minute=5) as started,
        started.client(started.new_key()) as client,
    ):
        statuses = [client.post("/mcp", json=CALL, headers=ACCEPT).status_code for _ in range(7)]
    assert statuses == [200] * 5 + [429] * 2


@pytest.fixture
def hanging(tmp_path: Path, sqlite_template: Path) -> Iterator[tuple[Running, Scripted]]:
    """A service whose model never ends."""
    writer = Scripted(hangs=True)
    with running(tmp_path, sqlite_template, writer, default=True, generator_connections=1) as started:
        started.upload("gallium.txt", "Gallium melts at 29.8 degrees Celsius.")
        started.read_all()
        yield started, writer


def test_a_client_that_leaves_frees_the_model_and_its_place(hanging: tuple[Running, Scripted]) -> None:
    service, writer = hanging
    call = CALL | {"params": {"name": "ask", "arguments": {"question": QUESTION}}}
    with service.client(service.new_key()) as client:
        request = client.build_request("POST", "/mcp", json=call, headers=ACCEPT)
    head = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
    with socket.create_connection((service.host, service.port)) as connection:
        connection.sendall(f"POST /mcp HTTP/1.1\r\n{head}\r\n".encode() + request.content)
        assert eventually(lambda: writer.active == 1, 20)
    assert eventually(lambda: writer.active == 0 and service.state.slots.held == {})


def test_what_breaks_inside_is_told_without_its_cause(service: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise DatabaseUnavailable("host=db.internal password=hunter2")

    monkeypatch.setattr("app.auth.scope_of", broken)

    async def work(client: Client) -> None:
        result = await client.call_tool("search", {"query": "gallium"})
        assert result.is_error
        assert text_of(result).startswith("The database is away: The service cannot do this right now; try again.")

    asked(work, service, service.new_key())
