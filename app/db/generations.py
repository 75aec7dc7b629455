"""A generation that is made beside the one that answers: what it lacks, what is written into it, and the switch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Select, delete, exists, func, select, update
from sqlalchemy.orm import Session

from app.db import descriptions, liveness, metadata, models
from app.db.clock import Clock
from app.db.contents import Rows, Shelf
from app.db.ids import new_id
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
        select(models.Reindex).where(models.Reindex.collection_id == collection, models.Reindex.cancelled_at.is_(None))
    ).one_or_none()
    if row is None:
        return None
    return Target(row.collection_id, row.generation, row.fingerprint, row.pipeline, row.planned_to)


def jobs(collection: int, generation: int) -> Select[str, int, str]:
    """The jobs of that generation which have not succeeded, of versions that answer."""
    return (
        select(models.Job.id, models.Job.version_id, models.Job.status)
        .join(models.Document, models.Document.live_version_id == models.Job.version_id)
        .where(models.Job.generation == generation, models.Document.collection_id == collection)
    )


def lacking(session: Session, to: Target, after: str, limit: int) -> list[tuple[str, int]]:
    """Documents, by id, with the answering versions that have neither a place in the generation nor a job for one."""
    placed = exists().where(
        models.Placement.version_id == models.Document.live_version_id, models.Placement.generation == to.generation
    )
    asked = exists().where(
        models.Job.version_id == models.Document.live_version_id, models.Job.generation == to.generation
    )
    rows = session.execute(
        select(models.Document.id, models.Document.live_version_id)
        .where(models.Document.collection_id == to.collection, models.Document.live_version_id.is_not(None))
        .where(models.Document.id > after, ~placed, ~asked)
        .order_by(models.Document.id)
        .limit(limit)
    )
    return [(document, version) for document, version in rows if version is not None]


def ask(session: Session, to: Target, lacks: Sequence[tuple[str, int]], max_attempts: int, now: datetime) -> None:
    """Queue a job for each, unless another worker has."""
    insert_missing(
        session,
        models.Job,
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
    session.execute(delete(models.Job).where(among(models.Job.id, done)))
    return done


def switch(session: Session, to: Target, clock: Clock) -> None:
    """From the commit on, this generation answers. The caller holds the collection, and nothing is lacking."""
    now = clock()
    _give_up(session, to)
    session.execute(
        delete(models.Job)
        .where(
            models.Job.generation == to.generation,
            models.Job.document_id.in_(
                select(models.Document.id).where(models.Document.collection_id == to.collection)
            ),
        )
        .execution_options(synchronize_session=False)
    )
    session.execute(delete(models.Reindex).where(models.Reindex.collection_id == to.collection))
    _recount(session, to)
    session.execute(
        update(models.Collection)
        .where(models.Collection.id == to.collection)
        .values(generation=to.generation, fingerprint=to.fingerprint, pipeline=to.pipeline, switched_at=now)
    )
    liveness.log(session, to.collection, to.generation, [(frozenset(), frozenset())], now)


def _give_up(session: Session, to: Target) -> None:
    """Versions whose job failed answer no more: they failed, as an upload of theirs would today."""
    failed = session.execute(
        select(models.Job.version_id, models.Job.document_id, models.Job.error_code, models.Job.error_message)
        .join(models.Document, models.Document.live_version_id == models.Job.version_id)
        .where(models.Job.generation == to.generation, models.Document.collection_id == to.collection)
    ).all()
    for version, document, code, message in failed:
        session.execute(update(models.Document).where(models.Document.id == document).values(live_version_id=None))
        session.execute(
            update(models.Job)
            .where(models.Job.version_id == version, models.Job.generation == models.UPLOADED)
            .values(status="failed", error_code=code, error_message=message)
        )
        session.execute(
            update(models.Version)
            .where(models.Version.id == version)
            .values(status="failed", error_code=code, error_message=message, published_at=None)
        )


def _recount(session: Session, to: Target) -> None:
    """A version shows how many chunks it has where it answers."""
    here = select(models.Document.live_version_id).where(
        models.Document.collection_id == to.collection, models.Document.live_version_id.is_not(None)
    )
    count = (
        select(func.count())
        .where(models.Placement.version_id == models.Version.id, models.Placement.generation == to.generation)
        .scalar_subquery()
    )
    session.execute(
        update(models.Version)
        .where(models.Version.id.in_(here))
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
    statement = select(models.Version.id, models.Version.counts).where(among(models.Version.id, ids))
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
    session.execute(delete(models.MetadataValue).where(among(models.MetadataValue.version_id, ids)))
    insert_all(session, models.MetadataValue, values)
