"""SIGKILL of the worker in and after every step: nothing is lost, nothing doubled, indexes and database agree."""

import io
import time
from contextlib import suppress
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import pytest
from sqlalchemy import func, select

from app.db.models import DroppedBlob, Version
from ingestion.intake import IncomingFile
from ingestion.sweep import Sweep
from ingestion.types import Accepted, DocumentId
from tests.acceptance import lingering_child
from tests.acceptance.killed_worker import Death
from tests.acceptance.workers import (
    CHAPTERS,
    assert_killed,
    assert_whole,
    services_of,
    settings_of,
    start_deletion,
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
    ("versions.save_piece", "inside", 1),
    ("versions.save_piece", "after", 2),
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


@pytest.mark.parametrize("moment", ["inside", "after"])
def test_a_child_at_work_ends_with_its_killed_worker(database_url: str, tmp_path: Path, moment: str) -> None:
    environment = settings_of(database_url, tmp_path)
    with services_of(environment) as services:
        chunks = upload_notes(services, NOTES)
        with worker(environment, Death("queue.report", moment, 1)) as killed:
            assert_killed(killed)
        _wait_until_childless(killed)
        with worker_here(services):
            wait_until_drained(services, NOTES + 1)
        assert_whole(services, NOTES + 1, chunks)


@pytest.mark.parametrize(
    ("point", "moment", "is_gone"),
    [("register.forget", "inside", False), ("register.forget", "after", True), ("blobs.delete", "after", True)],
    ids=str,
)
def test_a_killed_deletion_was_all_or_nothing(
    database_url: str, tmp_path: Path, point: str, moment: str, is_gone: bool
) -> None:
    environment = settings_of(database_url, tmp_path)
    with services_of(environment) as services:
        chunks = upload_notes(services, NOTES)
        with worker_here(services):
            wait_until_drained(services, NOTES + 1)
        assert_whole(services, NOTES + 1, chunks)
        with services.db.read() as session:
            book = DocumentId(session.scalars(select(Version.document_id).where(Version.name == "book.md")).one())
        assert_killed(start_deletion(environment, book, Death(point, moment, 1)))
        if not is_gone:
            assert_whole(services, NOTES + 1, chunks)
            services.pipeline.forget(book)
        Sweep(services.remains, services.blobs).run()
        assert len(list(services.blobs.stored())) == NOTES
        assert_whole(services, NOTES, chunks - CHAPTERS, publications=NOTES + 2)  # the deletion is a change too


def _wait_until_childless(killed: ForkServerProcess) -> None:
    """Return once no child that parses for it is left; each names its worker in its command."""
    deadline = time.monotonic() + 5
    while children := _children_of(killed):
        assert time.monotonic() < deadline, f"outlived their worker: {children}"
        time.sleep(0.02)


def _children_of(worker: ForkServerProcess) -> list[str]:
    named = f"{lingering_child.__name__}\0{worker.pid}\0".encode()
    found: list[str] = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # ended while we looked
            if named in (process / "cmdline").read_bytes():
                found.append(process.name)
    return found
