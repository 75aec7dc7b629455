"""SIGKILL of the service while it does what it was asked for: done or not, and done once when it is asked again."""

from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import select

from app.archives import exchange
from app.db.tables import Version
from ingestion.types import DocumentId
from tests.acceptance.killed_worker import Death
from tests.acceptance.workers import (
    CHAPTERS,
    assert_killed,
    assert_whole,
    delete,
    read_all,
    services_of,
    settings_of,
    start_request,
    sweep_days_later,
    take_in,
    upload_notes,
    wait_until_drained,
    worker_here,
)

pytestmark = pytest.mark.timeout(300)

NOTES = 9


@pytest.mark.parametrize(
    ("point", "moment", "nth"),
    [
        ("collections.ensure", "inside", 1),
        ("collections.ensure", "after", 1),
        ("blobs.put", "after", 5),
        ("register.register", "inside", 1),
        ("register.register", "after", 1),
    ],
    ids=str,
)
def test_an_upload_that_was_killed_is_sent_again_and_is_there_once(
    database_url: str, tmp_path: Path, point: str, moment: str, nth: int
) -> None:
    environment = settings_of(database_url, tmp_path)
    with services_of(environment) as services:
        assert_killed(start_request(environment, partial(upload_notes, count=NOTES), Death(point, moment, nth)))
        is_registered = (point, moment) == ("register.register", "after")
        assert services.jobs.depth()["queued"] == (NOTES + 1) * is_registered
        chunks = upload_notes(services, NOTES)
        with worker_here(services):
            wait_until_drained(services, NOTES + 1)
        sweep_days_later(services)
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
        read_all(services)
        assert_whole(services, NOTES + 1, chunks)
        with services.db.read() as session:
            book = DocumentId(session.scalars(select(Version.document_id).where(Version.name == "book.md")).one())
        assert_killed(start_request(environment, partial(delete, document=book), Death(point, moment, 1)))
        if not is_gone:
            assert_whole(services, NOTES + 1, chunks)
            services.pipeline.forget(book)
        sweep_days_later(services)
        assert_whole(services, NOTES, chunks - CHAPTERS, publications=NOTES + 2)  # the deletion is a change too


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A collection of notes and a book in a file."""
    folder = tmp_path_factory.mktemp("exported")
    file = folder / "default.tar"
    with services_of(settings_of(f"sqlite:///{folder / 'openbook.db'}", folder)) as services:
        upload_notes(services, NOTES)
        read_all(services)
        with file.open("w+b") as opened:
            exchange.export(services, services.collections.ids()["default"], opened)
    return file


@pytest.mark.parametrize(
    ("point", "moment", "nth"),
    [
        ("collections.create", "inside", 1),
        ("collections.create", "after", 1),
        ("blobs.put", "after", 2),
        ("exchange.take", "inside", 2),
        ("exchange.take", "after", 2),
        ("versions.save_piece", "inside", 1),
        ("versions.save_piece", "after", 1),
        ("versions.publish", "inside", 2),
        ("versions.publish", "after", 2),
        ("queue.release", "after", 1),
    ],
    ids=str,
)
def test_an_import_that_was_killed_is_done_again_and_doubles_nothing(
    database_url: str, tmp_path: Path, exported: Path, point: str, moment: str, nth: int
) -> None:
    environment = settings_of(database_url, tmp_path)
    with services_of(environment) as services:
        assert_killed(start_request(environment, partial(take_in, file=exported), Death(point, moment, nth)))
        take_in(services, exported)
        with worker_here(services):
            wait_until_drained(services, NOTES + 1)
        sweep_days_later(services)
        assert_whole(services, NOTES + 1, NOTES + CHAPTERS)
