"""A collection as it leaves for another Openbook, and documents as they come from one."""

import base64
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import orjson
from sqlalchemy import Row, select, text
from sqlalchemy.orm import Session

from app.db import tables
from app.db.clock import Clock, utc_now
from app.db.database import Database
from app.db.library import registration
from app.db.library.collections import blackened
from app.db.library.documents import require_collection
from app.db.queue.jobs import JobStore
from app.db.sql import REGISTER_LOCK, lock
from ingestion.types import BlobKey, Job, Upload, WorkerId
from retrieval.errors import UnknownCollection
from retrieval.types import CollectionId

_STREAMED: Final = {"yield_per": 200}


@dataclass(frozen=True, slots=True)
class Leaving:
    """A document with a version that answers; `entry` is what the exchange says of it."""

    version: int
    blob: BlobKey
    entry: dict[str, Any]


@dataclass(frozen=True, slots=True)
class CollectionDump:
    """A collection at one instant, for as long as its transaction is open."""

    name: str
    fingerprint: str
    redact: list[str]
    blackened: list[str]
    created_at: datetime
    _id: int
    _generation: int
    _session: Session

    def documents(self) -> Iterator[Leaving]:
        """Those that answer, the oldest first."""
        statement = (
            select(tables.Document.name, tables.Document.metadata_.label("given"), tables.Version)
            .join(tables.Version, tables.Version.id == tables.Document.live_version_id)
            .where(tables.Document.collection_id == self._id)
            .order_by(tables.Document.id)
        )
        for name, given, version in self._session.execute(statement, execution_options=_STREAMED):
            yield Leaving(version.id, BlobKey(version.blob_key), _entry(name, given, version))
            self._session.expunge(version)

    def chunks(self, version: int) -> Iterator[bytes]:
        """A version's chunks in reading order with their vectors, as JSON; vectors are fp16 in base64."""
        statement = (
            select(tables.Chunk.text, tables.Chunk.headings, tables.Chunk.sentences, tables.Chunk.language)
            .add_columns(
                tables.Chunk.tokens, tables.Placement.pages, tables.Placement.regions, tables.Placement.page_labels
            )
            .add_columns(tables.Embedding.vector, tables.Embedding.sentence_vectors)
            .join(tables.Placement, tables.Placement.chunk_id == tables.Chunk.id)
            .join(tables.Embedding, tables.Embedding.id == tables.Chunk.embedding_id)
            .where(tables.Placement.version_id == version, tables.Placement.generation == self._generation)
            .order_by(tables.Placement.ordinal)
        )
        for row in self._session.connection().execute(statement, execution_options=_STREAMED):
            yield orjson.dumps(_chunk(row))

    def stay(self) -> None:
        """Say that the transaction is still needed: PostgreSQL ends one that is idle for too long."""
        self._session.execute(text("SELECT 1"))


@dataclass(frozen=True, slots=True)
class ExchangeStore:
    """What a collection's export reads, and how an import's documents get their rows."""

    db: Database
    jobs: JobStore
    job_max_attempts: int
    clock: Clock = utc_now

    @contextmanager
    def dump(self, collection: CollectionId) -> Generator[CollectionDump]:
        """All that is read in the block is of one instant. Raises UnknownCollection."""
        with self.db.snapshot() as session:
            row = session.get(tables.Collection, collection)
            if row is None:
                raise UnknownCollection(f"there is no collection {collection}")
            session.expunge(row)
            redact = row.redact or []
            made_with = sorted(blackened(row.pipeline) & set(redact))  # the rule may be younger than the chunks
            yield CollectionDump(
                row.name, row.fingerprint, redact, made_with, self.clock(), row.id, row.generation, session
            )

    def take(self, collection: CollectionId, upload: Upload, worker: WorkerId) -> Job | None:
        """Register an upload with its job in the worker's own hands; None where the same bytes are there already.

        Whoever dies over it leaves an upload like any other: its lease runs out, and a worker ingests it.
        """
        with self.db.write() as session:
            lock(session, REGISTER_LOCK)
            require_collection(session, collection)
            begun = registration.begin(session, collection, [upload], self.clock(), self.job_max_attempts)
            accepted = begun.add(upload)
            if accepted.duplicate:
                return None
            begun.write(session)
            return self.jobs.take(session, worker, accepted.document)


def _entry(name: str, given: dict[str, Any], version: tables.Version) -> dict[str, Any]:
    return {
        "name": name,
        "media_type": version.media_type,
        "sha256": version.sha256,
        "size": version.size,
        "given_metadata": given,
        "title": version.own_title,
        "metadata": version.own_metadata,
        "language": version.language or "",
        "pages": version.pages or 0,
        "warnings": version.warnings,
        "counts": version.counts or {},
    }


def _chunk(row: Row[Any]) -> dict[str, Any]:
    return {
        "text": row.text,
        "headings": row.headings,
        "sentences": row.sentences,
        "language": row.language,
        "tokens": row.tokens,
        "pages": row.pages,
        "regions": row.regions,
        "page_labels": row.page_labels or [],
        "vector": base64.b64encode(row.vector).decode(),
        "sentence_vectors": base64.b64encode(row.sentence_vectors).decode(),
    }
