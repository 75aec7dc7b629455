"""What the client does when the service asks it to wait."""

from collections.abc import Iterator

import httpx
import pytest

from app.client import Client, Refused

PROBLEM = {"title": "Too many requests", "detail": "600 a minute", "status": 429}
EVENTS = 'event: context\ndata: {"passages": []}\n\nevent: answer\ndata: {"answer": "Yes."}\n\n'


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
