"""What is deleted leaves no text behind in any file of the service."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ingestion.sweep import Sweep
from retrieval import follower
from tests.app.running import Running, eventually, running
from tests.remains import holding

SENTINEL = "zyxquorvexil"


@pytest.fixture
def started(tmp_path: Path, sqlite_template: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    monkeypatch.setattr(follower, "SNAPSHOT_SECONDS", 0.0)
    with running(tmp_path, sqlite_template) as service:
        yield service


def search(service: Running, query: str) -> list[str]:
    with service.client(service.admin_secret) as client:
        hits = client.post("/v1/search", json={"query": query, "mode": "lexical"}).json()["hits"]
    return [hit["document"]["name"] for hit in hits]


def test_a_deleted_document_is_in_no_file_after_the_sweep(started: Running) -> None:
    services, folder = started.services, started.services.settings.data_dir
    for number in range(30):
        started.upload(f"{number}.txt", f"Number {number} stays where it is.")
    secret = started.upload("secret.txt", f"The {SENTINEL} is hidden in the garden.")
    started.read_all()
    assert search(started, SENTINEL) == ["secret.txt"]
    assert eventually(lambda: any("snapshots" in name for name in holding(folder, SENTINEL)))
    assert {name.partition("/")[0] for name in holding(folder, SENTINEL)} >= {"indexes", "blobs"}

    with started.client(started.admin_secret) as client:
        assert client.delete(f"/v1/admin/documents/{secret['id']}").status_code == 204
    Sweep(services.remains, services.blobs).run()
    services.replica.tidy()
    assert eventually(lambda: holding(folder, SENTINEL) == [], 15), holding(folder, SENTINEL)
    assert search(started, "stays") != []


def test_the_indexes_of_a_collection_that_nobody_searches_lose_it_too(started: Running) -> None:
    services, folder = started.services, started.services.settings.data_dir
    secret = started.upload("secret.txt", f"The {SENTINEL} is hidden in the garden.")
    started.upload("open.txt", "Nothing is hidden here.")
    started.read_all()
    assert search(started, SENTINEL) == ["secret.txt"]
    collection = services.collections.list()[0].id
    services.replica.discard(collection)
    assert eventually(lambda: {Path(name).parts[0] for name in holding(folder / "indexes", SENTINEL)} <= {"snapshots"})

    services.pipeline.forget(secret["id"])
    services.replica.tidy()
    assert eventually(lambda: holding(folder / "indexes", SENTINEL) == [], 15), holding(folder, SENTINEL)
    assert search(started, "hidden") == ["open.txt"]
