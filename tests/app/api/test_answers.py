import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.db.errors import StorageFull
from app.db.people.conversations import ConversationStore
from generation.errors import GeneratorUnavailable
from tests.app.running import Running, Scripted, events, running

QUESTION = "At what temperature does gallium melt?"
HANGING = ("Gallium melts at 29.8 degrees Celsius [1].", "It was discovered in 1875 [1].")
TEXT = "Gallium melts at 29.8 degrees Celsius. It was discovered in 1875."


@pytest.fixture(scope="module")
def writer() -> Scripted:
    return Scripted()


@pytest.fixture(scope="module")
def scripted(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path, writer: Scripted) -> Iterator[Running]:
    """A service with a generator that does as the test says."""
    with running(tmp_path_factory.mktemp("data"), sqlite_template, writer) as started:
        started.upload("gallium.txt", TEXT)
        started.read_all()
        yield started


@pytest.fixture
def asker(scripted: Running) -> Iterator[httpx.Client]:
    with scripted.client(scripted.new_key()) as client:
        yield client


def asked(**more: Any) -> dict[str, Any]:
    return {"question": QUESTION, "options": {"generator": "scripted"}, **more}


def test_an_answer_cites_what_stands_in_the_document(reader: httpx.Client, public_id: str) -> None:
    reply = reader.post("/v1/answers", json={"question": QUESTION})
    body = reply.json()
    assert reply.status_code == 200
    assert (body["question"], body["abstained"], body["generator"], body["degraded"]) == (
        QUESTION,
        False,
        "extractive",
        [],
    )
    assert body["id"].startswith("ans_")
    chunks = reader.get(f"/v1/documents/{public_id}/chunks").json()["items"]
    for citation in body["citations"]:
        assert f"[{citation['label']}]" in body["answer"]
        if citation["document"]["id"] == public_id:
            assert citation["document"] == {"id": public_id, "name": "gallium.md", "title": "Gallium"}
            assert any(citation["quote"] in chunk["text"] for chunk in chunks if chunk["id"] == citation["chunk_id"])
            assert (citation["page"], citation["boxes"], citation["version"]) == (None, [], 1)
    assert "29.8" in body["answer"]
    assert 0 < body["evidence"] <= 1
    for sentence in body["sentences"]:
        words = body["answer"][sentence["start"] : sentence["end"]]
        assert all(f"[{label}]" in words for label in sentence["labels"])
        assert [body["citations"][at]["label"] for at in sentence["citations"]] == sentence["labels"]
    assert set(body["usage"]) == {
        "context_tokens",
        "context_tokens_uncompressed",
        "prompt_tokens",
        "completion_tokens",
    }
    assert body["timings_ms"]["total"] > 0


def test_the_stream_shows_the_passages_then_sentences_then_the_answer(asker: httpx.Client, writer: Scripted) -> None:
    writer.sentences = HANGING
    with asker.stream("POST", "/v1/answers", json=asked(stream=True)) as reply:
        assert reply.headers["content-type"].startswith("text/event-stream")
        assert reply.headers["x-accel-buffering"] == "no"
        told = events(reply)
    assert [name for name, _ in told] == ["context", "delta", "delta", "answer"]
    (passage,) = told[0][1]["passages"]
    assert (passage["label"], passage["document"]["name"]) == (1, "gallium.txt")
    assert passage["text"] in TEXT
    answer = told[-1][1]
    assert [len(body["rendered"][0]["children"]) for name, body in told if name == "delta"] == [3, 7]
    assert "".join(body["text"] for name, body in told if name == "delta") == answer["answer"]
    assert (answer["generator"], answer["usage"]["prompt_tokens"], answer["usage"]["completion_tokens"]) == (
        "scripted",
        11,
        7,
    )


def test_an_answer_is_kept_before_anybody_hears_of_it(asker: httpx.Client, writer: Scripted) -> None:
    conversation = asker.post("/v1/conversations", json={}).json()["id"]
    with asker.stream("POST", "/v1/answers", json=asked(stream=True, conversation_id=conversation)) as reply:
        lines = reply.iter_lines()
        for line in lines:
            if line == "event: answer":
                kept = asker.get(f"/v1/conversations/{conversation}").json()["messages"]
                told = json.loads(next(lines).removeprefix("data: "))
                assert (kept[0]["rendered"], kept[0]["answer"]) == (told.pop("rendered"), kept[0]["answer"] | told)
                break
        else:
            pytest.fail("no answer came")


def test_a_full_disk_costs_an_answer_its_place_in_the_history_alone(
    asker: httpx.Client, scripted: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise StorageFull("the database's disk is full")

    monkeypatch.setattr(ConversationStore, "add_message", full)
    reply = asker.post("/v1/answers", json=asked())
    assert (reply.status_code, reply.json()["degraded"]) == (200, ["history"])
    assert reply.json()["citations"]


def test_a_question_in_traditional_characters_is_answered_from_a_text_in_simplified_ones(scripted: Running) -> None:
    text = "实验室的计划：镓在29.8摄氏度熔化。"
    scripted.services.collections.create("实验室", scripted.services.embedder.fingerprint)
    scripted.upload("镓.txt", text, "实验室")
    scripted.read_all()
    with scripted.client(scripted.new_key()) as client:
        body = client.post("/v1/answers", json={"question": "鎵在幾度熔化？", "collections": ["实验室"]}).json()
    assert [each["quote"] for each in body["citations"]] == [text]
    assert body["evidence"] > 0.45


def test_an_abstention_owns_to_documents_that_are_not_read_yet(scripted: Running, asker: httpx.Client) -> None:
    def told(collection: str) -> tuple[bool, list[str]]:
        body = asker.post("/v1/answers", json={"question": QUESTION, "collections": [collection]}).json()
        return body["abstained"], body["degraded"]

    for name in ("filling", "empty"):
        scripted.services.collections.create(name, scripted.services.embedder.fingerprint)
    scripted.upload("gallium.txt", TEXT, "filling")
    assert (told("filling"), told("empty")) == ((True, ["documents"]), (True, []))
    scripted.read_all()
    assert (told("filling"), told("empty")) == ((False, []), (True, []))


def test_a_follow_up_knows_what_was_said(asker: httpx.Client, writer: Scripted) -> None:
    conversation = asker.post("/v1/conversations", json={}).json()["id"]
    first = asker.post("/v1/answers", json=asked(conversation_id=conversation)).json()
    asker.post("/v1/answers", json=asked(conversation_id=conversation) | {"question": "When was gallium discovered?"})
    (turn,) = writer.requests[-1].history
    assert (turn.question, turn.answer) == (QUESTION, first["answer"])


def test_options_reach_the_generator(asker: httpx.Client, writer: Scripted) -> None:
    options = {
        "generator": "scripted",
        "temperature": 0.5,
        "max_tokens": 33,
        "k": 1,
        "style": "detailed",
        "language": "zh",
    }
    asker.post("/v1/answers", json=asked() | {"options": options})
    request = writer.requests[-1]
    assert (request.temperature, request.max_tokens, request.style, request.language) == (0.5, 33, "detailed", "zh")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"question": " "},
        {"question": "a" * 4001},
        {"question": "a", "options": {"k": 0}},
        {"question": "a", "options": {"max_tokens": 100_000}},
        {"question": "a", "options": {"temperature": 3}},
        {"question": "a", "options": {"logprobs": True}},
        {"question": "a", "options": {"language": "de"}},
        {"question": "a", "options": {"generator": "unknown"}},
        {"question": "a", "conversation_id": "con_\0"},
        {"question": "a", "history": []},
        {"question": "a", "stream": "perhaps"},
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_a_question_out_of_bounds_is_refused_before_anything_begins(
    body: dict[str, Any], stream: bool, asker: httpx.Client
) -> None:
    reply = asker.post("/v1/answers", json={"stream": stream, **body})
    assert (reply.status_code, reply.headers["content-type"]) == (422, "application/problem+json")


def test_a_generator_that_fails_at_once_leaves_a_degraded_answer(asker: httpx.Client, writer: Scripted) -> None:
    writer.sentences, writer.fails = (), GeneratorUnavailable("down")
    try:
        body = asker.post("/v1/answers", json=asked()).json()
    finally:
        writer.sentences, writer.fails = HANGING, None
    assert (body["generator"], body["degraded"], body["abstained"]) == ("extractive", ["generator"], False)


@pytest.mark.parametrize(
    ("failure", "status", "kind"),
    [
        (GeneratorUnavailable("cut"), 503, "generator_unavailable"),
        (ZeroDivisionError("a secret in its words"), 500, "internal"),
    ],
)
def test_a_failure_midway_ends_the_stream_with_an_error(
    failure: Exception, status: int, kind: str, asker: httpx.Client, writer: Scripted
) -> None:
    writer.fails = failure
    try:
        told = events(asker.post("/v1/answers", json=asked(stream=True)))
        whole = asker.post("/v1/answers", json=asked())
    finally:
        writer.fails = None
    name, problem = told[-1]
    assert "delta" in [each for each, _ in told]
    assert (name, problem["status"], problem["type"]) == ("error", status, f"urn:openbook:problem:{kind}")
    assert (whole.status_code, whole.json()["type"]) == (status, problem["type"])
    assert "secret" not in json.dumps(told) + whole.text


def eventually(scripted: Running, writer: Scripted, within: float) -> None:
    end = time.monotonic() + within
    while writer.active or scripted.state.slots.held or scripted.state.streams.streams:
        assert time.monotonic() < end, "the generator was not freed"
        time.sleep(0.02)


@pytest.mark.parametrize("stream", [True, False])
def test_a_client_that_leaves_frees_the_generator_and_its_place(
    stream: bool, scripted: Running, writer: Scripted
) -> None:
    secret = scripted.new_key()
    body = json.dumps(asked(stream=stream)).encode()
    head = (
        f"POST /v1/answers HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {secret}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode()
    writer.sentences, writer.hangs = HANGING, True
    try:
        with socket.create_connection((scripted.host, scripted.port)) as client:
            client.sendall(head + body)
            end = time.monotonic() + 5
            while not writer.active:
                assert time.monotonic() < end
                time.sleep(0.01)
            time.sleep(0.1)
        eventually(scripted, writer, 1.0)
    finally:
        writer.hangs = False


def test_a_client_that_never_reads_frees_the_generator_too(tmp_path: Path, sqlite_template: Path) -> None:
    sentences = tuple(
        f"Gallium melts at 29.8 degrees Celsius, says {'a very long line ' * 200}{n} [1]." for n in range(40)
    )
    endless = Scripted(sentences * 40)
    with running(tmp_path, sqlite_template, endless, stall_seconds=1.0) as started:
        started.upload("gallium.txt", TEXT)
        started.read_all()
        body = json.dumps(asked(stream=True)).encode()
        with socket.socket() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.connect((started.host, started.port))
            client.sendall(
                f"POST /v1/answers HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {started.admin_secret}\r\n"
                f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode()
                + body
            )
            end = time.monotonic() + 5
            while not endless.requests:
                assert time.monotonic() < end
                time.sleep(0.01)
            eventually(started, endless, 60.0)


def test_an_answer_is_rated_by_its_asker_alone(asker: httpx.Client, scripted: Running) -> None:
    answer = asker.post("/v1/answers", json=asked()).json()["id"]
    assert asker.post(f"/v1/answers/{answer}/feedback", json={"rating": -1, "comment": "no"}).status_code == 204
    assert asker.post(f"/v1/answers/{answer}/feedback", json={"rating": 1}).status_code == 204
    with scripted.client(scripted.admin_secret) as admin:
        assert admin.post(f"/v1/answers/{answer}/feedback", json={"rating": 1}).status_code == 404


@pytest.mark.parametrize("body", [{}, {"rating": 0}, {"rating": 2}, {"rating": 1, "comment": "a" * 2001}])
def test_a_rating_out_of_bounds_is_refused(body: dict[str, Any], asker: httpx.Client) -> None:
    assert asker.post("/v1/answers/ans_1/feedback", json=body).status_code == 422


def test_answers_are_counted(scripted: Running, asker: httpx.Client, writer: Scripted) -> None:
    writer.sentences = HANGING
    given = {"outcome": "answered", "generator": "scripted"}
    registry = scripted.state.metrics.registry
    before = registry.get_sample_value("openbook_answers_total", given) or 0
    asker.post("/v1/answers", json=asked())
    assert registry.get_sample_value("openbook_answers_total", given) == before + 1
