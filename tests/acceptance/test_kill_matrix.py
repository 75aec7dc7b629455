"""SIGKILL of the worker in and after every step: nothing is lost, nothing doubled, indexes and database agree."""

import io
import os
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import func, select

from app.db.models import Change, Chunk, Document, Embedding, Job, Placement, Version
from app.settings import Settings
from app.wiring import Services, build, close
from ingestion.intake import IncomingFile

DOCUMENTS = 10
PARAGRAPHS = 4
LEASE_SECONDS = 0.6
WORKER = Path(__file__).with_name("killed_worker.py")

POINTS = [
    ("queue.claim", "before", 1),
    ("queue.claim", "inside", 1),
    ("queue.claim", "after", 1),
    ("sandbox.read", "before", 1),
    ("sandbox.read", "after", 5),
    ("versions.save_parsed", "before", 1),
    ("versions.save_parsed", "inside", 1),
    ("versions.save_parsed", "after", 1),
    ("embedder.embed_passages", "before", 1),
    ("embedder.embed_passages", "after", 1),
    ("versions.publish", "before", 1),
    ("versions.publish", "inside", 1),
    ("versions.publish", "after", 1),
]


@pytest.mark.parametrize(("point", "moment", "nth"), POINTS, ids=str)
def test_a_killed_worker_loses_nothing_and_doubles_nothing(
    database_url: str, tmp_path: Path, point: str, moment: str, nth: int
) -> None:
    environment = {
        **os.environ,
        "OPENBOOK_DATA_DIR": str(tmp_path),
        "OPENBOOK_DATABASE_URL": database_url,
        "OPENBOOK_EMBEDDER": "hashing",
        "OPENBOOK_JOB_LEASE_SECONDS": str(LEASE_SECONDS),
        "OPENBOOK_PARSE_PROCESSES": "1",
    }
    with _services(environment) as services:
        _upload(services)
        with _worker(environment, point, moment, str(nth)) as killed:
            assert killed.wait(30) == -9
        with _worker(environment):
            _wait_until_drained(services)
        _assert_whole(services)


@contextmanager
def _services(environment: dict[str, str]) -> Generator[Services]:
    given = {
        name.removeprefix("OPENBOOK_").lower(): value
        for name, value in environment.items()
        if name.startswith("OPENBOOK_")
    }
    services = build(Settings(**given))  # pyright: ignore[reportArgumentType]  # strings, as from the environment
    services.db.migrate()
    try:
        yield services
    finally:
        close(services)


@contextmanager
def _worker(environment: dict[str, str], *arguments: str) -> Generator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, str(WORKER), *arguments], env=environment)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(20)


def _upload(services: Services) -> None:
    collection = services.collections.ensure("default", services.embedder.fingerprint)
    texts = ["\n\n".join(f"Document {i} says fact {i * j}." * 3 for j in range(PARAGRAPHS)) for i in range(DOCUMENTS)]
    files = [IncomingFile(f"{i}.txt", io.BytesIO(text.encode()), {}) for i, text in enumerate(texts)]
    services.intake.accept_all(files, collection.id)


def _wait_until_drained(services: Services) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if services.jobs.depth().get("succeeded", 0) == DOCUMENTS:
            return
        time.sleep(0.05)
    pytest.fail(f"not drained: {services.jobs.depth()}")


def _assert_whole(services: Services) -> None:
    with services.db.read() as session:
        ready = session.scalars(select(Version.status)).all()
        live = session.scalars(select(Document.live_version_id)).all()
        assert ready == ["ready"] * DOCUMENTS
        assert len(set(live)) == DOCUMENTS
        chunks, embeddings, placements, changes, jobs = (
            session.scalar(select(func.count()).select_from(table))
            for table in (Chunk, Embedding, Placement, Change, Job)
        )
        distinct = session.scalar(select(func.count(Chunk.key.distinct())))
        collection = session.scalars(select(Document.collection_id)).first()
    assert chunks == embeddings == placements == distinct == DOCUMENTS
    assert changes == jobs == DOCUMENTS
    assert collection is not None
    indexes = services.replica.indexes(collection)  # pyright: ignore[reportArgumentType]
    _, alive = services.changes.live(collection, 1)  # pyright: ignore[reportArgumentType]
    assert len(alive) == DOCUMENTS
    assert indexes.vector is not None
    assert np.array_equal(indexes.vector.ids(), alive)
    assert np.array_equal(indexes.lexical.ids(), alive)
