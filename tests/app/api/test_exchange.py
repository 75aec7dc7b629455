"""Over HTTP a collection goes out and comes in as one body, for admins alone."""

import httpx
import pytest

from tests.app.running import Running


@pytest.fixture(scope="module")
def exported(admin: httpx.Client) -> bytes:
    """The collection `default`."""
    reply = admin.get("/v1/admin/collections/default/export")
    assert (reply.status_code, reply.headers["content-type"]) == (200, "application/x-tar")
    assert int(reply.headers["content-length"]) == len(reply.content)
    return reply.content


def test_a_collection_goes_out_and_comes_in_under_another_name(admin: httpx.Client, exported: bytes) -> None:
    reply = admin.post("/v1/admin/collections/import", params={"collection": "copy"}, content=exported)

    assert reply.json() == {"collection": "copy", "documents": 1, "duplicates": 0, "waiting": 0, "refused": []}
    hits = admin.post("/v1/search", json={"query": "gallium melts", "collections": ["copy"]}).json()["hits"]
    assert [hit["document"]["name"] for hit in hits] == ["gallium.md"]


def test_only_admins_move_collections(reader: httpx.Client, exported: bytes) -> None:
    assert reader.get("/v1/admin/collections/default/export").status_code == 403
    assert reader.post("/v1/admin/collections/import", content=exported).status_code == 403


def test_an_admin_of_one_collection_moves_that_one(service: Running, exported: bytes) -> None:
    with service.client(service.new_key("admin", ("default",))) as limited:
        assert limited.get("/v1/admin/collections/private/export").status_code == 404
        assert limited.post("/v1/admin/collections/import", content=exported).status_code == 404
        own = limited.post("/v1/admin/collections/import", params={"collection": "default"}, content=exported)
        assert own.json()["duplicates"] == 1


def test_a_collection_that_is_not_there_is_not_found(admin: httpx.Client) -> None:
    assert admin.get("/v1/admin/collections/none/export").status_code == 404


@pytest.mark.parametrize("content", [b"", b"not a file of ours" * 100], ids=["nothing", "something else"])
def test_another_file_is_a_problem(admin: httpx.Client, content: bytes) -> None:
    reply = admin.post("/v1/admin/collections/import", content=content)

    assert (reply.status_code, reply.json()["type"]) == (422, "urn:openbook:problem:invalid_file")


def test_a_full_disk_is_said_before_the_body_is_taken(admin: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.api.exchange._SPARED_BYTES", 1 << 60)

    assert admin.post("/v1/admin/collections/import", content=b"x").status_code == 507


def test_moves_are_written_down(service: Running, exported: bytes) -> None:
    del exported
    with service.services.db.read() as session:
        rows = session.connection().exec_driver_sql("SELECT action, target, result FROM audit").all()
    assert ("collection.export", "default", "1 documents") in [tuple(row) for row in rows]
