"""`multi_hop` brings the document that the best hit names into a search's first hits and an answer's context."""

import httpx
import pytest

from tests.app.running import Running, events

COLLECTION = "bells"
QUESTION = "Where was the founder born who cast the bell of Vedra?"
BELL = "# Bell of Vedra\n\nThe bell of Vedra was cast by Ilse Marrow in 1703."
NAMED = "# Ilse Marrow\n\nShe was born in Tarn, and learned there how a bell is made."
BESIDE = "# Towers\n\nTowers carry bells; where a bell was cast is written on it."


@pytest.fixture(scope="module", autouse=True)
def bells(service: Running) -> None:
    service.services.collections.create(COLLECTION, service.services.embedder.fingerprint)
    for name, text in (("bell.md", BELL), ("marrow.md", NAMED), ("towers.md", BESIDE)):
        service.upload(name, text, COLLECTION)
    service.read_all()


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({}, ["bell.md", "towers.md"]),
        ({"multi_hop": False}, ["bell.md", "towers.md"]),
        ({"multi_hop": True}, ["bell.md", "marrow.md"]),
    ],
)
def test_what_the_best_hit_names_comes_forward_where_that_is_asked_for(
    reader: httpx.Client, options: dict[str, bool], names: list[str]
) -> None:
    query = {"query": QUESTION, "collections": [COLLECTION], "k": 2, **options}
    hits = reader.post("/v1/search", json=query).json()["hits"]
    asked = {"question": QUESTION, "collections": [COLLECTION], "stream": True, "options": {"k": 2, **options}}
    with reader.stream("POST", "/v1/answers", json=asked) as reply:
        context = dict(events(reply))["context"]

    assert [hit["document"]["name"] for hit in hits] == names
    assert {hit["scores"]["linked"] == hit["score"] for hit in hits} == {options.get("multi_hop", False)}
    assert [passage["document"]["name"] for passage in context["passages"]] == names
