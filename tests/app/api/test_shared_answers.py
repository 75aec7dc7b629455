"""A shared answer is read by whoever may read all that it cites, and by nobody else."""

import httpx
import pytest

from tests.app.running import Running

QUESTION = "At what temperature does gallium melt?"


@pytest.fixture
def answer(reader: httpx.Client, public_id: str) -> str:
    """The id of an answer that cites a public document."""
    body = reader.post("/v1/answers", json={"question": QUESTION}).raise_for_status().json()
    assert public_id in {citation["document"]["id"] for citation in body["citations"]}
    return body["id"]


def test_an_answer_is_its_askers_alone_until_it_is_shared(
    answer: str, reader: httpx.Client, admin: httpx.Client
) -> None:
    own = reader.get(f"/v1/answers/{answer}").json()
    assert (own["own"], own["answer"]["asked"]) == (True, {"collections": None, "filter": None})
    assert admin.get(f"/v1/answers/{answer}").status_code == 404
    assert admin.post(f"/v1/answers/{answer}/share").status_code == 404
    assert reader.post(f"/v1/answers/{answer}/share").status_code == 204
    shared = admin.get(f"/v1/answers/{answer}").json()
    assert (shared["own"], shared["answer"]["question"]) == (False, QUESTION)
    assert "asked" not in shared["answer"]
    assert shared["rendered"][0]["kind"] == "paragraph"


def test_a_shared_answer_is_hidden_from_keys_that_may_not_read_what_it_cites(
    answer: str, reader: httpx.Client, admin: httpx.Client, service: Running
) -> None:
    reader.post(f"/v1/answers/{answer}/share").raise_for_status()
    admin.post("/v1/admin/collections", json={"name": "apart"}).raise_for_status()
    with service.client(service.new_key(collections=("apart",))) as other:
        assert other.get(f"/v1/answers/{answer}").status_code == 404
    admin.delete("/v1/admin/collections/apart").raise_for_status()


def test_a_shared_abstention_stays_its_askers_own(reader: httpx.Client, admin: httpx.Client) -> None:
    nothing = {"all": [{"field": "document.name", "op": "eq", "value": "no such file"}]}
    body = reader.post("/v1/answers", json={"question": QUESTION, "filter": nothing}).json()
    assert body["abstained"]
    reader.post(f"/v1/answers/{body['id']}/share").raise_for_status()
    assert admin.get(f"/v1/answers/{body['id']}").status_code == 404
