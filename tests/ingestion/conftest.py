"""The ingestion core on its real parts: SQLite, files, a parsing child, the hashing embedder."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from app.db.database import Database
from app.db.index.publications import PublicationStore
from app.db.library.collections import CollectionStore
from app.db.library.documents import DocumentStore
from app.db.queue.jobs import JobStore
from app.db.remains import RemainsStore
from ingestion.blob_stores.filesystem import FilesystemBlobStore
from ingestion.intake import Intake
from ingestion.ocr import Ocr
from ingestion.parsers.version import PARSER_VERSION
from ingestion.pipeline import Pipeline
from ingestion.sandbox.sandbox import Sandbox
from ingestion.sweep import Sweep
from retrieval.embedders.hashing import HashingEmbedder
from retrieval.types import CollectionId, Scope
from tests.builders import Known

LEASE_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Library:
    """Everything between an upload and a published version, around one collection."""

    collection: CollectionId
    documents: DocumentStore
    jobs: JobStore
    blobs: FilesystemBlobStore
    intake: Intake
    pipeline: Pipeline
    sweeper: Sweep

    @property
    def scope(self) -> Scope:
        return Scope(frozenset({self.collection}))

    def stored(self) -> int:
        return len(list(self.blobs.stored()))


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    """One parsing child for all tests: starting one costs more than most files."""
    started = Sandbox(1, 20.0, 512 << 20, 64 << 20)
    yield started
    started.close()


@pytest.fixture(scope="session")
def poisoned() -> Iterator[Sandbox]:
    """Children whose parser does what the file says; two seconds, 256 MiB and 4 MiB of output."""
    opened = Sandbox(2, 2.0, 256 << 20, 4 << 20, "tests.ingestion.poison_child")
    yield opened
    opened.close()


@pytest.fixture
def library(sqlite_url: str, tmp_path: Path, sandbox: Sandbox) -> Iterator[Library]:
    database = Database(sqlite_url)
    embedder = HashingEmbedder()
    collection = CollectionStore(database).ensure("default", embedder.fingerprint).id
    documents = DocumentStore(database, 100, 3)
    jobs = JobStore(database, LEASE_SECONDS, 3)
    blobs = FilesystemBlobStore(tmp_path / "blobs")
    pipeline = Pipeline(
        jobs, documents, PublicationStore(database, PARSER_VERSION), blobs, sandbox, Ocr(sandbox, None), Known(embedder)
    )
    yield Library(
        collection,
        documents,
        jobs,
        blobs,
        Intake(documents, blobs, sandbox, 1 << 20),
        pipeline,
        Sweep(RemainsStore(database, PARSER_VERSION), blobs),
    )
    database.dispose()
