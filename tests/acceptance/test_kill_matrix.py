"""SIGKILL of the worker in and after every step: nothing is lost, nothing doubled, indexes and database agree."""

import io
from pathlib import Path

import pytest
from sqlalchemy import func, select

from app.db.models import DroppedBlob
from ingestion.intake import IncomingFile
from ingestion.sweep import Sweep
from ingestion.types import Accepted, DocumentId
from tests.acceptance.killed_worker import Death
from tests.acceptance.workers import (
    assert_killed,
    assert_whole,
    services_of,
    settings_of,
    upload_notes,
    wait_until_drained,
    worker,
    worker_here,
)

NOTES = 9

POINTS = [
    ("queue.claim", "inside", 1),
    ("queue.claim", "after", 1),
    ("queue.heartbeat", "inside", 1),
    ("queue.heartbeat", "after", 1),
    ("sandbox.read", "after", 1),
    ("sandbox.read", "after", 5),
    ("versions.save_parsed", "inside", 1),
    ("versions.save_parsed", "after", 1),
    ("embedder.embed_passages", "after", 1),
    ("versions.save_embeddings", "inside", 1),
    ("versions.save_embeddings", "after", 2),
    ("versions.publish", "before", 1),
    ("versions.publish", "inside", 1),
    ("versions.publish", "after", 1),
    ("versions.publish", "inside", 2),
]


@pytest.mark.parametrize(("point", "moment", "nth"), POINTS, ids=str)
def test_a_killed_worker_loses_nothing_and_doubles_nothing(
    database_url: str, tmp_path: Path, point: str, moment: str, nth: int
) -> None:
    environment = settings_of(database_url, tmp_path)
    with services_of(environment) as services:
        chunks = upload_notes(services, NOTES)
        with worker(environment, Death(point, moment, nth)) as killed:
            assert_killed(killed)
        with worker_here(services):
            wait_until_drained(services, NOTES + 1)
        assert_whole(services, NOTES + 1, chunks)


@pytest.mark.parametrize(
    ("point", "moment"),
    [("remains.sweep", "inside"), ("remains.settle", "before"), ("remains.settle", "inside")],
    ids=str,
)
def test_what_a_killed_sweep_leaves_the_next_one_takes(
    database_url: str, tmp_path: Path, point: str, moment: str
) -> None:
    environment = settings_of(database_url, tmp_path)
    keeps_one = {**environment, "OPENBOOK_KEEP_VERSIONS": "1"}
    with services_of(environment) as services:
        collection = services.collections.ensure("default", services.embedder.fingerprint).id
        documents: list[DocumentId | None] = [None] * NOTES
        for number in range(2):
            files = [
                IncomingFile(
                    f"{place}.txt", io.BytesIO(f"Version {number} of note {place}.".encode()), {}, None, document
                )
                for place, document in enumerate(documents)
            ]
            accepted = services.intake.accept_all(files, collection)
            documents = [each.document for each in accepted if isinstance(each, Accepted)]
            with worker_here(services):
                wait_until_drained(services, NOTES * (number + 1))
    with worker(keeps_one, Death(point, moment, 1)) as killed:
        assert_killed(killed)
    with services_of(keeps_one) as services:
        sweep = Sweep(services.remains, services.blobs)
        sweep.run()
        assert sweep.run() == {}
        with services.db.read() as session:
            assert session.scalar(select(func.count()).select_from(DroppedBlob)) == 0
        assert len(list(services.blobs.stored())) == NOTES
        assert_whole(services, NOTES, NOTES, publications=2 * NOTES)
