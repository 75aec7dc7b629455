"""A model server that fails in every way, and what whoever asks gets of it."""

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.app.running import Running, events, eventually, running
from tests.stubs.vllm import Script, VllmStub

QUESTION = "At how many degrees does gallium melt?"
TEXT = "Gallium melts at 29.8 degrees Celsius. It was discovered in 1875."
SAID = ("Gallium melts at 29.8 degrees Celsius [1].\n", "It was discovered in 1875 [1].\n")
ENDLESS = Script(tokens=SAID, endless=True, delay_seconds=0.05)
BODY = {"question": QUESTION, "options": {"max_tokens": 4000}}
CROWD = 200


@pytest.fixture(scope="module")
def stub() -> Iterator[VllmStub]:
    with VllmStub(Script(tokens=SAID)) as started:
        yield started


@pytest.fixture
def served(tmp_path: Path, sqlite_template: Path, stub: VllmStub) -> Iterator[Running]:
    """A fresh service, so that its breaker is closed; steps take a twentieth of the time that they have by default."""
    stub.script = Script(tokens=SAID)
    given: dict[str, Any] = {"generator_url": stub.base_url, "generator_model": "stub-model"}
    given |= {"generator_timeout_seconds": 24.0, "generator_connections": CROWD, "requests_per_minute": 100_000}
    with running(tmp_path, sqlite_template, **given) as started:
        started.upload("gallium.txt", TEXT)
        started.read_all()
        yield started


@pytest.fixture
def asker(served: Running) -> Iterator[httpx.Client]:
    with served.client(served.admin_secret) as client:
        yield client


@pytest.mark.parametrize(
    "script",
    [
        Script(status=500),
        Script(status=429),
        Script(status=503),
        Script(status=400),
        Script(mute=True),
        Script(hang_after=0),
        Script(hang_after=1, tokens=SAID),
        Script(drop_after=0),
        Script(error_after=0),
        Script(end_after=0),
        Script(tokens=()),
        Script(raw=b"<html>502 Bad Gateway</html>\n"),
        Script(raw=b"data: \xff\xfe\n\ndata: [DONE]\n\n"),
        Script(raw=b"data: " + b"x" * 1_000_000),
    ],
    ids=lambda script: str({name: str(value)[:20] for name in Script.__slots__ if (value := getattr(script, name))}),
)
def test_a_failure_before_the_first_sentence_leaves_cited_extracts(
    script: Script, asker: httpx.Client, stub: VllmStub
) -> None:
    stub.script = script
    answer = asker.post("/v1/answers", json=BODY).json()
    assert (answer["generator"], answer["degraded"], answer["abstained"]) == ("extractive", ["generator"], False)
    assert answer["citations"]


@pytest.mark.parametrize(
    "script",
    [
        Script(drop_after=3, tokens=SAID * 3),
        Script(error_after=3, tokens=SAID * 3),
        Script(end_after=3, tokens=SAID * 3),
        Script(hang_after=3, tokens=SAID * 3),
    ],
    ids=["dropped", "an error", "ended early", "hanging"],
)
def test_a_failure_after_it_ends_in_an_error_and_never_in_an_answer(
    script: Script, asker: httpx.Client, stub: VllmStub
) -> None:
    stub.script = script
    with asker.stream("POST", "/v1/answers", json={**BODY, "stream": True}) as reply:
        names = [name for name, _ in events(reply)]
    assert names[-1] == "error"
    assert "delta" in names
    assert "answer" not in names


def test_a_server_that_failed_five_times_is_left_alone(asker: httpx.Client, stub: VllmStub) -> None:
    stub.script = Script(status=500)
    before = stub.seen.requests
    for _ in range(8):
        assert asker.post("/v1/answers", json=BODY).json()["degraded"] == ["generator"]
    assert stub.seen.requests - before == 5


def test_a_crowd_that_leaves_in_mid_answer_frees_the_server(served: Running, stub: VllmStub) -> None:
    """Of two keys, since one may hold half of the places."""
    stub.script = ENDLESS
    aborted = stub.seen.aborted
    with ExitStack() as crowd:
        for secret in [served.new_key(), served.new_key()] * (CROWD // 2):
            crowd.enter_context(asking(served, secret))
        assert stub.wait_until(lambda seen: seen.active == CROWD, 60)
    assert stub.wait_until(lambda seen: seen.active == 0, 30)
    assert stub.seen.aborted - aborted == CROWD
    assert eventually(lambda: not served.state.slots.held and not served.state.streams.streams, 30)


def test_past_its_places_the_service_refuses_and_says_when_to_come_again(
    tmp_path: Path, sqlite_template: Path, stub: VllmStub
) -> None:
    """One connection has four places, for the answer under way and those that wait; one key has two of them."""
    stub.script = ENDLESS
    given: dict[str, Any] = {"generator_url": stub.base_url, "generator_model": "stub-model"}
    with running(tmp_path, sqlite_template, generator_connections=1, **given) as started, ExitStack() as crowd:
        started.upload("gallium.txt", TEXT)
        started.read_all()
        greedy, polite = started.new_key(), started.new_key()

        def refused(secret: str, places: int) -> httpx.Response:
            for _ in range(2):
                crowd.enter_context(asking(started, secret))
            assert eventually(lambda: sum(started.state.slots.held.values()) == places, 20)
            with started.client(secret) as client:
                return client.post("/v1/answers", json=BODY)

        for secret, places, status in ((greedy, 2, 429), (polite, 4, 503)):
            reply = refused(secret, places)
            assert (reply.status_code, reply.headers["retry-after"]) == (status, "2")
        assert stub.wait_until(lambda seen: seen.active == 1)


def asking(service: Running, secret: str) -> socket.socket:
    """A client that asks for a stream and reads nothing of it; to close it is to leave."""
    body = json.dumps({**BODY, "stream": True}).encode()
    client = socket.create_connection((service.host, service.port))
    client.sendall(
        f"POST /v1/answers HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {secret}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        + body
    )
    return client
