from typing import Any

import httpx
import pytest
from sqlalchemy import text

from tests.app.running import Running


@pytest.fixture(scope="module", autouse=True)
def five_notes(service: Running) -> list[str]:
    return [service.upload(f"note-{number}.txt", f"Note number {number}.")["id"] for number in range(5)]


def test_a_list_is_walked_page_by_page_newest_first(admin: httpx.Client) -> None:
    seen: list[str] = []
    cursor: str | None = None
    sizes: list[int] = []
    while cursor is not None or not seen:
        params = {"limit": "3"} | ({"cursor": cursor} if cursor else {})
        page = admin.get("/v1/documents", params=params).json()
        seen += [document["id"] for document in page["items"]]
        sizes.append(len(page["items"]))
        cursor = page["next_cursor"]
    assert sizes == [3, 3, 1]
    assert seen == sorted(seen, reverse=True)
    assert len(set(seen)) == 7


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=501", "limit=x", "cursor=%00", "status=gone", "q=%00", "collection="]
)
def test_a_query_out_of_bounds_is_refused(query: str, admin: httpx.Client) -> None:
    assert admin.get(f"/v1/documents?{query}").status_code == 422


def test_a_list_is_narrowed_by_status_name_and_collection(admin: httpx.Client, private_id: str) -> None:
    def names(**params: str) -> set[str]:
        return {document["name"] for document in admin.get("/v1/documents", params=params).json()["items"]}

    assert names(status="ready") == {"gallium.md", "payroll.md"}
    assert names(q="note-3") == {"note-3.txt"}
    assert names(q="%") == set()
    assert names(collection="private") == {"payroll.md"}
    assert names(collection="private", status="queued") == set()


def test_a_ready_document_tells_what_was_read(admin: httpx.Client, public_id: str) -> None:
    document = admin.get(f"/v1/documents/{public_id}").json()
    assert (document["status"], document["version"], document["title"]) == ("ready", 1, "Gallium")
    assert (document["language"], document["metadata"]) == ("en", {"year": 1875, "tags": ["metal"]})
    assert document["chunks"] >= 1
    job = admin.get(f"/v1/jobs/{document['job_id']}").json()
    assert (job["document_id"], job["status"]) == (public_id, "succeeded")


def test_chunks_come_in_reading_order_with_their_headings(reader: httpx.Client, public_id: str) -> None:
    page = reader.get(f"/v1/documents/{public_id}/chunks", params={"limit": 1}).json()
    (chunk,) = page["items"]
    assert (chunk["ordinal"], chunk["headings"], chunk["pages"], chunk["boxes"]) == (0, ["Gallium"], [], [])
    assert chunk["text"].startswith("Gallium melts")
    assert isinstance(chunk["id"], str)
    assert chunk["tokens"] > 0


def test_a_document_is_renamed_and_described_anew_without_a_new_version(service: Running, admin: httpx.Client) -> None:
    made = service.upload("osmium.txt", "Osmium is dense.", metadata='{"year": 1803}')
    service.read_all()
    address = f"/v1/admin/documents/{made['id']}"
    changed = admin.patch(address, json={"name": "../Os.txt", "metadata": {"group": 8, "title": "Os", "tags": ["x"]}})
    document = changed.json()
    assert changed.status_code == 200
    assert (document["name"], document["title"], document["version"]) == ("Os.txt", "Os", 1)
    assert document["metadata"] == {"group": 8, "title": "Os", "tags": ["x"]}
    assert admin.patch(address, json={}).json() == document
    condition = {"field": "metadata.group", "op": "eq", "value": 8}
    [hit] = admin.post("/v1/search", json={"query": "dense", "filter": {"all": [condition]}}).json()["hits"]
    assert (hit["document"]["name"], hit["document"]["title"]) == ("Os.txt", "Os")
    assert "filename*=UTF-8''Os.txt" in admin.get(f"/v1/documents/{made['id']}/file").headers["content-disposition"]
    with service.services.db.read() as session:
        rows = session.execute(text("SELECT result FROM audit WHERE action = 'document.change'"))
        assert len(rows.all()) == 2


@pytest.mark.parametrize(
    "body",
    [
        {"name": ""},
        {"name": "a" * 256},
        {"name": "\0"},
        {"collection": "private"},
        {"metadata": {"a": {"b": 1}}},
        {"metadata": {f"key{number}": "x" * 1000 for number in range(20)}},
    ],
)
def test_a_change_out_of_bounds_is_refused(body: dict[str, Any], admin: httpx.Client, public_id: str) -> None:
    assert admin.patch(f"/v1/admin/documents/{public_id}", json=body).status_code == 422


@pytest.mark.parametrize("name", [" ", "..", "\u200b", "\u202e"])
def test_a_name_of_which_nothing_shows_takes_the_place_of_none(name: str, public_id: str, admin: httpx.Client) -> None:
    before = admin.get(f"/v1/documents/{public_id}").json()["name"]
    refused = admin.patch(f"/v1/admin/documents/{public_id}", json={"name": name})
    assert (refused.status_code, refused.json()["detail"]) == (422, "body.name: nothing of this name can be shown")
    assert admin.get(f"/v1/documents/{public_id}").json()["name"] == before


def test_an_earlier_version_is_restored_at_once(service: Running, admin: httpx.Client) -> None:
    made = service.upload("cobalt.txt", "Cobalt is blue.")
    service.read_all()
    admin.put(f"/v1/admin/documents/{made['id']}", files={"file": ("cobalt.txt", b"Cobalt is silver.")})
    service.read_all()
    versions = admin.get(f"/v1/documents/{made['id']}/versions").json()["items"]
    assert sorted((version["number"], version["live"]) for version in versions) == [(1, False), (2, True)]
    restored = admin.post(f"/v1/admin/documents/{made['id']}/versions/1/restore")
    assert (restored.status_code, restored.json()["version"]) == (200, 1)
    hits = admin.post("/v1/search", json={"query": "Cobalt"}).json()["hits"]
    assert [hit["chunk"]["text"] for hit in hits if hit["document"]["id"] == made["id"]] == ["Cobalt is blue."]
    for number, status in ((3, 404), (0, 404), (-1, 422), (2**31, 422), (2**70, 422)):
        reply = admin.post(f"/v1/admin/documents/{made['id']}/versions/{number}/restore")
        assert reply.status_code == status


def test_a_deleted_document_is_gone_at_the_reply(service: Running, admin: httpx.Client) -> None:
    made = service.upload("arsenic.txt", "Arsenic is poisonous to nearly everyone.")
    service.read_all()
    asked = {"query": "What is poisonous to nearly everyone?", "mode": "lexical"}
    assert made["id"] in admin.post("/v1/search", json=asked).text
    assert admin.delete(f"/v1/admin/documents/{made['id']}").status_code == 204
    assert made["id"] not in admin.post("/v1/search", json=asked).text
    for path in ("", "/chunks", "/versions", "/file", "/pages/1.png"):
        assert admin.get(f"/v1/documents/{made['id']}{path}").status_code == 404
    assert admin.delete(f"/v1/admin/documents/{made['id']}").status_code == 404


@pytest.mark.parametrize("id", ["doc_%00", "..", "doc_" + "a" * 100, "doc';DROP TABLE documents", "é"])
def test_an_id_that_can_be_none_is_refused_without_a_look(id: str, admin: httpx.Client) -> None:
    assert admin.get(f"/v1/documents/{id}").status_code in (404, 422)


def test_documents_come_in_the_order_that_is_asked_for(service: Running, admin: httpx.Client) -> None:
    for name, words in (("zinc.txt", "Zinc."), ("Argon.txt", "Argon is a noble gas."), ("boron.txt", "Boron is hard.")):
        service.upload(name, words)
    wanted = {"Argon.txt", "boron.txt", "zinc.txt"}

    def names(sort: str) -> list[str]:
        items = admin.get("/v1/documents", params={"sort": sort, "limit": 500}).json()["items"]
        return [each["name"] for each in items if each["name"] in wanted]

    assert names("name") == ["Argon.txt", "boron.txt", "zinc.txt"]
    assert names("-name") == ["zinc.txt", "boron.txt", "Argon.txt"]
    assert names("size") == ["zinc.txt", "boron.txt", "Argon.txt"]
    assert names("-created") == ["boron.txt", "Argon.txt", "zinc.txt"]
    refused = admin.get("/v1/documents", params={"sort": "name", "cursor": "doc_1"})
    assert (refused.status_code, refused.json()["type"]) == (422, "urn:openbook:problem:invalid_cursor")
    assert admin.get("/v1/documents", params={"sort": "mood"}).status_code == 422
