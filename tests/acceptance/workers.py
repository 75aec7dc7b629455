"""Real workers on one database, and what must hold of it once they are through."""

import io
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import func, select

from app.archives import exchange
from app.db.tables import Change, Chunk, Document, Embedding, Job, Placement, Version
from app.settings import Settings
from app.wiring import Services, build, close
from app.worker import make, new_name
from ingestion.intake import IncomingFile
from ingestion.sweep import Sweep
from ingestion.types import DocumentId
from tests.acceptance import killed_worker
from tests.acceptance.killed_worker import Death
from tests.parsing import sharing_a_child

LEASE_SECONDS = 0.6
PATIENCE_SECONDS = 60.0  # with what is to happen in a second where the machine has nothing else to do
CHAPTERS = 10
BOOK = "\n\n".join(
    f"# Chapter {n}\n\nChapter {n} of the book says that {n} times {n} is {n * n}." for n in range(CHAPTERS)
)
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload([__name__, "tests.acceptance.loaded"])
OTHER = "hashing:64"
DAYS = 2 * 86_400

Environment = Mapping[str, str]


def settings_of(database_url: str, data_dir: Path, attempts: int = 3) -> Environment:
    """An environment for workers whose leases are short."""
    return {
        **os.environ,
        "OPENBOOK_DATA_DIR": str(data_dir),
        "OPENBOOK_DATABASE_URL": database_url,
        "OPENBOOK_EMBEDDER": "hashing",
        "OPENBOOK_JOB_LEASE_SECONDS": str(LEASE_SECONDS),
        "OPENBOOK_JOB_MAX_ATTEMPTS": str(attempts),
        "OPENBOOK_PARSE_PROCESSES": "1",
    }


@contextmanager
def services_of(environment: Environment) -> Generator[Services]:
    """The services by the environment's settings, in this process."""
    given = {
        name.removeprefix("OPENBOOK_").lower(): value
        for name, value in environment.items()
        if name.startswith("OPENBOOK_")
    }
    built = build(Settings(**given))  # pyright: ignore[reportArgumentType]  # strings, as from the environment
    built.db.migrate()
    try:
        yield sharing_a_child(built)
    finally:
        close(built)


def start_worker(environment: Environment, death: Death | None = None) -> ForkServerProcess:
    """A worker in a process of its own, which may be told to die or to stop at some point."""
    process = PROCESSES.Process(target=killed_worker.work, args=(dict(environment), death), daemon=True)
    process.start()
    return process


def start_request(environment: Environment, request: Callable[[Services], object], death: Death) -> ForkServerProcess:
    """A process that does what the service does when it is asked for that, and dies over it."""
    process = PROCESSES.Process(target=killed_worker.serve, args=(dict(environment), request, death), daemon=True)
    process.start()
    return process


def end_workers(*processes: ForkServerProcess) -> None:
    """Ask them to stop, those that a test has halted too, and wait until they have; none is left to wait for."""
    for process in processes:
        process.terminate()
        if process.is_alive() and process.pid is not None:
            os.kill(process.pid, signal.SIGCONT)
    for process in processes:
        process.join(20)
    late = [process for process in processes if process.exitcode is None]
    for process in late:
        process.kill()
        process.join(20)
    assert not late, "a worker did not stop"


@contextmanager
def worker(environment: Environment, death: Death | None = None) -> Generator[ForkServerProcess]:
    """A worker until the block ends."""
    process = start_worker(environment, death)
    try:
        yield process
    finally:
        end_workers(process)


def assert_killed(process: ForkServerProcess) -> None:
    """It dies by SIGKILL."""
    process.join(PATIENCE_SECONDS)
    assert process.exitcode == -signal.SIGKILL


@contextmanager
def worker_here(services: Services) -> Generator[None]:
    """A worker in this process until the block ends: it starts in no time."""
    loop = make(services, new_name())
    thread = threading.Thread(target=loop.run)
    thread.start()
    try:
        yield
    finally:
        loop.stop()
        thread.join(20)


def upload_notes(services: Services, count: int, *, with_book: bool = True) -> int:
    """Notes of a chunk each, and a book of several pieces; gives how many chunks they have together."""
    collection = services.collections.ensure("default", services.embedder.fingerprint)
    notes = ["\n\n".join(f"Document {i} says fact {i * j}." * 3 for j in range(4)) for i in range(count)]
    files = [IncomingFile(f"{i}.txt", io.BytesIO(text.encode()), {}) for i, text in enumerate(notes)]
    if with_book:
        files.append(IncomingFile("book.md", io.BytesIO(BOOK.encode()), {}))
    for start in range(0, len(files), 250):
        services.intake.accept_all(files[start : start + 250], collection.id)
    return count + CHAPTERS * with_book


def read_all(services: Services) -> None:
    """Do a worker's work in this thread until nothing is due."""
    while jobs := services.jobs.claim(new_name(), 100, 1 << 30):
        services.pipeline.ingest(jobs)


def delete(services: Services, document: DocumentId) -> None:
    services.pipeline.forget(document)


def take_in(services: Services, file: Path) -> None:
    """Import a collection's file under its own name."""
    with file.open("rb") as opened:
        exchange.take_in(services, opened, None)


def begin(services: Services) -> None:
    """Begin to index the collection anew, by another embedder."""
    services.reindexes.begin("default", OTHER)


def wait_until_drained(services: Services, documents: int, seconds: float = PATIENCE_SECONDS) -> None:
    """Return once every job succeeded."""
    deadline = time.monotonic() + seconds
    while services.jobs.depth()["succeeded"] < documents:
        if time.monotonic() > deadline:
            pytest.fail(f"not drained: {services.jobs.depth()}")
        time.sleep(0.05)


def sweep_days_later(services: Services) -> None:
    """Delete what nothing refers to, once no original is so young that its upload may still be under way."""
    then = time.time() - DAYS
    for path in (services.settings.data_dir / "blobs").rglob("*"):
        os.utime(path, (then, then))
    Sweep(services.remains, services.blobs).run()


def assert_whole(
    services: Services, documents: int, chunks: int, publications: int | None = None, status: str = "ready"
) -> None:
    """Nothing is lost, done twice or left over, and the indexes hold what the database does.

    `publications`: how many there were in all, if not one of each document.
    """
    with services.db.read() as session:
        statuses: Sequence[str] = session.scalars(select(Version.status)).all()
        live = session.scalars(select(Document.live_version_id)).all()
        collection = session.scalars(select(Document.collection_id)).first()
        rows = {
            table.__tablename__: session.scalar(select(func.count()).select_from(table))
            for table in (Chunk, Embedding, Placement, Change, Job)
        }
        distinct = session.scalar(select(func.count(Chunk.key.distinct())))
    assert statuses == [status] * documents
    assert len(set(live)) == documents
    assert len(list(services.blobs.stored())) == documents
    assert rows == {
        **dict.fromkeys(("chunks", "embeddings", "placements"), chunks),
        "jobs": documents,
        "changes": publications or documents,
    }
    assert distinct == chunks
    assert collection is not None
    indexes = services.replica.indexes(collection)  # pyright: ignore[reportArgumentType]
    _, alive = services.changes.live(collection, 1)  # pyright: ignore[reportArgumentType]
    assert len(alive) == chunks
    assert indexes.vector is not None
    assert np.array_equal(indexes.vector.ids(), alive)
    assert np.array_equal(indexes.lexical.ids(), alive)
