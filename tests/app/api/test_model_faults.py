"""A model server that fails in every way, and what whoever asks gets of it."""

import socket
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests import leavers
from tests.app.running import Running, events, eventually, running
from tests.stubs.vllm import Script, VllmStub

QUESTION = "At how many degrees does gallium melt?"
TEXT = "Gallium melts at 29.8 degrees Celsius. It was discovered in 1875."
SAID = ("Gallium melts at 29.8 degrees Celsius [1].\n", "It was discovered in 1875 [1].\n")
ENDLESS = Script(tokens=SAID, endless=True, delay_seconds=0.5)
CROWD = 200
BEGUN = Script(tokens=SAID, hang_after=1)
"""Two hundred that go on would keep a slow machine from bringing the last of them on its way."""
BODY = {"question": QUESTION, "options": {"max_tokens": 4000}}


@pytest.fixture(scope="module")
def stub() -> Iterator[VllmStub]:
    with VllmStub(Script(tokens=SAID)) as started:
        yield started


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path, stub: VllmStub) -> Iterator[Running]:
    """A service that waits for a busy machine, whatever is asked of it."""
    with before(stub, tmp_path_factory.mktemp("data"), sqlite_template, seconds=600) as started:
        yield started


@pytest.fixture
def hasty(tmp_path: Path, sqlite_template: Path, stub: VllmStub) -> Iterator[Running]:
    """A service that gives a server up which says nothing for a second."""
    with before(stub, tmp_path, sqlite_template, seconds=24) as started:
        yield started


@contextmanager
def before(stub: VllmStub, folder: Path, template: Path, seconds: float, **more: Any) -> Generator[Running]:
    """A service before the stub, with one document."""
    given: dict[str, Any] = {"generator_url": stub.base_url, "generator_model": "stub-model"}
    given |= {"generator_timeout_seconds": seconds, "requests_per_minute": 100_000}
    with running(folder, template, **given | more) as started:
        started.upload("gallium.txt", TEXT)
        started.read_all()
        yield started


def ask(service: Running, **more: Any) -> dict[str, Any]:
    with httpx.Client(base_url=service.url, timeout=120, trust_env=False) as client:
        return client.post("/v1/answers", json=BODY | more, headers=authorized(service)).json()


def stream(service: Running) -> list[str]:
    """The names of an answer's events."""
    with (
        httpx.Client(base_url=service.url, timeout=120, trust_env=False) as client,
        client.stream("POST", "/v1/answers", json={**BODY, "stream": True}, headers=authorized(service)) as reply,
    ):
        return [name for name, _ in events(reply)]


def authorized(service: Running) -> dict[str, str]:
    return {"Authorization": f"Bearer {service.admin_secret}"}


def well_again(service: Running, stub: VllmStub) -> None:
    """One good answer closes the breaker's count of failures in a row."""
    stub.script = Script(tokens=SAID)
    assert ask(service)["degraded"] == []


@pytest.mark.parametrize(
    "script",
    [
        Script(status=500),
        Script(status=429),
        Script(status=503),
        Script(status=400),
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
    script: Script, served: Running, stub: VllmStub
) -> None:
    well_again(served, stub)
    stub.script = script
    answer = ask(served)
    assert (answer["generator"], answer["degraded"], answer["abstained"]) == ("extractive", ["generator"], False)
    assert answer["citations"]


@pytest.mark.parametrize(
    "script", [Script(mute=True), Script(hang_after=0), Script(hang_after=1)], ids=["stopped", "no head", "no word"]
)
def test_a_server_that_hangs_leaves_cited_extracts(script: Script, hasty: Running, stub: VllmStub) -> None:
    stub.script = script
    answer = ask(hasty)
    assert (answer["generator"], answer["degraded"]) == ("extractive", ["generator"])
    assert answer["citations"]


@pytest.mark.parametrize(
    "script", [Script(mute=True), Script(hang_after=1, tokens=("", "late"))], ids=["no head", "no word"]
)
def test_a_follow_up_with_every_option_waits_once_for_a_server_that_hangs(
    script: Script, tmp_path: Path, sqlite_template: Path, stub: VllmStub
) -> None:
    """Once is 2.5 s; to wait for the answer itself again would take 5 s, for each call 12 s and more."""
    stub.script = Script(tokens=SAID)
    with before(stub, tmp_path, sqlite_template, seconds=60) as started:
        with started.client(started.admin_secret) as client:
            conversation = client.post("/v1/conversations", json={}).json()["id"]
        ask(started, conversation_id=conversation)
        stub.script = script
        before_it = stub.seen.requests
        options = {"queries": 3, "hypothetical": True, "decompose": True, "search_rounds": 2}
        answer = ask(started, conversation_id=conversation, options=options)
    assert stub.seen.requests - before_it == 1
    assert answer["degraded"][-1] == "generator"
    assert answer["citations"]


@pytest.mark.parametrize(
    "script",
    [
        Script(drop_after=3, tokens=SAID * 3),
        Script(error_after=3, tokens=SAID * 3),
        Script(end_after=3, tokens=SAID * 3),
    ],
    ids=["dropped", "an error", "ended early"],
)
def test_a_failure_after_it_ends_in_an_error_and_never_in_an_answer(
    script: Script, served: Running, stub: VllmStub
) -> None:
    well_again(served, stub)
    stub.script = script
    names = stream(served)
    assert names[-1] == "error"
    assert "delta" in names
    assert "answer" not in names


def test_a_server_that_hangs_after_it_ends_in_an_error_too(hasty: Running, stub: VllmStub) -> None:
    stub.script = Script(tokens=SAID * 3, hang_after=3)
    names = stream(hasty)
    assert (names[-1], "delta" in names, "answer" in names) == ("error", True, False)


def test_an_answer_that_is_cut_tells_so_in_openais_protocol(served: Running, stub: VllmStub) -> None:
    well_again(served, stub)
    stub.script = Script(tokens=(*SAID, "It"), finish_reason="length")
    body = {"model": "openbook", "messages": [{"role": "user", "content": QUESTION}]}
    with served.client(served.admin_secret) as client:
        (choice,) = client.post("/v1/chat/completions", json=body).json()["choices"]
        told = client.post("/v1/chat/completions", json=body | {"stream": True})
    assert (choice["finish_reason"], choice["message"]["content"]) == ("length", "".join(SAID).strip())
    assert '"finish_reason": "length"' in told.text


def test_a_server_that_failed_five_times_is_left_alone(tmp_path: Path, sqlite_template: Path, stub: VllmStub) -> None:
    stub.script = Script(status=500)
    asked = stub.seen.requests
    with before(stub, tmp_path, sqlite_template, seconds=600) as started:
        for _ in range(8):
            assert ask(started)["degraded"] == ["generator"]
    assert stub.seen.requests - asked == 5


def test_past_its_places_the_service_refuses_and_says_when_to_come_again(
    tmp_path: Path, sqlite_template: Path, stub: VllmStub
) -> None:
    """One connection has four places, for the answer under way and those that wait; one key has two of them."""
    stub.script = ENDLESS
    with (
        before(stub, tmp_path, sqlite_template, seconds=600, generator_connections=1) as started,
        ExitStack() as crowd,
    ):
        for secret, places, status in ((started.new_key(), 2, 429), (started.new_key(), 4, 503)):
            for _ in range(2):
                crowd.enter_context(asking(started, secret))
            assert eventually(lambda places=places: sum(started.state.slots.held.values()) == places, 20)
            with started.client(secret) as client:
                reply = client.post("/v1/answers", json=BODY)
            assert (reply.status_code, reply.headers["retry-after"]) == (status, "2")
        assert stub.wait_until(lambda seen: seen.active == 1)


def test_a_crowd_that_leaves_in_mid_answer_frees_the_model_server(
    tmp_path: Path, sqlite_template: Path, stub: VllmStub
) -> None:
    stub.script = BEGUN
    with before(stub, tmp_path, sqlite_template, seconds=3600, generator_connections=CROWD) as started:
        with ExitStack() as crowd:
            for _ in range(CROWD):
                crowd.enter_context(asking(started, started.admin_secret))
            assert stub.wait_until(lambda seen: seen.active == CROWD, 60)
        assert stub.wait_until(lambda seen: seen.active == 0, 60)
        well_again(started, stub)


def asking(service: Running, secret: str) -> socket.socket:
    return leavers.begin(service.host, service.port, f"Bearer {secret}", BODY)
