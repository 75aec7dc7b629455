"""Every route, every kind of asker: what the table says is what happens, before any body is read."""

import asyncio
import socket
import time
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.routing import iter_route_contexts
from sqlalchemy import text

from app.auth import COOKIE
from app.http.gate import RULES, Rule, rule_for
from app.main import create_app
from generation.types import GenerationRequest, GeneratorEvent
from tests.app.running import Running, Scripted, events, running

FILLED = {
    "{path}": "app.js",
    "{token}": "obl_x",
    "{number}": "1",
    "{other}": "1",
    "{name}": "nowhere",
    "{model}": "openbook",
}
ACCEPT = {"Accept": "application/json, text/event-stream"}
MULTIPART = {"files": {"file": ("a.txt", b"")}}


def address(rule: Rule, document: str) -> str:
    path = rule.path
    for slot, value in {**FILLED, "{id}": document}.items():
        path = path.replace(slot, value)
    return path


def ask(client: httpx.Client, rule: Rule, document: str, **more: Any) -> httpx.Response:
    body: dict[str, Any] = {}
    if rule.method in ("POST", "PUT"):
        body = MULTIPART if rule.body == "upload" else {"json": {}}
    return client.request(rule.method, address(rule, document), **body, **more)


def tool_call(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": name, "arguments": arguments}}


def test_every_route_stands_in_the_table_and_every_entry_is_a_route(service: Running) -> None:
    served: set[tuple[str, str]] = set()
    for route in iter_route_contexts(create_app(service.services).routes):
        if str(route.path).startswith("/static/"):
            served |= {("GET", "/static/{version}/{path}"), ("GET", "/static/{version}/{folder}/{path}")}
        else:
            served |= {(method, str(route.path)) for method in route.methods or ()}
    assert served == {(rule.method, rule.path) for rule in RULES}


def test_the_table_has_one_entry_per_route() -> None:
    assert len({(rule.method, rule.path) for rule in RULES}) == len(RULES)


def test_only_these_routes_are_open() -> None:
    files = {"/", "/static/{version}/{path}", "/static/{version}/{folder}/{path}"}
    expected = files | {"/livez", "/readyz", "/login/{token}", "/v1/session"}
    assert {rule.path for rule in RULES if rule.access == "open"} == expected
    assert {rule.method for rule in RULES if rule.path == "/v1/session" and rule.access == "open"} == {"POST"}


def test_whatever_changes_more_than_the_askers_own_things_needs_an_admin() -> None:
    own = ("/v1/session", "/v1/conversations", "/v1/answers", "/v1/search", "/v1/chat/completions", "/mcp")
    changing = [rule for rule in RULES if rule.method not in {"GET", "HEAD"}]
    others = {rule.path for rule in changing if not rule.path.startswith(own)}
    assert others == {rule.path for rule in changing if rule.path.startswith("/v1/admin/")}
    assert all(rule.access == "admin" for rule in RULES if rule.path.startswith("/v1/admin/"))


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/v1/documents/doc_1", "/v1/documents/{id}"),
        ("GET", "/v1/documents/doc_1/pages/3.png", "/v1/documents/{id}/pages/{number}.png"),
        ("GET", "/v1/documents/a/b", None),
        ("GET", "/v1/documents/", None),
        ("GET", "/static/../../app/settings.py", None),
        ("PATCH", "/v1/documents", None),
        ("get", "/livez", None),
    ],
)
def test_a_path_finds_its_rule(method: str, path: str, expected: str | None) -> None:
    rule = rule_for(method, path)
    assert (rule.path if rule else None) == expected


CLOSED = [rule for rule in RULES if rule.access != "open"]


@pytest.mark.parametrize("rule", CLOSED, ids=lambda rule: f"{rule.method} {rule.path}")
def test_nothing_is_reached_without_a_key(
    rule: Rule, service: Running, anonymous: httpx.Client, public_id: str
) -> None:
    service.state.refused_keys.hits.clear()
    for headers in ({}, {"Authorization": "Bearer ob_" + "a" * 60}, {"Cookie": f"{COOKIE}=obs_{'a' * 60}"}):
        reply = ask(anonymous, rule, public_id, headers=headers)
        assert (reply.status_code, reply.json()["type"]) == (401, "urn:openbook:problem:not_authenticated")


@pytest.mark.parametrize(
    "rule", [rule for rule in RULES if rule.access == "admin"], ids=lambda rule: f"{rule.method} {rule.path}"
)
def test_a_reader_does_nothing_that_needs_an_admin(rule: Rule, reader: httpx.Client, public_id: str) -> None:
    assert ask(reader, rule, public_id).status_code == 403


def test_who_tried_what_is_not_for_them_is_written_down(service: Running) -> None:
    with service.client(service.new_key()) as client:
        key = client.get("/v1/session").json()["id"]
        reply = client.delete("/v1/admin/documents/doc_1")
    with service.services.db.read() as session:
        rows = session.execute(
            text("SELECT action, target, result, request_id FROM audit WHERE key_id = :key"), {"key": key}
        )
        assert [tuple(row) for row in rows] == [
            ("access", "DELETE /v1/admin/documents/{id}", "denied", reply.headers["x-request-id"])
        ]
    assert service.services.audit.verify()


READ_BY_ID = [rule for rule in RULES if rule.access == "reader" and "{id}" in rule.path]


@pytest.mark.parametrize("rule", READ_BY_ID, ids=lambda rule: f"{rule.method} {rule.path}")
def test_a_foreign_id_and_a_missing_id_are_the_same_404(
    rule: Rule, service: Running, limited: httpx.Client, private_id: str
) -> None:
    foreign = _foreign_id(service, rule, private_id)
    kind = foreign.partition("_")[0]
    replies = [ask_validly(limited, rule, each) for each in (foreign, f"{kind}_{'0' * 26}")]
    bodies = [{**reply.json(), "request_id": ""} for reply in replies]
    assert bodies[0] == bodies[1]
    assert bodies[0]["status"] == 404


def ask_validly(client: httpx.Client, rule: Rule, id: str) -> httpx.Response:
    if rule.path.endswith("/feedback"):
        return client.post(address(rule, id), json={"rating": 1})
    if (rule.method, rule.path) == ("PATCH", "/v1/conversations/{id}"):
        return client.patch(address(rule, id), json={"title": "ours"})
    return ask(client, rule, id)


def _foreign_id(service: Running, rule: Rule, private_id: str) -> str:
    """An id that the admin reaches: of a document, a job, a conversation or an answer."""
    with service.client(service.admin_secret) as admin:
        if rule.path.startswith("/v1/jobs"):
            return str(admin.get(f"/v1/documents/{private_id}").json()["job_id"])
        if rule.path.startswith("/v1/conversations"):
            return str(admin.post("/v1/conversations", json={"title": "mine"}).json()["id"])
        if rule.path.startswith("/v1/answers"):
            return str(admin.post("/v1/answers", json={"question": "payroll?"}).json()["id"])
    return private_id


@pytest.mark.parametrize("rule", READ_BY_ID, ids=lambda rule: f"{rule.method} {rule.path}")
def test_an_admin_reaches_the_id_that_was_foreign(
    rule: Rule, service: Running, admin: httpx.Client, private_id: str
) -> None:
    reply = ask_validly(admin, rule, _foreign_id(service, rule, private_id))
    assert reply.status_code in (200, 204) or reply.json()["detail"] == "The document has no such page."


BODIES = [
    ("/v1/search", {"query": "payroll"}),
    ("/v1/answers", {"question": "payroll"}),
]
CALLS = [("search", {"query": "payroll"}), ("ask", {"question": "payroll"})]


@pytest.mark.parametrize(("path", "body"), BODIES)
@pytest.mark.parametrize("name", ["private", "nowhere", "Private", "*", "default' OR '1'='1"])
def test_a_collection_in_a_body_is_checked_like_an_id(
    path: str, body: dict[str, Any], name: str, limited: httpx.Client
) -> None:
    reply = limited.post(path, json={**body, "collections": [name]})
    assert reply.status_code in (404, 422)
    if name in ("private", "nowhere"):
        unknown = limited.post(path, json={**body, "collections": ["never-was"]})
        assert {**reply.json(), "request_id": ""} == {**unknown.json(), "request_id": ""}


@pytest.mark.parametrize(("tool", "arguments"), CALLS)
@pytest.mark.parametrize("name", ["private", "nowhere", "Private", "*"])
def test_a_collection_in_a_tools_arguments_is_checked_like_an_id(
    tool: str, arguments: dict[str, Any], name: str, limited: httpx.Client
) -> None:
    def told(collections: list[str]) -> dict[str, Any]:
        call = tool_call(tool, {**arguments, "collections": collections})
        return dict(limited.post("/mcp", json=call, headers=ACCEPT).json()["result"])

    assert told([name])["isError"]
    assert told([])["isError"]
    if name in ("private", "nowhere"):
        words = [told([each])["content"][0]["text"].partition("(request")[0] for each in (name, "never-was")]
        assert words[0] == words[1]


@pytest.mark.parametrize(("path", "body"), BODIES)
def test_an_empty_list_of_collections_never_means_all(path: str, body: dict[str, Any], limited: httpx.Client) -> None:
    assert limited.post(path, json={**body, "collections": []}).status_code == 422


def test_a_limited_reader_sees_nothing_of_another_collection(limited: httpx.Client, private_id: str) -> None:
    question = "When does the payroll run of the marmalade project happen?"
    completion = {"model": "openbook", "messages": [{"role": "user", "content": question}]}
    called = [("search", {"query": question, "k": 20}), ("ask", {"question": question})]
    seen = [
        limited.get("/v1/documents", params={"limit": 500}).text,
        limited.get("/v1/documents", params={"q": "payroll"}).text,
        limited.get("/v1/session").text,
        limited.post("/v1/search", json={"query": question, "k": 100}).text,
        limited.post("/v1/answers", json={"question": question}).text,
        limited.post("/v1/chat/completions", json=completion).text,
        *(limited.post("/mcp", json=tool_call(*each), headers=ACCEPT).text for each in called),
    ]
    filtered = {"all": [{"field": "document.id", "op": "eq", "value": private_id}]}
    assert limited.post("/v1/search", json={"query": question, "filter": filtered}).json()["hits"] == []
    for told in seen:
        for canary in ("ninth day", private_id, "payroll.md", "Payroll", "private"):
            assert canary not in told


def test_a_path_that_is_not_served_says_so_to_those_with_a_key_only(
    reader: httpx.Client, anonymous: httpx.Client
) -> None:
    assert anonymous.get("/v1/nothing").status_code == 401
    assert reader.get("/v1/nothing").json()["type"] == "urn:openbook:problem:not_found"
    reply = reader.patch("/v1/documents")
    assert (reply.status_code, reply.headers["allow"]) == (405, "GET")


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/openapi.json", "/metrics"])
def test_nothing_tells_strangers_about_the_service(path: str, anonymous: httpx.Client, reader: httpx.Client) -> None:
    assert anonymous.get(path).status_code == 401
    assert reader.get(path).status_code in (403, 404)


def test_a_key_in_an_address_is_refused_even_beside_a_good_one(service: Running, reader: httpx.Client) -> None:
    reply = reader.get("/v1/documents", params={"key": service.new_key()})
    assert (reply.status_code, reply.json()["type"]) == (400, "urn:openbook:problem:bad_credentials")


def raw(service: Running, request: bytes) -> tuple[socket.socket, bytes]:
    client = socket.create_connection((service.host, service.port), timeout=5)
    client.sendall(request)
    received = b""
    while b"\r\n\r\n" not in received:
        received += client.recv(1 << 16)
    return client, received


@pytest.mark.parametrize("framing", [b"Content-Length: 1000000000", b"Transfer-Encoding: chunked"])
def test_without_a_key_the_body_is_not_even_awaited(service: Running, framing: bytes) -> None:
    head = b"POST /v1/admin/documents HTTP/1.1\r\nHost: a\r\nContent-Type: multipart/form-data; boundary=b\r\n"
    client, received = raw(service, head + framing + b"\r\n\r\n")
    with client:
        assert received.startswith(b"HTTP/1.1 401")


def test_a_body_that_is_declared_too_large_is_refused_before_it_is_sent(service: Running) -> None:
    key = service.admin_secret.encode()
    head = (
        b"POST /v1/search HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer " + key + b"\r\nContent-Length: 2000000\r\n\r\n"
    )
    client, received = raw(service, head)
    with client:
        assert received.startswith(b"HTTP/1.1 413")


def test_two_different_credentials_are_refused(service: Running) -> None:
    pair = [("Authorization", f"Bearer {service.new_key()}"), ("Authorization", f"Bearer {service.new_key()}")]
    with httpx.Client(base_url=service.url) as client:
        assert client.get("/v1/documents", headers=pair).status_code == 400


def test_a_revoked_key_is_refused_at_once(service: Running, admin: httpx.Client) -> None:
    service.state.refused_keys.hits.clear()
    made = admin.post("/v1/admin/keys", json={"name": "short-lived"}).json()
    with service.client(made["key"]) as client:
        assert client.get("/v1/session").status_code == 200
        assert admin.delete(f"/v1/admin/keys/{made['id']}").status_code == 204
        assert client.get("/v1/session").status_code == 401


class Dripping(Scripted):
    """Writes a cited sentence every little while, for long."""

    async def stream(self, request: GenerationRequest) -> AsyncGenerator[GeneratorEvent, None]:
        async for event in super().stream(request):
            yield event
            await asyncio.sleep(0.3)


@pytest.fixture
def dripping(tmp_path: Path, sqlite_template: Path) -> Iterator[Running]:
    sentences = tuple(f"Gallium melts at 29.8 degrees Celsius, says line {number} [1]." for number in range(40))
    with running(tmp_path, sqlite_template, Dripping(sentences)) as started:
        started.upload("gallium.md", "Gallium melts at 29.8 degrees Celsius.")
        started.read_all()
        yield started


def test_a_stream_ends_soon_after_its_key_was_revoked(dripping: Running) -> None:
    with dripping.client(dripping.admin_secret) as admin:
        made = admin.post("/v1/admin/keys", json={"name": "asker"}).json()
        body = {"question": "At what does gallium melt?", "stream": True, "options": {"generator": "scripted"}}
        with dripping.client(made["key"]) as client, client.stream("POST", "/v1/answers", json=body) as reply:
            lines = reply.iter_lines()
            assert next(lines) == "event: context"
            admin.delete(f"/v1/admin/keys/{made['id']}")
            start = time.monotonic()
            with pytest.raises(httpx.RemoteProtocolError):
                list(lines)
        assert time.monotonic() - start < 5
        assert dripping.state.slots.held == {}


def test_a_cookie_changes_nothing_for_another_site(service: Running) -> None:
    with service.client() as browser:
        made = browser.post("/v1/session", json={"key": service.new_key()})
        assert made.status_code == 200
        body = {"title": "from elsewhere"}
        for headers in ({}, {"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}):
            reply = browser.post("/v1/conversations", json=body, headers=headers)
            assert (reply.status_code, reply.json()["type"]) == (403, "urn:openbook:problem:cross_site")
        assert browser.get("/v1/conversations").json()["items"] == []
        own = browser.post("/v1/conversations", json=body, headers={"Origin": service.url})
        assert own.status_code == 201


def test_no_reply_lets_another_site_in(service: Running) -> None:
    with service.client(service.admin_secret) as client:
        reply = client.get("/v1/documents", headers={"Origin": "https://evil.example"})
    assert not [name for name in reply.headers if name.startswith("access-control")]


def test_refused_keys_are_counted_by_address_and_slowed_down(tmp_path: Path, sqlite_template: Path) -> None:
    with running(tmp_path, sqlite_template) as started, started.client("ob_" + "a" * 60) as client:
        statuses = [client.get("/v1/documents").status_code for _ in range(70)]
        assert statuses[:60] == [401] * 60
        assert set(statuses[60:]) == {429}
        with started.client(started.admin_secret) as admin:
            assert admin.get("/v1/documents").status_code == 200
        forged = client.get("/v1/documents", headers={"X-Forwarded-For": "203.0.113.9"})
        assert forged.status_code == 429


def test_a_key_that_asks_too_often_waits_while_others_do_not(tmp_path: Path, sqlite_template: Path) -> None:
    with (
        running(tmp_path, sqlite_template, requests_per_minute=20) as started,
        started.client(started.new_key()) as flooder,
        started.client(started.new_key()) as polite,
    ):
        replies = [flooder.get("/v1/session") for _ in range(30)]
        assert [reply.status_code for reply in replies] == [200] * 20 + [429] * 10
        assert 1 <= int(replies[-1].headers["retry-after"]) <= 61
        assert replies[-1].headers["content-type"] == "application/problem+json"
        assert polite.get("/v1/session").status_code == 200


def test_answers_are_told_apart_from_events_by_nothing_but_the_body(reader: httpx.Client) -> None:
    plain = reader.post("/v1/answers", json={"question": "At what does gallium melt?"}).json()
    streamed = reader.post("/v1/answers", json={"question": "At what does gallium melt?", "stream": True})
    last = events(streamed)[-1]
    assert last[0] == "answer"
    assert sorted(last[1]) == sorted([*plain, "rendered"])  # the page's tree of the text, for those who watch it come
