"""Stores on one database, and documents that go through them in a line."""

import hashlib
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count
from typing import TypeVar

import numpy as np

from app.db.database import Database
from app.db.index.changes import ChangeStore
from app.db.index.chunks import ChunkStore
from app.db.index.publications import PublicationStore
from app.db.library.collections import CollectionStore
from app.db.library.documents import DocumentStore
from app.db.queue.jobs import JobStore
from app.db.remains import RemainsStore
from app.db.types import CollectionRecord
from ingestion.parsed_json import dump
from ingestion.types import (
    Blob,
    BlobKey,
    ChunkDraft,
    DocumentId,
    Job,
    Metadata,
    ParsedDocument,
    Progress,
    Publication,
    Upload,
    WorkerId,
)
from retrieval.types import CollectionId, PassageEmbedding, Region, Scope

DIM = 8
FINGERPRINT = "hashing-8"
EMPTY: Metadata = {}
NO_COUNTS: Mapping[str, int] = {}
WORKER = WorkerId("worker-1")
MANY_BYTES = 1 << 40

T = TypeVar("T")

_numbers = count()


@dataclass(frozen=True, slots=True)
class World:
    """Every store of ingestion and retrieval on one database, with a collection to work in."""

    db: Database
    collections: CollectionStore
    documents: DocumentStore
    jobs: JobStore
    publications: PublicationStore
    chunks: ChunkStore
    changes: ChangeStore
    remains: RemainsStore
    home: CollectionRecord

    @property
    def scope(self) -> Scope:
        return Scope(frozenset({self.home.id}))

    def register(self, *uploads: Upload, collection: CollectionId | None = None) -> list[DocumentId]:
        return [each.document for each in self.documents.register(collection or self.home.id, uploads)]

    def claim(self, limit: int = 100, worker: WorkerId = WORKER) -> list[Job]:
        return self.jobs.claim(worker, limit, MANY_BYTES)

    def add(
        self, *texts: str, document: DocumentId | None = None, collection: CollectionId | None = None
    ) -> DocumentId:
        """A document, or a new version of one, that goes live with these chunks."""
        [added] = self.register(upload(document=document), collection=collection)
        self.publish(*texts)
        return added

    def publish(self, *texts: str, metadata: Metadata = EMPTY) -> None:
        """Publish the one job that waits with these chunks."""
        [job] = self.claim()
        assert self.publications.publish([publication(job, *texts, metadata=metadata)]) == {job.id}

    def live(self, collection: CollectionId | None = None) -> set[str]:
        """The texts that are live."""
        _, ids = self.changes.live(collection or self.home.id, 1)
        return {text.text for text in self.changes.texts(ids)}

    def replayed(self, collection: CollectionId | None = None) -> set[int]:
        """The chunk ids that a follower of the change log holds."""
        held: set[int] = set()
        for change in self.changes.changes(collection or self.home.id, 1, 0, 1_000_000):
            held |= set(change.added.tolist())
            held -= set(change.removed.tolist())
        return held


def world(
    db: Database,
    queue_max_jobs: int = 10_000,
    max_attempts: int = 3,
    lease_seconds: float = 60.0,
    keep_versions: int = 10,
) -> World:
    collections = CollectionStore(db)
    return World(
        db=db,
        collections=collections,
        documents=DocumentStore(db, queue_max_jobs, max_attempts),
        jobs=JobStore(db, lease_seconds, max_attempts),
        publications=PublicationStore(db, "parser-1"),
        chunks=ChunkStore(db),
        changes=ChangeStore(db),
        remains=RemainsStore(db, "parser-1", keep_versions),
        home=collections.ensure("default", FINGERPRINT),
    )


def upload(
    content: str | None = None,
    name: str = "guide.md",
    size: int = 1000,
    document: DocumentId | None = None,
    metadata: Metadata = EMPTY,
) -> Upload:
    """A file of that content, else one like no other."""
    sha256 = sha(f"file {next(_numbers)}" if content is None else content)
    blob = Blob(BlobKey(f"1/{sha256}"), sha256, size)
    return Upload(name, "text/markdown", blob, metadata, document)


def publication(
    job: Job,
    *texts: str,
    warnings: tuple[str, ...] = (),
    counts: Mapping[str, int] = NO_COUNTS,
    embedded: Sequence[str] | None = None,
    metadata: Metadata = EMPTY,
) -> Publication:
    """The job's result, a chunk per text; `embedded` are the texts whose vectors come along, by default all."""
    drafts = tuple(draft(text, page) for page, text in enumerate(texts, 1))
    vectors = {sha(text): embedding(text) for text in (texts if embedded is None else embedded)}
    return Publication(job, "Guide", "en", metadata, len(texts), drafts, warnings, counts, vectors)


def keep(here: World, job: Job, *texts: str) -> bool:
    """Write a large document's piece ahead, a chunk per text."""
    vectors = {sha(text): embedding(text) for text in texts}
    return here.publications.save_piece(job, [draft(text) for text in texts], vectors, Progress(0.5, 1, 2))


def draft(text: str, page: int = 1) -> ChunkDraft:
    regions = (Region(0, len(text), page, (1.0, 2.0, 3.5, 4.25), recognised=True),)
    return ChunkDraft(
        sha(text), "", text, ("Chapter", "Part"), ((0, len(text)),), regions, (page,), "en", 3, (f"A-{page}",)
    )


def embedding(text: str) -> PassageEmbedding:
    """Vectors that depend on the text alone."""
    vectors = np.random.default_rng(int(sha(text)[:8], 16)).normal(size=(2, DIM))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return PassageEmbedding(vectors[0].astype(np.float32), vectors[1:].astype(np.float16))


def parsed(title: str = "Guide") -> bytes:
    return dump(ParsedDocument(title, (), (), {"author": "Ada", "tags": ("a", "b")}, ()))


def at_once(work: Callable[[int], T], times: int, threads: int = 4) -> list[T]:
    """What the work gives for 0, 1, 2..., done side by side from the same moment on."""
    start = threading.Barrier(threads)

    def begin(number: int) -> T:
        if number < threads:
            start.wait(30)
        return work(number)

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(begin, range(times)))


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
