"""The remote embedder against a small server of our own that speaks the protocol."""

import json
import threading
import time
from collections.abc import Generator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import cast

import pytest

from retrieval.embedders import openai
from retrieval.embedders.hashing import HashingEmbedder
from retrieval.embedders.openai import OpenAIEmbedder
from retrieval.embedders.prompts import Prompts, prompts_of
from retrieval.errors import ModelUnavailable
from tests.contracts.embedder import CATS, EmbedderContract, passage

HASHING = HashingEmbedder(64)


@dataclass
class Served:
    """What the server was asked, and what it answers before it works: statuses, or a body in place of embeddings."""

    url: str = ""
    failures: list[int] = field(default_factory=list[int])
    instead: bytes | None = None
    drip_seconds: float = 0.0
    asked: list[dict[str, object]] = field(default_factory=list[dict[str, object]])
    keys: list[str | None] = field(default_factory=list[str | None])


def embeddings(texts: list[str]) -> bytes:
    vectors = HASHING.embed_queries(texts)
    vectors[~vectors.any(axis=1)] = 1
    rows = [{"index": index, "embedding": (3 * vector).tolist()} for index, vector in enumerate(vectors)]
    return json.dumps({"object": "list", "data": rows[::-1], "usage": {"prompt_tokens": 1}}).encode()


@pytest.fixture
def served() -> Generator[Served]:
    state = Served()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            state.asked.append(body)
            state.keys.append(self.headers["Authorization"])
            status = state.failures.pop(0) if state.failures else 200
            reply = (state.instead or embeddings(cast("list[str]", body["input"]))) if status == 200 else b"{}"
            self.send_response(status if self.path == "/v1/embeddings" else 404)
            self.send_header("Content-Length", str(len(reply)))
            self.end_headers()
            with suppress(ConnectionError):
                for part in [reply[at : at + 1] for at in range(len(reply))] if state.drip_seconds else [reply]:
                    time.sleep(state.drip_seconds)
                    self.wfile.write(part)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
        state.url = f"http://127.0.0.1:{server.server_port}"
        yield state
        server.shutdown()


@pytest.fixture
def embedder(served: Served) -> Generator[OpenAIEmbedder]:
    embedder = OpenAIEmbedder(served.url, "small", "secret", timeout_seconds=5, wait_seconds=0.01)
    yield embedder
    embedder.close()


class TestOpenAI(EmbedderContract):
    @pytest.fixture
    def embedder(self, served: Served) -> Generator[OpenAIEmbedder]:
        embedder = OpenAIEmbedder(f"{served.url}/v1/", "small", timeout_seconds=5)
        yield embedder
        embedder.close()


def test_the_server_is_asked_for_the_model_with_the_key(served: Served, embedder: OpenAIEmbedder) -> None:
    embedder.embed_queries(["a cat", "a dog"])

    assert served.asked[-1] == {"model": "small", "input": ["a cat", "a dog"], "encoding_format": "float"}
    assert served.keys[-1] == "Bearer secret"


def test_prompts_go_before_queries_and_before_documents(served: Served) -> None:
    prompts = Prompts("query: ", "text: ")
    embedder = OpenAIEmbedder(served.url, "small", dim=64, prompts=prompts)

    embedder.embed_queries(["a cat", " "])
    embedder.embed_passages([passage(CATS, prefix="Animals\n")])
    embedder.close()

    assert [body["input"] for body in served.asked] == [["query: a cat"], [f"text: Animals\n{CATS}", f"text: {CATS}"]]
    assert embedder.window < OpenAIEmbedder(served.url, "small").window


def test_of_a_query_past_the_window_the_beginning_is_asked(served: Served) -> None:
    embedder = OpenAIEmbedder(served.url, "small", dim=64, prompts=Prompts("ask: "), window=12)

    embedder.embed_queries(["Which cat, please, sat down?", "one two three four five six seven eight nine", "喵" * 20])
    embedder.close()

    most = 12 - openai.MARKS - sum(embedder.count_tokens(["ask: "]))
    short, long, signs = cast("list[str]", served.asked[-1]["input"])
    assert short == "ask: Which cat, please, sat "
    assert long == "ask: one two three four five six "
    assert signs == "ask: " + "喵" * most


def test_the_fingerprint_tells_the_prompts(served: Served) -> None:
    prints = [
        OpenAIEmbedder(served.url, "small", prompts=each).fingerprint
        for each in (Prompts(), Prompts("query: "), Prompts("", "query: "))
    ]

    assert prints == ["openai:small|512", "openai:small|512|query: |", "openai:small|512||query: "]
    assert [prompts_of(each) for each in prints] == [Prompts(), Prompts("query: "), Prompts("", "query: ")]


def test_many_texts_are_asked_in_batches(served: Served) -> None:
    embedder = OpenAIEmbedder(served.url, "small", dim=64)

    vectors = embedder.embed_queries([f"text {number}" for number in range(openai.BATCH_TEXTS + 1)])
    embedder.close()

    assert [len(cast("list[str]", body["input"])) for body in served.asked] == [openai.BATCH_TEXTS, 1]
    assert vectors[-1] @ HASHING.embed_queries([f"text {openai.BATCH_TEXTS}"])[0] == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("status", [429, 500, 503])
def test_what_passes_is_tried_again(served: Served, embedder: OpenAIEmbedder, status: int) -> None:
    served.failures = [status, status]

    assert embedder.embed_queries(["a cat"]).shape == (1, 64)


@pytest.mark.parametrize(("status", "asked"), [(400, 1), (401, 1), (404, 1), (302, 1), (503, 3)])
def test_what_does_not_pass_is_unavailable(served: Served, embedder: OpenAIEmbedder, status: int, asked: int) -> None:
    served.failures = [status] * 5

    with pytest.raises(
        ModelUnavailable, match=rf"'small' at {served.url}/v1/embeddings: it answered {status}.*OPENBOOK_"
    ):
        embedder.embed_queries(["a cat"])

    assert len(served.asked) == asked


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (b"not json", "not a list of embeddings"),
        (b'{"data": [{"index": 0, "embedding": ["x"]}]}', "not a list of embeddings"),
        (b'{"data": []}', "0 embeddings for 1 texts"),
        (b'{"data": [{"index": 1, "embedding": [1.0]}]}', "1 embeddings for 1 texts"),
        (b'{"data": [{"index": 0, "embedding": [1.0, 2.0]}]}', "2 numbers per embedding, not 64"),
        (b'{"data": [{"index": 0, "embedding": [' + b"0.0," * 63 + b"0.0]}]}", "without a direction"),
    ],
)
def test_a_reply_that_does_not_make_sense_is_unavailable(served: Served, reply: bytes, why: str) -> None:
    embedder = OpenAIEmbedder(served.url, "small", dim=64)
    served.instead = reply

    with pytest.raises(ModelUnavailable, match=why):
        embedder.embed_queries(["a cat"])
    embedder.close()


def test_a_reply_without_end_is_cut(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openai, "REPLY_BYTES", 1000)
    with closing(OpenAIEmbedder(served.url, "small", dim=64)) as embedder:
        served.instead = b" " * 1001
        with pytest.raises(ModelUnavailable, match="its reply has more than 1000 bytes"):
            embedder.embed_queries(["a cat"])


def test_a_reply_that_drips_is_cut_at_the_timeout_and_asked_for_again(served: Served) -> None:
    served.drip_seconds = 0.02
    with (
        closing(OpenAIEmbedder(served.url, "small", dim=64, timeout_seconds=0.1, wait_seconds=0.001)) as embedder,
        pytest.raises(ModelUnavailable, match="ReadTimeout"),
    ):
        embedder.embed_queries(["a cat"])
    assert len(served.asked) == openai.ATTEMPTS


def test_texts_go_to_the_server_that_is_named_whatever_proxy_is_set(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    with closing(OpenAIEmbedder(served.url, "small", wait_seconds=0.001)) as embedder:
        embedder.embed_queries(["a cat"])
    assert len(served.asked) == 2  # for the dimension, and the query


def test_a_server_that_is_not_there_is_unavailable() -> None:
    embedder = OpenAIEmbedder("http://127.0.0.1:9", "small", wait_seconds=0.001)

    with pytest.raises(ModelUnavailable, match="ConnectError"):
        embedder.embed_queries(["a cat"])
    embedder.close()
