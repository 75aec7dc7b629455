"""Re-indexing: a collection's next generation, begun, shown, cancelled, and brought to its end by the workers."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from sqlalchemy import Row, delete, exists, func, select, update
from sqlalchemy.orm import Session

from app.db import tables
from app.db.clock import Clock, utc_now
from app.db.database import Database
from app.db.errors import Conflict, UnknownReindex
from app.db.index import generations
from app.db.index.generations import UNFINISHED, Target
from app.db.library.collections import pipeline_of
from app.db.sql import among
from app.db.types import FailedDocument, ReindexRecord, ReindexStatus
from ingestion.types import DocumentId
from retrieval.errors import UnknownCollection

QUEUED_MOST: Final = 256
"""Jobs of one collection that wait at once: the queue is not to be filled by what nobody waits for."""
QUEUED_LEAST: Final = 128  # jobs that a re-index keeps in the queue
RESUMABLE: Final = timedelta(hours=1)
"""How long what a cancelled re-index has made is kept for another."""
SHOWN_FAILURES: Final = 20  # documents of a re-index that failed


@dataclass(frozen=True, slots=True)
class ReindexStore:
    """`pipeline` is what parses and cuts today. Every step is a transaction, and each finds what the last one left."""

    db: Database
    pipeline: str
    max_attempts: int = 3
    clock: Clock = utc_now

    def begin(self, name: str, fingerprint: str) -> ReindexRecord:
        """Make the next generation with that embedder, or go on with it where it was cancelled or stopped.

        Raises UnknownCollection.
        """
        with self.db.write() as session:
            collection = _hold(session, name)
            pipeline = pipeline_of(self.pipeline, collection.redact)
            row = session.get(tables.Reindex, collection.id)
            if row is None:
                highest = _highest_generation(session, collection.id) or collection.generation
                row = tables.Reindex(collection_id=collection.id, generation=max(highest, collection.generation))
                session.add(row)
                is_other = True
            else:
                is_other = (row.fingerprint, row.pipeline) != (fingerprint, pipeline)
                _drop_jobs(session, row, ("failed", "cancelled", *(UNFINISHED if is_other else ())))
            if is_other:
                row.generation += 1
                row.fingerprint, row.pipeline, row.started_at = fingerprint, pipeline, self.clock()
            row.planned_to, row.cancelled_at = "", None
            session.flush()
            return _record(session, row, name)

    def get(self, name: str) -> ReindexRecord:
        """Raises UnknownCollection, and UnknownReindex where none is under way."""
        with self.db.read() as session:
            return _record(session, _row(session, name), name)

    def under_way(self) -> dict[str, ReindexRecord]:
        """Those of all collections, by name."""
        statement = select(tables.Reindex, tables.Collection.name).join(
            tables.Collection, tables.Collection.id == tables.Reindex.collection_id
        )
        with self.db.read() as session:
            return {name: _record(session, row, name) for row, name in session.execute(statement).all()}

    def cancel(self, name: str) -> ReindexRecord:
        """In force at once; begun again within the hour, it goes on where it was. Raises as `get` does."""
        with self.db.write() as session:
            _hold(session, name)
            row = _row(session, name)
            _drop_jobs(session, row, (*UNFINISHED, "failed", "cancelled"))
            row.cancelled_at = row.cancelled_at or self.clock()
            session.flush()
            return _record(session, row, name)

    def switch_without_failed(self, name: str) -> ReindexRecord:
        """Let it answer though some documents failed, which then answer no more; gives what it was.

        Raises as `get` does, and Conflict until it has stopped.
        """
        with self.db.write() as session:
            collection = _hold(session, name)
            record = _record(session, _row(session, name), name)
            to = generations.target(session, collection.id)
            if record.status != "stopped" or to is None:
                raise Conflict(f"the re-index of {name!r} is {record.status}: only one that has stopped can be forced")
            generations.switch(session, to, self.clock)
            return record

    def advance(self) -> bool:
        """Queue what is lacking, switch what lacks nothing, forget what was cancelled long ago; whether it did any."""
        with self.db.read() as session:
            collections = session.scalars(select(tables.Reindex.collection_id)).all()
        advanced = [self._advance(collection) for collection in collections]
        return any(advanced)

    def _advance(self, collection: int) -> bool:
        with self.db.read() as session:
            to = generations.target(session, collection)
            if to is None:
                return self._forget(collection)
            statuses = [job.status for job in session.execute(generations.jobs(collection, to.generation))]
            active = sum(status in UNFINISHED for status in statuses)
            if active >= QUEUED_LEAST:
                return False
            lacks = generations.lacking(session, to, to.planned_to, QUEUED_MOST)
            if not lacks and not active:  # new versions of documents that were passed already
                lacks = generations.lacking(session, to, "", QUEUED_MOST)
        if lacks:
            return self._ask(collection, to, lacks)
        return not statuses and self._switch(collection, to)

    def _ask(self, collection: int, to: Target, lacks: list[tuple[str, int]]) -> bool:
        with self.db.write() as session:
            _hold_id(session, collection)
            if generations.target(session, collection) != to:
                return False  # another worker was faster, or it was cancelled
            still = select(tables.Document.id, tables.Document.live_version_id).where(
                among(tables.Document.id, [document for document, _ in lacks])
            )
            live = {(document, version) for document, version in session.execute(still)}
            generations.ask(session, to, [each for each in lacks if each in live], self.max_attempts, self.clock())
            session.execute(
                update(tables.Reindex)
                .where(tables.Reindex.collection_id == collection)
                .values(planned_to=max(to.planned_to, lacks[-1][0]))
            )
        return True

    def _switch(self, collection: int, to: Target) -> bool:
        with self.db.write() as session:
            _hold_id(session, collection)
            whole = (
                generations.target(session, collection) == to
                and session.execute(generations.jobs(collection, to.generation).limit(1)).first() is None
                and not generations.lacking(session, to, "", 1)
            )
            if whole:
                generations.switch(session, to, self.clock)
            return whole

    def _forget(self, collection: int) -> bool:
        """Then nothing keeps its chunks from the sweep."""
        old = delete(tables.Reindex).where(
            tables.Reindex.collection_id == collection, tables.Reindex.cancelled_at < self.clock() - RESUMABLE
        )
        with self.db.write() as session:
            session.execute(old)
        return False


def _hold(session: Session, name: str) -> Row[int, int, list[str] | None]:
    """As publications do, so that none comes in between."""
    row = session.execute(
        select(tables.Collection.id, tables.Collection.generation, tables.Collection.redact)
        .where(tables.Collection.name == name)
        .with_for_update(key_share=True)
    ).one_or_none()
    if row is None:
        raise UnknownCollection(f"there is no collection named {name!r}")
    return row


def _hold_id(session: Session, collection: int) -> None:
    session.execute(
        select(tables.Collection.id).where(tables.Collection.id == collection).with_for_update(key_share=True)
    )


def _highest_generation(session: Session, collection: int) -> int | None:
    """Of any chunk that is there: what a forgotten re-index made is another embedder's until the sweep has come."""
    return session.scalar(select(func.max(tables.Chunk.generation)).where(tables.Chunk.collection_id == collection))


def _row(session: Session, name: str) -> tables.Reindex:
    collection = session.scalar(select(tables.Collection.id).where(tables.Collection.name == name))
    if collection is None:
        raise UnknownCollection(f"there is no collection named {name!r}")
    row = session.get(tables.Reindex, collection)
    if row is None:
        raise UnknownReindex(f"the collection {name!r} is not being re-indexed")
    return row


def _drop_jobs(session: Session, row: tables.Reindex, statuses: tuple[str, ...]) -> None:
    """Their fences go with them: whoever works on one writes nothing any more."""
    mine = select(tables.Document.id).where(tables.Document.collection_id == row.collection_id)
    which = (
        tables.Job.generation == row.generation,
        tables.Job.document_id.in_(mine),
        tables.Job.status.in_(statuses),
    )
    ids = session.scalars(select(tables.Job.id).where(*which).order_by(tables.Job.id).with_for_update()).all()
    session.execute(delete(tables.Job).where(among(tables.Job.id, ids)))


def _record(session: Session, row: tables.Reindex, name: str) -> ReindexRecord:
    here = (tables.Document.collection_id == row.collection_id, tables.Document.live_version_id.is_not(None))
    placed = exists().where(
        tables.Placement.version_id == tables.Document.live_version_id, tables.Placement.generation == row.generation
    )
    documents = session.execute(select(func.count()).select_from(tables.Document).where(*here)).scalar_one()
    done = session.execute(select(func.count()).select_from(tables.Document).where(*here, placed)).scalar_one()
    failed = generations.jobs(row.collection_id, row.generation).where(tables.Job.status.in_(("failed", "cancelled")))
    count = session.execute(select(func.count()).select_from(failed.subquery())).scalar_one()
    told = session.execute(
        failed.add_columns(tables.Document.id, tables.Document.name, tables.Job.error_code, tables.Job.error_message)
        .order_by(tables.Document.id)
        .limit(SHOWN_FAILURES)
    )
    status: ReindexStatus = "running"
    if row.cancelled_at is not None:
        status = "cancelled"
    elif count and done + count >= documents:
        status = "stopped"
    return ReindexRecord(
        collection=name,
        generation=row.generation,
        fingerprint=row.fingerprint,
        status=status,
        documents=documents,
        done=done,
        failed=count,
        failures=tuple(FailedDocument(DocumentId(each[3]), each[4], each[5] or "", each[6] or "") for each in told),
        started_at=row.started_at,
    )
