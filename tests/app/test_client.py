"""What the client does when it has to wait."""

import time
from collections.abc import Iterator

import httpx
import pytest

from app.client import Client, Refused, ServiceError

PROBLEM = {"title": "Too many requests", "detail": "600 a minute", "status": 429}
EVENTS = 'event: context\ndata: {"passages": []}\n\nevent: answer\ndata: {"answer": "Yes."}\n\n'
NEW = [f"doc_{number:03}" for number in range(100, 200)]
PAGES = {"newest": (NEW[::-1], "older"), "older": (["doc_002"], "oldest"), "oldest": (["doc_001"], None)}


def client_for(*replies: httpx.Response) -> Client:
    waiting: Iterator[httpx.Response] = iter(replies)
    return Client(httpx.Client(base_url="http://openbook", transport=httpx.MockTransport(lambda _: next(waiting))))


def test_an_answer_is_asked_for_again_when_the_service_says_when() -> None:
    client = client_for(
        httpx.Response(429, json=PROBLEM, headers={"Retry-After": "0"}), httpx.Response(200, text=EVENTS)
    )

    assert list(client.stream_answer({"question": "?"})) == [
        ("context", {"passages": []}),
        ("answer", {"answer": "Yes."}),
    ]


def test_a_refusal_without_a_time_to_come_back_is_told() -> None:
    with pytest.raises(Refused, match="600 a minute"):
        list(client_for(httpx.Response(429, json=PROBLEM)).stream_answer({"question": "?"}))


def dropping_first() -> Client:
    asked: list[httpx.Request] = []

    def reply(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        if len(asked) == 1:
            raise httpx.ReadError("connection reset by peer")
        return httpx.Response(200, json={"id": "doc_1"})

    return Client(httpx.Client(base_url="http://openbook", transport=httpx.MockTransport(reply)))


def test_what_only_reads_is_asked_again_on_a_connection_that_was_dropped() -> None:
    assert dropping_first().get("/v1/documents/doc_1") == {"id": "doc_1"}


def test_what_changes_something_is_not_sent_twice() -> None:
    with pytest.raises(ServiceError, match="connection reset by peer"):
        dropping_first().post("/v1/admin/collections", {"name": "new"})


class Service:
    """A hundred new documents and two pages of older ones; time passes as requests and sleeps say."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        self.asked: list[str] = []
        monkeypatch.setattr(time, "monotonic", lambda: self.now)
        monkeypatch.setattr(time, "sleep", self.sleep)

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def reply(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request.url.path.removeprefix("/v1/documents"))
        if request.url.path == "/v1/documents":
            self.now += 1.0
            ids, following = PAGES[request.url.params.get("cursor", "newest")]
            return httpx.Response(200, json={"items": list(map(self.document, ids)), "next_cursor": following})
        return httpx.Response(200, json=self.document(request.url.path.rpartition("/")[2]))

    def document(self, id: str) -> dict[str, str]:
        status = "queued" if self.now < 24 else "processing" if self.now < 27 else "ready"
        return {"id": id, "latest_status": status}


def test_documents_are_waited_for_with_few_requests_and_told_soon_after_they_are_ready(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    service = Service(monkeypatch)
    client = Client(httpx.Client(base_url="http://openbook", transport=httpx.MockTransport(service.reply)))

    settled = [document["id"] for document in client.settled("default", set(NEW))]

    assert sorted(settled) == NEW
    assert service.now < 27 + 0.3 + 2  # a poll, and the two pages of a look
    assert service.asked.count("") == 4  # two looks, each until the first document that is older
    assert len(service.asked) < 40
