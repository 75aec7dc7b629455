"""Documents and their versions: registered, shown, restored, forgotten."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from app.db import tables
from app.db.clock import Clock, utc_now
from app.db.cursors import after_number
from app.db.database import Database
from app.db.errors import Conflict
from app.db.library import comparisons, descriptions, document_rows, listings, live_chunks, registration
from app.db.library.deletion import delete_document
from app.db.locks import hold_document
from app.db.sql import REGISTER_LOCK, among, last_given, lock, table
from app.db.types import (
    ChunkChange,
    ChunkRecord,
    Comparison,
    DocumentRecord,
    DocumentSort,
    Paged,
    VersionRecord,
)
from ingestion.errors import QueueFull, UnknownDocument
from ingestion.ports import DocumentRegister
from ingestion.types import Accepted, BlobKey, DocumentId, Metadata, Upload, VersionStatus
from retrieval.errors import UnknownCollection
from retrieval.types import CollectionId, Scope


@dataclass(frozen=True, slots=True)
class DocumentStore(DocumentRegister):
    """What people uploaded. A document outside the scope is as unknown as one that never was."""

    db: Database
    queue_max_jobs: int = 10_000
    job_max_attempts: int = 3
    queue_max_bytes: int = 1 << 40
    clock: Clock = utc_now

    def register(self, collection: CollectionId, uploads: Sequence[Upload]) -> list[Accepted]:
        """As the port says; "the same bytes" are those that a document answers with, or will when its job is done.

        A replacing upload renames its document and, where it brings metadata, replaces that; with the same bytes too.
        """
        with self.db.write() as session:
            lock(session, REGISTER_LOCK)
            require_collection(session, collection)
            begun = registration.begin(session, collection, uploads, self.clock(), self.job_max_attempts)
            accepted = [begun.add(upload) for upload in uploads]
            if begun.jobs:
                self._make_room(session, len(begun.jobs), sum(upload.blob.size for _, _, upload in begun.jobs))
                begun.write(session)
        for upload, outcome in zip(uploads, accepted, strict=True):
            if upload.document is not None and outcome.duplicate:
                self.describe(upload.document, upload.name, upload.metadata or None)
        return accepted

    def had_any(self) -> bool:
        """Whether there is a document, or ever was one, in any collection."""
        with self.db.read() as session:
            return last_given(session, table(tables.Version)) > 0

    def describe(self, id: DocumentId, name: str | None, metadata: Metadata | None) -> DocumentRecord:
        """Give a document another name or, in place of its own, other metadata; None leaves it. No version is made.

        Names, filters and hits follow at once, also those of a version under way. The headings by which passages are
        found hold the title as it was when the file was read. Raises UnknownDocument.
        """
        with self.db.write() as session:
            collection, _ = hold_document(session, id)
            descriptions.describe(session, id, name, metadata, self.clock())
            return _get(session, id, Scope(frozenset({CollectionId(collection)})))

    def forget(self, document: DocumentId) -> list[BlobKey]:
        """As the port says; gone are also its chunks, vectors and parsed text that nothing else holds."""
        with self.db.write() as session:
            collection, generation = hold_document(session, document)
            _, ceased = live_chunks.load(session, generation, [document], ()).switch(document, ())
            blobs = delete_document(session, collection, document)
            if ceased:
                live_chunks.log(session, collection, generation, [(frozenset(), ceased)], self.clock())
            return blobs

    def get(self, id: DocumentId, scope: Scope) -> DocumentRecord:
        """Raises UnknownDocument, for a foreign one too."""
        with self.db.read() as session:
            return _get(session, id, scope)

    def each(self, ids: Collection[DocumentId], scope: Scope) -> dict[DocumentId, DocumentRecord]:
        """Raises UnknownDocument if there is one of them that is not in the scope."""
        with self.db.read() as session:
            return _each(session, ids, scope)

    def page(
        self,
        scope: Scope,
        status: VersionStatus | None,
        q: str | None,
        limit: int,
        cursor: str | None,
        sort: DocumentSort = "-created",
    ) -> Paged[DocumentRecord]:
        """In the order of `sort`; `q` is looked for in name and title, `status` is the one that the record shows.

        Raises InvalidCursor.
        """
        found = listings.in_order(listings.ids(scope, status, q, sort), sort, limit, cursor)
        page = found.add_columns(listings.sort_key(sort).label("sort_value")).subquery()
        statement = document_rows.documents().add_columns(page.c.sort_value).join(page, page.c.id == tables.Document.id)
        falling = sort.startswith("-")
        places = (page.c.sort_value, page.c.id)
        with self.db.read() as session:
            rows = session.execute(statement.order_by(*(each.desc() if falling else each for each in places))).all()
        records = tuple(document_rows.document(row) for row in rows[:limit])
        return Paged(records, listings.cursor_of(rows[limit - 1], sort) if len(rows) > limit else None)

    def any_being_read(self, scope: Scope) -> bool:
        """Whether a version of a document waits to be read or is being read, also where one before still answers."""
        waiting = tables.UNREADY & tables.Version.status.in_(("queued", "processing"))
        found = select(tables.Version.id).join(tables.Document, tables.Document.id == tables.Version.document_id)
        within = among(tables.Document.collection_id, scope.collections)
        with self.db.read() as session:
            return session.scalar(found.where(waiting, within).limit(1)) is not None

    def versions(self, id: DocumentId, scope: Scope, limit: int, cursor: str | None) -> Paged[VersionRecord]:
        """Those that are kept, newest first. Raises UnknownDocument and InvalidCursor."""
        kept = tables.Version.retired_at.is_(None)
        statement = select(tables.Version).where(tables.Version.document_id == id, kept)
        if cursor is not None:
            statement = statement.where(tables.Version.number < after_number(cursor, "versions"))
        with self.db.read() as session:
            live = _live_version(session, id, scope)
            rows = session.scalars(statement.order_by(tables.Version.number.desc()).limit(limit + 1)).all()
            records = tuple(document_rows.version(row, live) for row in rows[:limit])
        return Paged(records, str(records[-1].number) if len(rows) > limit else None)

    def restore(self, id: DocumentId, number: int) -> DocumentRecord:
        """Let an earlier version answer again. Raises UnknownDocument, and Conflict for one that cannot.

        One that only an earlier index held is read again from its original: as a new version, which answers once it is
        ready. Raises QueueFull when there is no room for its job.
        """
        with self.db.write() as session:
            lock(session, REGISTER_LOCK)
            collection, generation = hold_document(session, id)
            version = session.scalars(
                select(tables.Version).where(
                    tables.Version.document_id == id,
                    tables.Version.number == number,
                    tables.Version.retired_at.is_(None),
                )
            ).one_or_none()
            if version is None:
                raise UnknownDocument(f"document {id} has no version {number}")
            chunks = session.scalars(
                select(tables.Placement.chunk_id).where(
                    tables.Placement.version_id == version.id, tables.Placement.generation == generation
                )
            ).all()
            if not chunks and version.status not in {"ready", "partial"}:
                raise Conflict(f"version {number} is {version.status} and cannot be restored: upload the file again")
            if not chunks:
                self._read_again(session, CollectionId(collection), version)
                return _get(session, id, Scope(frozenset({CollectionId(collection)})))
            switch = live_chunks.load(session, generation, [id], chunks).switch(id, chunks)
            session.execute(
                update(tables.Document)
                .where(tables.Document.id == id)
                .values(live_version_id=version.id, updated_at=self.clock())
            )
            descriptions.follow_live(session, [id])
            live_chunks.log(session, collection, generation, [switch], self.clock())
            return _get(session, id, Scope(frozenset({CollectionId(collection)})))

    def _read_again(self, session: Session, collection: CollectionId, version: tables.Version) -> None:
        document = DocumentId(version.document_id)
        upload = registration.as_uploaded(version)
        begun = registration.begin(session, collection, [upload], self.clock(), self.job_max_attempts)
        begun.given[document] = upload.metadata
        if not begun.add(upload).duplicate:
            self._make_room(session, 1, upload.blob.size)
            begun.write(session)

    def chunks(self, id: DocumentId, scope: Scope, limit: int, cursor: str | None) -> Paged[ChunkRecord]:
        """Those of the serving version, in reading order; none while none serves. Raises UnknownDocument."""
        after = -1 if cursor is None else after_number(cursor, "chunks")
        with self.db.read() as session:
            live = _live_version(session, id, scope)
            rows = session.execute(
                document_rows.placed_chunks()
                .join(tables.Collection, tables.Collection.id == tables.Chunk.collection_id)
                .where(tables.Placement.version_id == live)
                .where(tables.Placement.generation == tables.Collection.generation)
                .where(tables.Placement.ordinal > after)
                .order_by(tables.Placement.ordinal)
                .limit(limit + 1)
            ).all()
        records = tuple(document_rows.chunk(row) for row in rows[:limit])
        return Paged(records, str(records[-1].ordinal) if len(rows) > limit else None)

    def compare(
        self,
        id: DocumentId,
        scope: Scope,
        numbers: tuple[int, int],
        wanted: Collection[ChunkChange],
        limit: int,
        cursor: str | None,
    ) -> Comparison:
        """What became of the first version's chunks in the second, of the kinds that are wanted.

        Raises UnknownDocument, and Conflict for a version that has no chunks.
        """
        start = 0 if cursor is None else after_number(cursor, "a comparison")
        with self.db.snapshot() as session:
            _live_version(session, id, scope)
            return comparisons.compare(session, id, numbers, wanted, start, limit)

    def _make_room(self, session: Session, jobs: int, size: int) -> None:
        waiting, total = session.execute(
            select(func.count(), func.coalesce(func.sum(tables.Version.size), 0))
            .select_from(tables.Job)
            .join(tables.Version, tables.Version.id == tables.Job.version_id)
            .where(tables.Job.status.in_(("queued", "running")), tables.Job.generation == tables.UPLOADED)
        ).one()
        if waiting + jobs > self.queue_max_jobs:
            raise QueueFull(
                f"{waiting} files wait already, and {jobs} more would pass OPENBOOK_QUEUE_MAX_JOBS "
                f"({self.queue_max_jobs}): try again later"
            )
        waiting_bytes = int(total)  # PostgreSQL adds numbers up to a decimal
        if waiting_bytes + size > self.queue_max_bytes and waiting:
            raise QueueFull(
                f"files of {waiting_bytes >> 20} MiB wait already, and {size >> 20} MiB more would pass "
                f"OPENBOOK_QUEUE_MAX_MEBIBYTES ({self.queue_max_bytes >> 20}): try again later"
            )


def require_collection(session: Session, collection: CollectionId) -> None:
    """Hold the collection against deletion, not against publications."""
    found = (
        select(tables.Collection.id)
        .where(tables.Collection.id == collection)
        .with_for_update(read=True, key_share=True)
    )
    if session.execute(found).first() is None:
        raise UnknownCollection(f"there is no collection {collection}")


def _get(session: Session, id: DocumentId, scope: Scope) -> DocumentRecord:
    return _each(session, [id], scope)[id]


def _each(session: Session, ids: Collection[DocumentId], scope: Scope) -> dict[DocumentId, DocumentRecord]:
    wanted = among(tables.Document.id, ids), among(tables.Document.collection_id, scope.collections)
    found = map(document_rows.document, session.execute(document_rows.documents().where(*wanted)))
    records = {record.id: record for record in found}
    if unknown := sorted(set(ids) - records.keys()):
        raise UnknownDocument(f"there is no document {', '.join(unknown)}")
    return records


def _live_version(session: Session, id: DocumentId, scope: Scope) -> int | None:
    row = session.execute(
        select(tables.Document.live_version_id).where(
            tables.Document.id == id, among(tables.Document.collection_id, scope.collections)
        )
    ).one_or_none()
    if row is None:
        raise UnknownDocument(f"there is no document {id}")
    return row.live_version_id
