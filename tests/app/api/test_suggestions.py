"""First questions: taken from documents by rule, from each document in turn, of what a key may read alone."""

from collections.abc import Iterator

import httpx
import pytest

from tests.app.running import Running

FAQ = "# Ferry\n\n## When does the first ferry sail?\n\nAt 05:40.\n\n## Tickets\n\nA ticket costs 4 euros.\n"
RULES = "# 渡轮规定\n\n## 行李限额\n\n每位旅客可以携带两件行李。渡轮每天早上六点出发，晚上十点停止营运。\n"


@pytest.fixture
def harbour(service: Running, admin: httpx.Client) -> Iterator[str]:
    """A collection of two documents."""
    admin.post("/v1/admin/collections", json={"name": "harbour"}).raise_for_status()
    service.upload("ferry.md", FAQ, "harbour")
    service.upload("rules.md", RULES, "harbour")
    service.read_all()
    yield "harbour"
    admin.delete("/v1/admin/collections/harbour").raise_for_status()


def test_documents_ask_in_turn_what_they_ask_or_what_their_headings_name(harbour: str, admin: httpx.Client) -> None:
    items = admin.get("/v1/suggestions", params={"collection": harbour}).json()["items"]
    assert [(item["question"], item["document"]["name"]) for item in items] == [
        ("《渡轮规定》对“行李限额”是怎么规定的？", "rules.md"),
        ("When does the first ferry sail?", "ferry.md"),
        ("What does “Ferry” say about “Tickets”?", "ferry.md"),
    ]


def test_a_key_hears_of_nothing_that_it_may_not_read(harbour: str, service: Running) -> None:
    with service.client(service.new_key(collections=("default",))) as other:
        assert all(item["document"]["name"] != "ferry.md" for item in other.get("/v1/suggestions").json()["items"])
        assert other.get("/v1/suggestions", params={"collection": harbour}).status_code == 404
