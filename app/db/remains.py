"""What nothing refers to any more, deleted in transactions too short for anybody to wait for.

Each step looks for some rows without a lock, and deletes them in a transaction that asks again whether they may go. A
crash between two leaves rows that the next sweep finds; several workers at once do the same work once. Transactions
hold the collection, as publications do: none refers to a chunk while it is being deleted.
"""

import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, TypeAlias

from sqlalchemy import ColumnElement, Row, Select, and_, delete, exists, func, or_, select, tuple_, update
from sqlalchemy.orm import Session

from app.db import tables
from app.db.clock import Clock, utc_now
from app.db.database import Database
from app.db.index.publications import reading
from app.db.library.deletion import delete_chunks, delete_parsed, delete_pieces, drop_blobs
from app.db.library.registration import PENDING
from app.db.locks import hold_collections, hold_document
from app.db.people.idempotency import KEPT
from app.db.sql import SWEEP_LOCK, Column, among, changed, lock, unindexed
from ingestion.errors import UnknownDocument
from ingestion.ports import Remains
from ingestion.types import BlobKey

ROWS: Final = 500
"""Deleted in one transaction: some milliseconds of SQLite's only write lock."""
PARSED: Final = 20
"""The same for parsed files, each of which may be megabytes."""
LOG_KEPT: Final = timedelta(days=7)
LOG_ROWS: Final = 1000
"""Changes that are younger, or among a collection's last so many, stay: following them costs less than a rebuild."""
INDEX_KEPT: Final = timedelta(hours=1)
"""After a switch, processes go on asking the index before until they have built the new one."""
RETRY_KEPT: Final = timedelta(days=1)
"""How long the vectors and chunks of a failed or cancelled job wait for its retry."""
UNFINISHED: Final = ("queued", "running")
FINISHED: Final = ("succeeded", "failed", "cancelled")
LONGEST_PAUSE_SECONDS: Final = 1.0

Deletions: TypeAlias = Iterator[int]
"""One number per transaction: how many rows it deleted."""


@dataclass(frozen=True, slots=True)
class RemainsStore(Remains):
    """`parser` is the parsers' version; of each document, `keep_versions` that can be restored are kept."""

    db: Database
    parser: str
    keep_versions: int = 10
    clock: Clock = utc_now

    def sweep(self, goes_on: Callable[[], bool]) -> Mapping[str, int]:
        steps = {
            "versions": self._retire_versions,
            "placements": self._empty_versions,
            "placements of other generations": self._empty_generations,
            "chunks": self._delete_chunks,
            "vectors": self._delete_vectors,
            "parsed files": self._delete_parsed,
            "changes": self._shorten_logs,
            "jobs": self._delete_jobs,
            "replies": self._delete_replies,
            "credentials": self._delete_credentials,
        }
        counts: Counter[str] = Counter()
        for name, step in steps.items():
            if not goes_on():
                break
            began = time.monotonic()
            for deleted in step():
                counts[name] += deleted
                if not goes_on():
                    break
                time.sleep(min(time.monotonic() - began, LONGEST_PAUSE_SECONDS))  # whoever waits has as long a turn
                began = time.monotonic()
        self.db.truncate_journal()
        return +counts

    def dropped(self, limit: int) -> list[BlobKey]:
        with self.db.read() as session:
            return [BlobKey(key) for key in session.scalars(select(tables.DroppedBlob.key).limit(limit))]

    def settle(self, keys: Sequence[BlobKey]) -> None:
        with self.db.write() as session:
            session.execute(delete(tables.DroppedBlob).where(among(tables.DroppedBlob.key, keys)))

    def referenced(self, keys: Sequence[BlobKey]) -> set[BlobKey]:
        with self.db.read() as session:
            found = session.scalars(select(tables.Version.blob_key).where(among(tables.Version.blob_key, keys)))
            return {BlobKey(key) for key in found}

    def _retire_versions(self) -> Deletions:
        """Those past the number that is kept can be restored no longer; what hangs on them goes piece by piece."""
        many = (
            select(tables.Version.document_id)
            .group_by(tables.Version.document_id)
            .having(func.count() > self.keep_versions)
        )
        for page in self._pages(many, tables.Version.document_id):
            for (document,) in page:
                with self._alone() as session:
                    retired = _retire(session, document, self.keep_versions, self.clock())
                yield retired

    def _empty_versions(self) -> Deletions:
        retired = (
            select(tables.Version.id, tables.Document.collection_id)
            .join(tables.Document, tables.Document.id == tables.Version.document_id)
            .where(tables.Version.retired_at.is_not(None))
        )
        for page in self._pages(retired, tables.Version.id):
            for version in page:
                for generation in self._generations(version.id):
                    yield from self._empty(version.collection_id, version.id, generation)
                with self._alone() as session:
                    hold_collections(session, [version.collection_id])
                    _delete_version(session, version.collection_id, version.id)
                yield 0

    def _empty_generations(self) -> Deletions:
        """Placements of a generation that neither answers nor is being made, nor answered a moment ago."""
        for collection in self._collections():
            with self.db.read() as session:
                kept = kept_generations(session, collection)  # read first: a switch right after it is recent below
                if _switched_after(session, collection, self.clock() - INDEX_KEPT):
                    continue
            stale = (
                select(tables.Placement.version_id)
                .join(tables.Version, tables.Version.id == tables.Placement.version_id)
                .join(tables.Document, tables.Document.id == tables.Version.document_id)
                .where(tables.Document.collection_id == collection, ~among(tables.Placement.generation, kept))
                .distinct()
            )
            for page in self._pages(stale, tables.Placement.version_id):
                for (version,) in page:
                    for generation in set(self._generations(version)) - kept:
                        yield from self._empty(collection, version, generation)

    def _empty(self, collection: int, version: int, generation: int) -> Deletions:
        """A version's placements in one generation, with the chunks that stand nowhere else."""
        mine = and_(tables.Placement.version_id == version, tables.Placement.generation == generation)
        beyond = select(tables.Placement.ordinal).where(mine).order_by(tables.Placement.ordinal).offset(ROWS).limit(1)
        retired = exists().where(tables.Version.id == version, tables.Version.retired_at.is_not(None))
        while True:
            with self._alone() as session:
                hold_collections(session, [collection])
                if generation in kept_generations(session, collection) and not session.scalar(select(retired)):
                    return
                end = session.scalar(beyond)
                some = mine if end is None else and_(mine, tables.Placement.ordinal < end)
                chunks = session.scalars(
                    delete(tables.Placement)
                    .where(some)
                    .returning(tables.Placement.chunk_id)
                    .execution_options(synchronize_session=False)
                ).all()
                delete_chunks(session, list(set(chunks)))
            yield len(chunks)
            if end is None:
                return

    def _delete_chunks(self) -> Deletions:
        """Those that stand nowhere and that no job will place: a large document's are written ahead, like vectors."""
        stands = exists().where(tables.Placement.chunk_id == tables.Chunk.id)
        ahead = exists().where(tables.Embedding.id == tables.Chunk.embedding_id, self._is_awaited())
        orphans = select(tables.Chunk.id, tables.Chunk.collection_id).where(~stands, ~ahead)
        for rows in self._pages(orphans, tables.Chunk.id):
            with self._alone() as session:
                hold_collections(session, {chunk.collection_id for chunk in rows})
                deleted = delete_chunks(session, [chunk.id for chunk in rows])
            yield deleted

    def _delete_vectors(self) -> Deletions:
        """Those that no chunk uses and no job will: large documents' are written ahead, and a retry finds them."""
        used = exists().where(tables.Chunk.embedding_id == tables.Embedding.id)
        unused = and_(~used, ~self._is_awaited())
        orphans = select(tables.Embedding.id, tables.Embedding.collection_id).where(unused)
        for rows in self._pages(orphans, tables.Embedding.id):
            with self._alone() as session:
                hold_collections(session, {vector.collection_id for vector in rows})
                these = delete(tables.Embedding).where(among(tables.Embedding.id, [row.id for row in rows]), unused)
                deleted = changed(session.execute(these.execution_options(synchronize_session=False)))
            yield deleted

    def _is_awaited(self) -> ColumnElement[bool]:
        """Of a vector: whether the job that it was written for is under way, or may be tried again."""
        return exists().where(
            tables.Job.id == tables.Embedding.job_id,
            or_(tables.Job.status.in_(UNFINISHED), tables.Job.updated_at >= self.clock() - RETRY_KEPT),
        )

    def _delete_parsed(self) -> Deletions:
        """Of files that no version has any more, and those that would be read differently today."""
        blob = tables.ParsedBlob
        needed = exists().where(
            tables.Version.sha256 == blob.sha256,
            tables.Document.id == tables.Version.document_id,
            unindexed(tables.Document.collection_id) == blob.collection_id,
        )
        with self.db.read() as session:
            today = session.execute(select(tables.Collection.id, tables.Collection.redact)).all()
        for collection, redact in today:
            other = blob.parser != reading(self.parser, redact or ())
            useless = and_(blob.collection_id == collection, or_(other, ~needed))
            yield from self._delete_by_key(blob, (blob.collection_id, blob.sha256, blob.parser), useless, PARSED)

    def _shorten_logs(self) -> Deletions:
        """Whoever lies behind what is left of a log learns of it there, and rebuilds."""
        change = tables.Change
        for collection in self._collections():
            kept_from = select(tables.Collection.seq - LOG_ROWS).where(tables.Collection.id == collection)
            old = select(func.max(change.seq)).where(
                change.collection_id == collection,
                change.created_at < self.clock() - LOG_KEPT,
                change.seq <= kept_from.scalar_subquery(),
            )
            with self.db.read() as session:
                to = session.scalar(old)
            if to is not None:
                for rows in self._pages(
                    select(change.seq).where(change.collection_id == collection, change.seq <= to), change.seq
                ):
                    with self._alone() as session:
                        hold_collections(session, [collection])
                        deleted = _shorten_log(session, collection, rows[-1][0])
                    yield deleted

    def _delete_jobs(self) -> Deletions:
        """Finished jobs of a re-index that is over; those of uploads go with their versions."""
        job = tables.Job
        being_made = exists().where(
            tables.Document.id == job.document_id,
            tables.Reindex.collection_id == tables.Document.collection_id,
            tables.Reindex.generation == job.generation,
        )
        over = and_(job.generation != tables.UPLOADED, job.status.in_(FINISHED), ~being_made)
        return self._delete_by_key(job, (job.id,), over)

    def _delete_replies(self) -> Deletions:
        reply = tables.Idempotency
        return self._delete_by_key(reply, (reply.key_id, reply.idempotency_key), reply.created_at < self.clock() - KEPT)

    def _delete_credentials(self) -> Deletions:
        return self._delete_by_key(tables.Key, (tables.Key.id,), tables.Key.expires_at <= self.clock())

    def _delete_by_key(
        self, model: type[tables.Base], key: Sequence[Column], useless: ColumnElement[bool], limit: int = ROWS
    ) -> Deletions:
        while True:
            with self.db.read() as session:
                rows = session.execute(select(*key).where(useless).limit(limit)).all()
            if rows:
                these = delete(model).where(tuple_(*key).in_([tuple(row) for row in rows]), useless)
                with self._alone() as session:
                    deleted = changed(session.execute(these.execution_options(synchronize_session=False)))
                yield deleted
            if len(rows) < limit:
                return

    def _collections(self) -> list[int]:
        with self.db.read() as session:
            return list(session.scalars(select(tables.Collection.id)))

    def _generations(self, version: int) -> list[int]:
        mine = select(tables.Placement.generation).where(tables.Placement.version_id == version).distinct()
        with self.db.read() as session:
            return list(session.scalars(mine))

    def _pages(self, statement: Select[*tuple[Any, ...]], first: Column) -> Iterator[Sequence[Row[Any]]]:
        """The rows by their first column, some at a time; what is deleted meanwhile costs no row of the rest."""
        rest = statement
        while True:
            with self.db.read() as session:
                rows = session.connection().execute(rest.order_by(first).limit(ROWS)).all()
            if rows:
                yield rows
            if len(rows) < ROWS:
                return
            rest = statement.where(first > rows[-1][0])

    @contextmanager
    def _alone(self) -> Generator[Session]:
        """A transaction that no other sweeper's overlaps: two would wait for each other's rows in a circle."""
        with self.db.write() as session:
            lock(session, SWEEP_LOCK)
            yield session


def _retire(session: Session, document: str, keep: int, now: datetime) -> int:
    """Mark the versions that are too old; never the one that answers, the newest, or one that is being worked on."""
    try:
        hold_document(session, document)
    except UnknownDocument:
        return 0
    version = tables.Version
    ranked = (
        select(version.id, version.number, version.status)
        .add_columns(
            func.row_number()
            .over(partition_by=version.published_at.is_(None), order_by=version.number.desc())
            .label("place")
        )
        .where(version.document_id == document)
        .subquery()
    )
    live = select(tables.Document.live_version_id).where(tables.Document.id == document).scalar_subquery()
    newest = select(func.max(version.number)).where(version.document_id == document).scalar_subquery()
    old = session.scalars(
        select(ranked.c.id).where(
            ranked.c.place > keep,
            ranked.c.number != newest,
            ranked.c.id.is_distinct_from(live),
            ranked.c.status.not_in(PENDING),
        )
    ).all()
    over = delete(tables.Job).where(among(tables.Job.version_id, old), tables.Job.status.in_(FINISHED))
    jobs = session.scalars(over.returning(tables.Job.id).execution_options(synchronize_session=False)).all()
    delete_pieces(session, jobs)
    works = exists().where(tables.Job.version_id == version.id)  # one that was just tried again
    retired = update(version).where(among(version.id, old), version.retired_at.is_(None), ~works)
    return changed(session.execute(retired.values(retired_at=now).execution_options(synchronize_session=False)))


def _delete_version(session: Session, collection: int, version: int) -> None:
    gone = session.execute(
        delete(tables.Version)
        .where(tables.Version.id == version)
        .returning(tables.Version.blob_key, tables.Version.sha256)
        .execution_options(synchronize_session=False)
    ).one_or_none()
    if gone is not None:
        delete_parsed(session, collection, {gone.sha256})
        drop_blobs(session, [gone.blob_key])


def kept_generations(session: Session, collection: int) -> set[int]:
    """The one that answers, and the one that is being made, if there is one."""
    answers = select(tables.Collection.generation).where(tables.Collection.id == collection)
    is_made = select(tables.Reindex.generation).where(tables.Reindex.collection_id == collection)
    return set(session.scalars(answers.union_all(is_made)))


def _switched_after(session: Session, collection: int, moment: datetime) -> bool:
    switched = session.scalar(select(tables.Collection.switched_at).where(tables.Collection.id == collection))
    return switched is not None and switched >= moment


def _shorten_log(session: Session, collection: int, to: int) -> int:
    start = update(tables.Collection).where(tables.Collection.id == collection, tables.Collection.log_start <= to)
    session.execute(start.values(log_start=to + 1).execution_options(synchronize_session=False))
    old = delete(tables.Change).where(tables.Change.collection_id == collection, tables.Change.seq <= to)
    return changed(session.execute(old.execution_options(synchronize_session=False)))
