from dataclasses import replace

import httpx
import pytest

from ingestion.parsed_json import load
from ingestion.types import Job
from tests.app.running import WORKER, Running

COLLECTIONS = "/v1/admin/collections"


def test_collections_are_listed_with_the_number_of_their_documents(admin: httpx.Client) -> None:
    listed = admin.get(COLLECTIONS, params={"limit": 500}).json()
    assert {(each["name"], each["documents"]) for each in listed["items"]} >= {("default", 1), ("private", 1)}
    assert listed["next_cursor"] is None


def test_a_collection_is_made_once(admin: httpx.Client) -> None:
    made = admin.post(COLLECTIONS, json={"name": "财务 2026"})
    assert (made.status_code, made.json()["name"], made.json()["documents"]) == (201, "财务 2026", 0)
    again = admin.post(COLLECTIONS, json={"name": "财务 2026"})
    assert (again.status_code, again.json()["type"]) == (409, "urn:openbook:problem:conflict")


@pytest.mark.parametrize("name", ["", " a", "../a", "a/b", "a\nb", "a" * 65, "<b>", "-a"])
def test_a_name_that_would_mislead_is_refused(name: str, admin: httpx.Client) -> None:
    assert admin.post(COLLECTIONS, json={"name": name}).status_code == 422


def test_a_deleted_collection_takes_its_documents_and_files_with_it(service: Running, admin: httpx.Client) -> None:
    admin.post(COLLECTIONS, json={"name": "doomed"})
    made = service.upload("doomed.txt", "Nothing lasts for ever in here.", "doomed")
    service.read_all()
    files = service.services.settings.data_dir / "blobs"
    before = sum(path.is_file() for path in files.rglob("*"))
    assert admin.delete(f"{COLLECTIONS}/doomed").status_code == 204
    assert sum(path.is_file() for path in files.rglob("*")) == before - 1
    assert admin.get(f"/v1/documents/{made['id']}").status_code == 404
    assert "Nothing lasts" not in admin.post("/v1/search", json={"query": "Nothing lasts for ever"}).text
    assert admin.delete(f"{COLLECTIONS}/doomed").status_code == 404


def test_personal_data_never_leaves_the_parser_of_a_collection_that_blackens_it(
    service: Running, admin: httpx.Client
) -> None:
    made = admin.post(COLLECTIONS, json={"name": "blackened", "redact": ["phone", "email", "email"]})
    assert (made.status_code, made.json()["redact"]) == (201, ["email", "phone"])
    text = "Kerstin Vogel answers at kerstin.vogel@example.org or +49 30 901820, from 86.121.97.248."
    document = service.upload("contacts.txt", text, "blackened")
    service.read_all()
    [chunk] = admin.get(f"/v1/documents/{document['id']}/chunks").json()["items"]
    counts = admin.get(f"/v1/documents/{document['id']}").json()["counts"]
    assert chunk["text"] == "Kerstin Vogel answers at [EMAIL] or [PHONE], from 86.121.97.248."
    assert counts == {"redacted_email": 1, "redacted_phone": 1, "chunks_en": 1, "embedded_chunks": 1}
    query = {"query": "kerstin.vogel@example.org", "collections": ["blackened"]}
    assert "vogel@" not in admin.post("/v1/search", json=query).text
    [job] = [_job(service, service.upload("contacts-again.txt", text + " ", "blackened")["id"])]
    stored = service.services.publications.parsed(replace(job, blob=replace(job.blob, sha256=document["sha256"])))
    assert stored is not None
    assert [block.text for block in load(stored).blocks] == [chunk["text"]]
    service.read_all()


def test_a_change_of_what_is_blackened_counts_from_the_next_file_on(service: Running, admin: httpx.Client) -> None:
    admin.post(COLLECTIONS, json={"name": "later"})
    nothing_there = admin.patch(f"{COLLECTIONS}/later", json={"redact": ["ip"]}).json()
    assert (nothing_there["redact"], nothing_there["reindex_needed"]) == (["ip"], False)
    before = service.upload("before.txt", "Write to before@example.org.", "later")
    service.read_all()
    changed = admin.patch(f"{COLLECTIONS}/later", json={"redact": ["email"]})
    assert (changed.status_code, changed.json()["redact"], changed.json()["reindex_needed"]) == (200, ["email"], True)
    assert admin.patch(f"{COLLECTIONS}/later", json={"redact": ["email"]}).json()["reindex_needed"] is False
    after = service.upload("after.txt", "Write to after@example.org.", "later")
    service.read_all()
    texts = [admin.get(f"/v1/documents/{made['id']}/chunks").json()["items"][0]["text"] for made in (before, after)]
    assert texts == ["Write to before@example.org.", "Write to [EMAIL]."]


@pytest.mark.parametrize(
    "change", [{}, {"redact": ["name"]}, {"redact": "email"}, {"redact": None}, {"x": 1}, {"adapter": ""}]
)
def test_a_change_that_makes_no_sense_is_refused(change: object, admin: httpx.Client) -> None:
    assert admin.patch(f"{COLLECTIONS}/default", json=change).status_code == 422


def test_a_collection_that_is_not_there_cannot_be_changed(admin: httpx.Client) -> None:
    assert admin.patch(f"{COLLECTIONS}/nowhere", json={"redact": []}).status_code == 404


def _job(service: Running, document: str) -> Job:
    """The document's job as a worker sees it, given back at once."""
    jobs = service.services.jobs.claim(WORKER, 16, 1 << 30)
    service.services.jobs.release(WORKER)
    return next(job for job in jobs if job.document == document)
