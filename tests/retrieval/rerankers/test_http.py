"""The reranker on a server, against real HTTP in both protocols and every way to fail."""

import json
import threading
import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from retrieval.breaker import Breaker
from retrieval.errors import RerankerUnavailable
from retrieval.rerankers import http
from retrieval.rerankers.http import HttpReranker
from retrieval.tokenizer import terms
from tests.builders import chunk, placed
from tests.contracts.reranker import CANDIDATES, EMBEDDER, QUERY, TEXTS, VECTOR, RerankerContract


@dataclass
class Served:
    """What the server was asked, and how it answers: in which protocol, with which statuses first, or how else."""

    url: str = ""
    tei: bool = False
    failures: list[int] = field(default_factory=list[int])
    instead: bytes | None = None
    trickle_seconds: float = 0.0
    asked: list[dict[str, object]] = field(default_factory=list[dict[str, object]])
    keys: list[str | None] = field(default_factory=list[str | None])
    paths: list[str] = field(default_factory=list[str])

    def reply(self, body: dict[str, object]) -> tuple[int, bytes]:
        if self.failures:
            return self.failures.pop(0), b"{}"
        if self.instead is not None:
            return 200, self.instead
        texts = body.get("texts" if self.tei else "documents")
        if not isinstance(texts, list):
            return 422, b'{"error": "a field is missing"}'
        scores = shares(str(body["query"]), [str(text) for text in texts])  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
        best = sorted(range(len(scores)), key=lambda index: -scores[index])
        if self.tei:
            return 200, json.dumps([{"index": index, "score": scores[index]} for index in best]).encode()
        rows = [{"index": index, "relevance_score": scores[index]} for index in best]
        return 200, json.dumps({"id": "rerank-1", "model": "m", "usage": {}, "results": rows}).encode()


def shares(query: str, texts: Sequence[str]) -> list[float]:
    """The share of the query's terms that each text has."""
    asked = set(terms(query))
    return [len(asked & set(terms(text))) / max(1, len(asked)) for text in texts]


@pytest.fixture(params=[False, True], ids=["standard", "tei"])
def served(request: pytest.FixtureRequest) -> Generator[Served]:
    state = Served(tei=request.param)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            state.asked.append(body)
            state.keys.append(self.headers["Authorization"])
            state.paths.append(self.path)
            status, reply = state.reply(body)
            self.send_response(status)
            self.send_header("Content-Length", str(len(reply)))
            self.end_headers()
            for part in [reply[at : at + 1] for at in range(len(reply))] if state.trickle_seconds else [reply]:
                time.sleep(state.trickle_seconds)
                try:
                    self.wfile.write(part)
                except ConnectionError:
                    return

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
        state.url = f"http://127.0.0.1:{server.server_port}"
        yield state
        server.shutdown()


@pytest.fixture
def reranker(served: Served) -> Generator[HttpReranker]:
    reranker = HttpReranker(f"{served.url}/v1/", "small", "secret")
    yield reranker
    reranker.close()


class TestHttp(RerankerContract):
    pass


def test_the_protocol_is_found_out_once(served: Served, reranker: HttpReranker) -> None:
    for _ in range(2):
        assert reranker.scores(QUERY, VECTOR, CANDIDATES) == shares(QUERY, TEXTS)

    standard = {"model": "small", "query": QUERY, "documents": list(TEXTS)}
    tei = {"query": QUERY, "texts": list(TEXTS), "truncate": True}
    assert served.asked == ([standard, tei, tei] if served.tei else [standard, standard])
    assert set(served.paths) == {"/v1/rerank"}
    assert set(served.keys) == {"Bearer secret"}


def test_headings_stand_before_the_text(served: Served, reranker: HttpReranker) -> None:
    reranker.scores(QUERY, VECTOR, [placed(chunk("May. \ud800", headings=("Tax", "Due")), EMBEDDER)])

    assert (served.asked[-1].get("documents") or served.asked[-1]["texts"]) == ["Tax > Due\nMay. ?"]


@pytest.mark.parametrize("status", [401, 429, 500, 503, 302])
def test_a_server_that_does_not_answer_is_unavailable(served: Served, reranker: HttpReranker, status: int) -> None:
    served.failures = [status]

    with pytest.raises(
        RerankerUnavailable, match=rf"'small' at {served.url}/v1/rerank: it answered {status}.*OPENBOOK_RERANKER_URL"
    ):
        reranker.scores(QUERY, VECTOR, CANDIDATES)


@pytest.mark.parametrize(
    ("standard", "tei", "why"),
    [
        ("not json", "not json", "not a list of scores"),
        ('{"results": "none"}', '{"error": "x"}', "not a list of scores"),
        ('{"results": []}', "[]", "0 scores for 3 texts"),
        ('{"results": [ROW, ROW, ROW]}', "[ROW, ROW, ROW]", "1 scores for 3 texts"),
        ('{"results": [RAW, {"index": 1, KEY: 0}, {"index": 2, KEY: 0}]}', "", "not between 0 and 1"),
        (" " * (http.REPLY_BYTES + 1), " " * (http.REPLY_BYTES + 1), "more than 4194304 bytes"),
    ],
)
def test_a_reply_that_does_not_make_sense_is_unavailable(
    served: Served, reranker: HttpReranker, standard: str, tei: str, why: str
) -> None:
    key = '"score"' if served.tei else '"relevance_score"'
    reply = tei or standard.removeprefix('{"results": ').removesuffix("}") if served.tei else standard
    reply = reply.replace("ROW", '{"index": 0, KEY: 0.5}').replace("RAW", '{"index": 0, KEY: 7.5}').replace("KEY", key)
    reranker.scores(QUERY, VECTOR, CANDIDATES)
    served.instead = reply.encode()

    with pytest.raises(RerankerUnavailable, match=why):
        reranker.scores(QUERY, VECTOR, CANDIDATES)


def test_a_server_that_is_not_there_is_unavailable() -> None:
    with pytest.raises(RerankerUnavailable, match="ConnectError"):
        HttpReranker("http://127.0.0.1:9", "small").scores(QUERY, VECTOR, CANDIDATES)


def test_a_reply_that_drips_is_cut_at_the_timeout(served: Served) -> None:
    served.trickle_seconds = 0.02
    reranker = HttpReranker(served.url, "small", timeout_seconds=0.1)

    with pytest.raises(RerankerUnavailable, match="ReadTimeout"):
        reranker.scores(QUERY, VECTOR, CANDIDATES)
    reranker.close()


def test_after_failures_nobody_waits_until_a_probe_finds_it_well(served: Served) -> None:
    now = [100.0]
    breaker = Breaker(failures_to_open=2, probe_seconds=10, clock=lambda: now[0])
    reranker = HttpReranker(served.url, "small", breaker=breaker)
    served.failures = [500, 500]
    for _ in range(2):
        with pytest.raises(RerankerUnavailable, match="500"):
            reranker.scores(QUERY, VECTOR, CANDIDATES)

    with pytest.raises(RerankerUnavailable, match="rests"):
        reranker.scores(QUERY, VECTOR, CANDIDATES)
    now[0] += 10
    scores = reranker.scores(QUERY, VECTOR, CANDIDATES)
    reranker.close()

    assert scores == shares(QUERY, TEXTS)
    assert not breaker.is_open


def test_a_refused_request_does_not_open_the_breaker(served: Served, reranker: HttpReranker) -> None:
    for _ in range(6):
        served.failures = [404, 413]
        with pytest.raises(RerankerUnavailable, match="answered 404 to one protocol and 413 to the other"):
            reranker.scores(QUERY, VECTOR, CANDIDATES)

    assert reranker.scores(QUERY, VECTOR, CANDIDATES) == shares(QUERY, TEXTS)
