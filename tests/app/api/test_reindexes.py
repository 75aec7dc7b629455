"""A re-index over HTTP, while somebody asks all the time."""

import threading
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.db.index.embedders import EmbedderStore
from app.worker import make, new_name
from tests.app.running import Running, eventually, running

OTHER = "hashing:64"
REINDEX = "/v1/admin/collections/default/reindex"
GALLIUM = "# Gallium\n\nGallium melts at 29.8 degrees Celsius. It was discovered in 1875."
INDIUM = "# Indium\n\nIndium melts at 156.6 degrees Celsius. It was discovered in 1863."


@pytest.fixture
def started(tmp_path: Path, sqlite_template: Path) -> Iterator[Running]:
    """A service whose collection was embedded by another embedder than the one that is set now."""
    with running(tmp_path, sqlite_template, embedder=OTHER, requests_per_minute=100_000) as service:
        EmbedderStore(service.services.db).remember("hashing:256", "hashing", None)
        service.services.collections.create("default", "hashing:256")
        for number in range(12):
            service.upload(f"{number}.md", GALLIUM.replace("1875", f"{1800 + number}"))
        service.read_all()
        yield service


@contextmanager
def working(service: Running) -> Generator[None]:
    """A worker beside the service."""
    worker = make(service.services, new_name())
    thread = threading.Thread(target=worker.run)
    thread.start()
    try:
        yield
    finally:
        worker.stop()
        thread.join()


@contextmanager
def asking(client: httpx.Client) -> Generator[list[Any]]:
    """Searches and questions without a pause: None for each that was wholly answered, else what came of it."""
    outcomes: list[Any] = []
    over = threading.Event()

    def ask() -> None:
        while not over.is_set():
            found = client.post("/v1/search", json={"query": "When does gallium melt?"})
            answer = client.post("/v1/answers", json={"question": "At how many degrees does gallium melt?"})
            whole = (
                found.status_code == answer.status_code == 200
                and len(found.json()["hits"]) == 10
                and found.json()["degraded"] == answer.json()["degraded"] == []
                and "29.8" in answer.json()["answer"]
            )
            outcomes.append(None if whole else (found.text, answer.text))

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield outcomes
    finally:
        over.set()
        thread.join()


def switched(client: httpx.Client) -> bool:
    return client.get(REINDEX).status_code == 404


def test_whoever_asks_notices_nothing_of_a_change_of_embedder(started: Running) -> None:
    with started.client(started.admin_secret) as admin, started.client(started.new_key()) as reader:
        [before] = admin.get("/v1/admin/collections").json()["items"]
        with working(started), asking(reader) as outcomes:
            assert eventually(lambda: len(outcomes) > 2, 20)
            begun = admin.post(REINDEX)
            uploaded = started.upload("indium.md", INDIUM)
            assert eventually(lambda: switched(admin), 30)
            assert eventually(lambda: admin.get(f"/v1/documents/{uploaded['id']}").json()["status"] == "ready", 30)
            asked = len(outcomes)
            assert eventually(lambda: len(outcomes) > asked + 2, 20)
        [after] = admin.get("/v1/admin/collections").json()["items"]
        indium = admin.get(f"/v1/documents/{uploaded['id']}").json()
        found = reader.post("/v1/search", json={"query": "When does indium melt?", "k": 1}).json()

    assert [outcome for outcome in outcomes if outcome is not None] == []
    assert (before["embedder"], before["outdated"], before["reindexing"]) == ("hashing:256", ["embedder"], None)
    assert (after["embedder"], after["outdated"], after["reindexing"]) == (OTHER, [], None)
    assert begun.status_code == 202
    assert (begun.json()["status"], begun.json()["documents"], begun.json()["embedder"]) == ("running", 12, OTHER)
    assert (indium["status"], indium["chunks"]) == ("ready", 1)
    assert found["hits"][0]["document"]["id"] == uploaded["id"]


def test_a_re_index_is_shown_cancelled_and_begun_again(started: Running) -> None:
    with started.client(started.admin_secret) as admin:
        assert admin.get(REINDEX).status_code == 404
        assert admin.post(f"{REINDEX}/cancel").status_code == 404
        admin.post(REINDEX)
        assert started.services.reindexes.advance()
        [shown] = admin.get("/v1/admin/collections").json()["items"]
        assert shown["reindexing"] == admin.get(REINDEX).json()
        assert (shown["reindexing"]["done"], shown["reindexing"]["documents"]) == (0, 12)
        assert admin.post(REINDEX, json={"without_failed": True}).status_code == 409
        assert admin.post(f"{REINDEX}/cancel").json()["status"] == "cancelled"
        with working(started):
            time.sleep(0.7)
            assert admin.get(REINDEX).json()["done"] == 0
            admin.post(REINDEX)
            assert eventually(lambda: switched(admin), 30)
        assert admin.post("/v1/admin/collections/nowhere/reindex").status_code == 404
    with started.client(started.new_key()) as reader:
        assert reader.post(REINDEX).status_code == 403
