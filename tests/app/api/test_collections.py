import httpx
import pytest

from tests.app.running import Running

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
