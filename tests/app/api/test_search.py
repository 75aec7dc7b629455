import json
from typing import Any

import httpx
import pytest

from tests.app.running import Running


@pytest.fixture(scope="module", autouse=True)
def metals(service: Running) -> None:
    for year, name, text in (
        (1735, "cobalt", "Cobalt is a metal that gives glass a blue colour."),
        (1751, "nickel", "Nickel is a metal that resists corrosion in coins."),
        (1778, "molybdenum", "Molybdenum is a metal with a very high melting point."),
    ):
        told = {"year": year, "letters": list(name[:2]), "rare": year > 1750, "effective_at": f"{year}-02-03"}
        metadata = json.dumps(told)
        service.upload(f"{name}.txt", text, metadata=metadata)
    service.read_all()


def found(client: httpx.Client, **body: Any) -> list[str]:
    reply = client.post("/v1/search", json={"query": "metal", **body})
    assert reply.status_code == 200, reply.text
    return [hit["document"]["name"] for hit in reply.json()["hits"]]


def test_a_hit_tells_its_scores_its_document_and_its_chunk(reader: httpx.Client, public_id: str) -> None:
    reply = reader.post("/v1/search", json={"query": "At what temperature does gallium melt?", "k": 1}).json()
    (hit,) = reply["hits"]
    assert (hit["rank"], hit["document"]["id"], hit["document"]["collection"]) == (1, public_id, "default")
    assert hit["document"]["metadata"] == {"year": 1875, "tags": ["metal"]}
    assert hit["chunk"]["text"].startswith("Gallium melts at 29.8")
    assert hit["chunk"]["headings"] == ["Gallium"]
    assert set(hit["scores"]) == {"lexical", "dense", "fused", "reranked", "linked", "recency", "spread"}
    assert hit["score"] == hit["scores"]["reranked"]
    assert set(reply["timings_ms"]) >= {"embed", "lexical", "dense", "fuse", "rerank", "total"}
    assert reply["degraded"] == []


def test_a_mode_leaves_the_other_side_out(reader: httpx.Client) -> None:
    def scores(mode: str) -> dict[str, Any]:
        body = {"query": "gallium", "mode": mode, "rerank": False}
        return reader.post("/v1/search", json=body).json()["hits"][0]["scores"]

    lexical, dense = scores("lexical"), scores("dense")
    assert (lexical["dense"], lexical["reranked"], dense["lexical"]) == (None, None, None)
    assert lexical["lexical"] > 0
    assert dense["dense"] is not None


def test_k_bounds_the_hits(reader: httpx.Client) -> None:
    assert len(found(reader, k=2)) == 2


@pytest.mark.parametrize(
    ("field", "op", "value", "names"),
    [
        ("metadata.year", "eq", 1751, {"nickel.txt"}),
        ("metadata.year", "lt", 1751, {"cobalt.txt"}),
        ("metadata.year", "gte", 1751, {"nickel.txt", "molybdenum.txt", "gallium.md"}),
        ("metadata.year", "in", [1735, 1778, 5], {"cobalt.txt", "molybdenum.txt"}),
        ("metadata.letters", "eq", "ni", set[str]()),
        ("metadata.letters", "eq", "n", {"nickel.txt"}),
        ("metadata.rare", "eq", True, {"nickel.txt", "molybdenum.txt"}),
        ("metadata.never", "exists", False, {"cobalt.txt", "nickel.txt", "molybdenum.txt", "gallium.md", "payroll.md"}),
        ("metadata.rare", "exists", True, {"cobalt.txt", "nickel.txt", "molybdenum.txt"}),
        ("media_type", "eq", "text/markdown", {"gallium.md", "payroll.md"}),
        ("document.name", "eq", "nickel.txt", {"nickel.txt"}),
        ("document.title", "in", ["Gallium", "cobalt"], {"gallium.md", "cobalt.txt"}),
        ("effective_at", "gte", "1751-02-03", {"nickel.txt", "molybdenum.txt"}),
        ("effective_at", "lt", "1751-02-03T00:00:01+00:00", {"cobalt.txt", "nickel.txt"}),
        ("effective_at", "eq", "1778-02-03", {"molybdenum.txt"}),
        ("effective_at", "ne", "1778-02-03", {"cobalt.txt", "nickel.txt", "gallium.md", "payroll.md"}),
        ("effective_at", "exists", False, {"gallium.md", "payroll.md"}),
        ("metadata.effective_at", "lt", "1751-02-04", {"cobalt.txt", "nickel.txt"}),
        (
            "created_at",
            "gt",
            "2000-01-01T00:00:00Z",
            {"cobalt.txt", "nickel.txt", "molybdenum.txt", "gallium.md", "payroll.md"},
        ),
    ],
)
def test_a_filter_lets_through_what_it_says(
    field: str, op: str, value: object, names: set[str], reader: httpx.Client
) -> None:
    condition = {"field": field, "op": op, "value": value}
    assert set(found(reader, mode="dense", k=50, filter={"all": [condition]})) == names


def test_newer_documents_come_first_where_that_is_preferred(reader: httpx.Client) -> None:
    metals = {"all": [{"field": "effective_at", "op": "exists"}]}
    body = {"query": "metal", "filter": metals, "prefer_recent": 1}
    hits = reader.post("/v1/search", json=body).json()["hits"]

    assert [(hit["document"]["name"], hit["document"]["effective_at"]) for hit in hits] == [
        ("molybdenum.txt", "1778-02-03T00:00:00Z"),
        ("nickel.txt", "1751-02-03T00:00:00Z"),
        ("cobalt.txt", "1735-02-03T00:00:00Z"),
    ]
    assert hits[0]["scores"]["recency"] == 1
    assert hits[1]["score"] == pytest.approx(hits[1]["scores"]["reranked"] * hits[1]["scores"]["recency"])
    assert hits[1]["scores"]["recency"] == pytest.approx(0.5 ** (27 * 365.25 / 365), rel=0.01)
    plain = reader.post("/v1/search", json={**body, "prefer_recent": 0}).json()["hits"]
    assert {hit["scores"]["recency"] for hit in plain} == {None}
    for wrong in (-0.1, 1.1, "yes"):
        assert reader.post("/v1/search", json={**body, "prefer_recent": wrong}).status_code == 422


def test_all_conditions_must_hold(reader: httpx.Client) -> None:
    conditions = [
        {"field": "metadata.year", "op": "gt", "value": 1740},
        {"field": "metadata.year", "op": "lt", "value": 1760},
    ]
    assert found(reader, filter={"all": conditions}) == ["nickel.txt"]


@pytest.mark.parametrize(
    "condition",
    [
        {"field": "year", "op": "eq", "value": 1},
        {"field": "metadata.", "op": "eq", "value": 1},
        {"field": "metadata.a'; DROP TABLE versions; --", "op": "eq", "value": 1},
        {"field": "collection", "op": "eq", "value": "private"},
        {"field": "metadata.year", "op": "like", "value": 1},
        {"field": "metadata.year", "op": "eq"},
        {"field": "metadata.year", "op": "eq", "value": [1]},
        {"field": "metadata.year", "op": "eq", "value": {"a": 1}},
        {"field": "metadata.year", "op": "in", "value": 1},
        {"field": "metadata.year", "op": "in", "value": []},
        {"field": "metadata.year", "op": "exists", "value": 1},
        {"field": "metadata.year", "op": "lt", "value": "x" * 1025},
        {"field": "metadata.year", "op": "eq", "value": 1, "or": []},
        {"field": "created_at", "op": "gt", "value": "yesterday"},
        {"field": "effective_at", "op": "gt", "value": "2024"},
        {"field": "effective_at", "op": "in", "value": ["2024-01-01"]},
    ],
)
def test_a_filter_that_makes_no_sense_is_refused_never_empty(condition: dict[str, Any], reader: httpx.Client) -> None:
    reply = reader.post("/v1/search", json={"query": "metal", "filter": {"all": [condition]}})
    assert (reply.status_code, reply.headers["content-type"]) == (422, "application/problem+json")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"query": ""},
        {"query": " \n"},
        {"query": "a" * 4001},
        {"query": "a\0"},
        {"query": "a", "k": 0},
        {"query": "a", "k": 101},
        {"query": "a", "k": "ten"},
        {"query": "a", "mode": "magic"},
        {"query": "a", "filter": {"any": []}},
        {"query": "a", "limit": 5},
        ["a"],
        "a",
    ],
)
def test_a_body_out_of_bounds_is_refused_and_says_where(body: Any, reader: httpx.Client) -> None:
    reply = reader.post("/v1/search", json=body)
    problem = reply.json()
    assert (reply.status_code, problem["type"]) == (422, "urn:openbook:problem:invalid_request")
    assert problem["errors"][0]["loc"][0] == "body"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b'{"query": "a", "k": NaN}',
        b'{"query": "\\ud800"}',
        b'{"query": "a", "\\ud800": 1}',
        b'{"query": "a", "k": ' + b"9" * 5000 + b"}",
        b'{"query": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'\xef\xbb\xbf{"query": "a", "k": 0}',
    ],
)
def test_json_that_breaks_parsers_breaks_nothing(content: bytes, reader: httpx.Client) -> None:
    reply = reader.post("/v1/search", content=content, headers={"Content-Type": "application/json"})
    assert reply.status_code in (400, 422)
    assert reply.json()["status"] == reply.status_code
    assert reply.elapsed.total_seconds() < 2


@pytest.mark.parametrize(
    "query", ['"NEAR(', "* OR -a", "AND", "a:b", "the of and", "é" + "\u0301" * 1000, "🦆", "\u202eabc"]
)
def test_any_text_is_a_query(query: str, reader: httpx.Client) -> None:
    assert reader.post("/v1/search", json={"query": query}).status_code == 200


def test_a_passage_tells_in_which_other_documents_it_stands(service: Running, admin: httpx.Client) -> None:
    told = json.dumps({"title": "Rules of the mint"})
    text = "Palladium coins are struck in the old mint."
    made = [
        service.upload(name, text + " " * number, collection, metadata=told)
        for number, (name, collection) in enumerate(
            [("one.txt", "default"), ("two.txt", "default"), ("three.txt", "private")]
        )
    ]
    service.read_all()
    first, second, hidden = (each["id"] for each in made)

    with service.client(service.new_key("reader", ("default",))) as reader:
        hits = reader.post("/v1/search", json={"query": "palladium coins", "k": 3}).json()["hits"]
        reply = reader.post("/v1/answers", json={"question": "Where are palladium coins struck?"})
    [hit] = [hit for hit in hits if "Palladium" in hit["chunk"]["text"]]

    place: Any = {"document": {"id": second, "name": "two.txt", "title": "Rules of the mint"}, "pages": []}
    assert (hit["document"]["id"], hit["places"]) == (first, [place])
    assert [citation["places"] for citation in reply.json()["citations"]] == [[place]]
    assert hidden not in reply.text
    everywhere = admin.post("/v1/answers", json={"question": "Where are palladium coins struck?"}).json()
    places = [place["document"]["id"] for place in everywhere["citations"][0]["places"]]
    assert {everywhere["citations"][0]["document"]["id"], *places} == {first, second, hidden}
