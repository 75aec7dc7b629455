"""A generation that is made beside the one that answers: what it lacks, what is written into it, and the switch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Select, delete, exists, func, select, update
from sqlalchemy.orm import Session

from app.db import tables
from app.db.clock import Clock
from app.db.ids import new_id
from app.db.index.contents import Rows, Shelf
from app.db.library import descriptions, live_chunks, metadata
from app.db.sql import among, insert_all, insert_missing
from ingestion.types import JobId, Publication

PRIORITY: Final = 100
"""Behind every upload's."""
UNFINISHED: Final = ("queued", "running")
_COUNTED_AMONG_OTHERS: Final = ("unchanged_chunks", "duplicate_chunks")


@dataclass(frozen=True, slots=True)
class Target:
    """The generation that is being made, and by what."""

    collection: int
    generation: int
    fingerprint: str
    pipeline: str
    planned_to: str


def target(session: Session, collection: int) -> Target | None:
    """None where nothing is being made, or where that was cancelled."""
    row = session.scalars(
        select(tables.Reindex).where(tables.Reindex.collection_id == collection, tables.Reindex.cancelled_at.is_(None))
    ).one_or_none()
    if row is None:
        return None
    return Target(row.collection_id, row.generation, row.fingerprint, row.pipeline, row.planned_to)


def jobs(collection: int, generation: int) -> Select[str, int, str]:
    """The jobs of that generation which have not succeeded, of versions that answer."""
    return (
        select(tables.Job.id, tables.Job.version_id, tables.Job.status)
        .join(tables.Document, tables.Document.live_version_id == tables.Job.version_id)
        .where(tables.Job.generation == generation, tables.Document.collection_id == collection)
    )


def lacking(session: Session, to: Target, after: str, limit: int) -> list[tuple[str, int]]:
    """Documents, by id, with the answering versions that have neither a place in the generation nor a job for one."""
    placed = exists().where(
        tables.Placement.version_id == tables.Document.live_version_id, tables.Placement.generation == to.generation
    )
    asked = exists().where(
        tables.Job.version_id == tables.Document.live_version_id, tables.Job.generation == to.generation
    )
    rows = session.execute(
        select(tables.Document.id, tables.Document.live_version_id)
        .where(tables.Document.collection_id == to.collection, tables.Document.live_version_id.is_not(None))
        .where(tables.Document.id > after, ~placed, ~asked)
        .order_by(tables.Document.id)
        .limit(limit)
    )
    return [(document, version) for document, version in rows if version is not None]


def ask(session: Session, to: Target, lacks: Sequence[tuple[str, int]], max_attempts: int, now: datetime) -> None:
    """Queue a job for each, unless another worker has."""
    insert_missing(
        session,
        tables.Job,
        [
            {
                "id": new_id("job"),
                "document_id": document,
                "version_id": version,
                "generation": to.generation,
                "status": "queued",
                "stage": "publish",  # what was parsed before is read again only by another parser
                "priority": PRIORITY,
                "attempts": 0,
                "max_attempts": max_attempts,
                "run_after": 0.0,
                "progress": 0.0,
                "cancel_requested": False,
                "created_at": now,
                "updated_at": now,
            }
            for document, version in lacks
        ],
    )


def publish(
    session: Session, shelf: Shelf, publications: Sequence[Publication], rows: Rows, chunks: Mapping[str, int]
) -> set[JobId]:
    """Give versions their places in the generation and end the jobs; nothing of it answers before the switch."""
    shelf.placements(publications, rows, chunks)
    _retell(session, publications)
    done = {publication.job.id for publication in publications}
    session.execute(delete(tables.Job).where(among(tables.Job.id, done)))
    return done


def switch(session: Session, to: Target, clock: Clock) -> None:
    """From the commit on, this generation answers. The caller holds the collection, and nothing is lacking."""
    now = clock()
    _give_up(session, to)
    session.execute(
        delete(tables.Job)
        .where(
            tables.Job.generation == to.generation,
            tables.Job.document_id.in_(
                select(tables.Document.id).where(tables.Document.collection_id == to.collection)
            ),
        )
        .execution_options(synchronize_session=False)
    )
    session.execute(delete(tables.Reindex).where(tables.Reindex.collection_id == to.collection))
    _recount(session, to)
    session.execute(
        update(tables.Collection)
        .where(tables.Collection.id == to.collection)
        .values(generation=to.generation, fingerprint=to.fingerprint, pipeline=to.pipeline, switched_at=now)
    )
    live_chunks.log(session, to.collection, to.generation, [(frozenset(), frozenset())], now)


def _give_up(session: Session, to: Target) -> None:
    """Versions whose job failed answer no more: they failed, as an upload of theirs would today."""
    failed = session.execute(
        select(tables.Job.version_id, tables.Job.document_id, tables.Job.error_code, tables.Job.error_message)
        .join(tables.Document, tables.Document.live_version_id == tables.Job.version_id)
        .where(tables.Job.generation == to.generation, tables.Document.collection_id == to.collection)
    ).all()
    for version, document, code, message in failed:
        session.execute(update(tables.Document).where(tables.Document.id == document).values(live_version_id=None))
        session.execute(
            update(tables.Job)
            .where(tables.Job.version_id == version, tables.Job.generation == tables.UPLOADED)
            .values(status="failed", error_code=code, error_message=message)
        )
        session.execute(
            update(tables.Version)
            .where(tables.Version.id == version)
            .values(status="failed", error_code=code, error_message=message, published_at=None)
        )


def _recount(session: Session, to: Target) -> None:
    """A version shows how many chunks it has where it answers."""
    here = select(tables.Document.live_version_id).where(
        tables.Document.collection_id == to.collection, tables.Document.live_version_id.is_not(None)
    )
    count = (
        select(func.count())
        .where(tables.Placement.version_id == tables.Version.id, tables.Placement.generation == to.generation)
        .scalar_subquery()
    )
    session.execute(
        update(tables.Version)
        .where(tables.Version.id.in_(here))
        .values(chunks=count)
        .execution_options(synchronize_session=False)
    )


def _counted(before: Mapping[str, int], now: Mapping[str, int]) -> dict[str, int]:
    """What is counted now, and what was counted against other versions and documents when this one was published."""
    kept = {step: count for step, count in before.items() if step in _COUNTED_AMONG_OTHERS}
    return kept | {step: count for step, count in now.items() if count}


def _retell(session: Session, publications: Sequence[Publication]) -> None:
    """What each version shows of its file, as it is read now."""
    ids = [publication.job.version for publication in publications]
    statement = select(tables.Version.id, tables.Version.counts).where(among(tables.Version.id, ids))
    before: dict[int, dict[str, int]] = {row.id: row.counts or {} for row in session.execute(statement)}
    rows = [
        {
            **descriptions.of_file(publication),
            "counts": _counted(before[publication.job.version], publication.counts),
        }
        for publication in publications
    ]
    descriptions.tell(session, ids, rows)
    values: list[Mapping[str, object]] = []
    for publication in publications:
        job = publication.job
        values += metadata.filter_rows(job.version, metadata.merged(publication.metadata, job.metadata))
    session.execute(delete(tables.MetadataValue).where(among(tables.MetadataValue.version_id, ids)))
    insert_all(session, tables.MetadataValue, values)
