import time
from pathlib import Path

import httpx
import pytest

from app.db.database import Database
from app.db.errors import DatabaseUnavailable
from retrieval.embedders.hashing import HashingEmbedder
from retrieval.errors import ModelUnavailable
from tests.app.running import Running, running


def ready(client: httpx.Client) -> httpx.Response:
    end = time.monotonic() + 10
    while (reply := client.get("/readyz")).status_code != 200:
        assert time.monotonic() < end, reply.text
        time.sleep(0.02)
    return reply


def test_a_started_service_lives_and_becomes_ready(anonymous: httpx.Client) -> None:
    assert anonymous.get("/livez").json() == {"status": "ok"}
    assert ready(anonymous).json() == {"status": "ready", "reasons": {}}


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/"])
def test_what_watches_may_ask_for_the_head_alone(path: str, anonymous: httpx.Client) -> None:
    ready(anonymous)
    head, whole = anonymous.head(path), anonymous.get(path)
    assert (head.status_code, head.content) == (200, b"")
    assert {name: head.headers[name] for name in ("content-length", "content-type")} == {
        "content-length": str(len(whole.content)),
        "content-type": whole.headers["content-type"],
    }


def test_a_service_without_its_database_lives_but_is_not_ready(
    anonymous: httpx.Client, reader: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_: Database) -> None:
        raise DatabaseUnavailable("gone")

    ready(anonymous)
    monkeypatch.setattr(Database, "ping", away)
    monkeypatch.setattr(Database, "read", away)
    assert anonymous.get("/livez").status_code == 200
    reply = anonymous.get("/readyz")
    assert (reply.status_code, list(reply.json()["reasons"])) == (503, ["database"])
    refused = reader.get("/v1/documents")
    assert (refused.status_code, refused.json()["type"]) == (503, "urn:openbook:problem:database_unavailable")
    assert int(refused.headers["retry-after"]) > 0
    monkeypatch.undo()
    assert reader.get("/v1/documents").status_code == 200


def test_a_model_that_comes_late_makes_the_service_ready_late(
    tmp_path: Path, sqlite_template: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(_: HashingEmbedder, texts: list[str]) -> None:
        raise ModelUnavailable("OPENBOOK_EMBEDDER: no such model")

    monkeypatch.setattr("app.api.health._RETRY_SECONDS", 0.1)
    with monkeypatch.context() as broken:
        broken.setattr(HashingEmbedder, "embed_queries", missing)
        with running(tmp_path, sqlite_template) as started, started.client() as client:
            end = time.monotonic() + 5
            while "model" not in (reply := client.get("/readyz")).json()["reasons"]:
                assert time.monotonic() < end
                time.sleep(0.02)
            assert (reply.status_code, reply.headers["retry-after"]) == (503, "2")
            assert "OPENBOOK" not in reply.text  # strangers may ask: no word about models, paths or addresses
            broken.undo()
            ready(client)


def test_figures_survive_a_database_that_is_away(
    service: Running, admin: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_: object) -> None:
        raise DatabaseUnavailable("gone")

    monkeypatch.setattr("app.db.queue.jobs.JobStore.depth", away)
    text = admin.get("/metrics").text
    assert "openbook_requests_total" in text
    assert "openbook_jobs{" not in text
    assert service.state.not_ready == {}
