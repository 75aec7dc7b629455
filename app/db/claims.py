"""Claims: which jobs a worker is given next, and all that it needs to know of them."""

from collections.abc import Iterable, Sequence
from itertools import count
from typing import Any, Final

from sqlalchemy import Row, Select, exists, select, true
from sqlalchemy.orm import Session, aliased

from app.db import attempts, models
from app.db.metadata import from_json
from app.db.sql import epoch, unindexed
from ingestion.types import Blob, BlobKey, DocumentId, Job, JobId, VersionId, WorkerId
from retrieval.types import CollectionId

BESIDE: Final = 32
"""Jobs of re-indexes in one worker's hands."""

IS_ANY_DUE: Final = select(
    exists().where(
        ((models.Job.status == "queued") & (models.Job.run_after <= epoch()))
        | ((models.Job.status == "running") & (models.Job.lease_until < epoch()))
    )
)
"""An idle worker asks this and no more: it takes no lock, and is put together once."""


def in_hand(session: Session, worker: WorkerId) -> Sequence[Row[int, int, str | None, int]]:
    """What the worker holds already: attempts, their cap, the last error and the generation of each job."""
    return session.execute(
        select(models.Job.attempts, models.Job.max_attempts, models.Job.error_code, models.Job.generation)
        .where(models.Job.status == "running", models.Job.worker == worker)
        .where(models.Job.lease_until >= epoch())
    ).all()


def claimable(largest: int | None) -> Select[*tuple[Any, ...]]:
    """Jobs with all that a worker needs, without those that another claim is looking at."""
    fitting = models.Version.size <= largest if largest is not None else true()
    live = aliased(models.Version)
    return (
        select(
            models.Job.id,
            models.Job.status,
            models.Job.priority,
            models.Job.stage,
            models.Job.attempts,
            models.Job.max_attempts,
            models.Job.error_code,
            models.Job.error_message,
            models.Job.version_id,
            models.Document.id.label("document_id"),
            models.Version.name,
            models.Version.given_metadata.label("metadata"),
            models.Collection.id.label("collection_id"),
            models.Collection.generation,
            models.Collection.redact,
            models.Collection.fingerprint,
            models.Reindex.generation.label("beside"),
            models.Reindex.fingerprint.label("beside_fingerprint"),
            models.Version.blob_key,
            models.Version.sha256,
            models.Version.size,
            models.Version.media_type,
            live.name.label("former_name"),
        )
        .join(models.Version, models.Version.id == models.Job.version_id)
        .join(models.Document, models.Document.id == models.Job.document_id)
        .join(models.Collection, models.Collection.id == models.Document.collection_id)
        .outerjoin(live, live.id == models.Document.live_version_id)
        .outerjoin(
            models.Reindex,
            (models.Reindex.collection_id == models.Collection.id)
            & (models.Reindex.generation == models.Job.generation)
            & models.Reindex.cancelled_at.is_(None),
        )
        .where(fitting, (models.Job.generation == models.UPLOADED) | models.Reindex.generation.is_not(None))
        .with_for_update(of=models.Job, skip_locked=True)
    )


def queued(session: Session, claimable: Select[*tuple[Any, ...]], limit: int) -> list[Row[Any]]:
    """The most urgent jobs that are due, and the one that has waited longest."""
    due = claimable.where(models.Job.status == "queued", models.Job.run_after <= epoch())
    best = session.execute(due.order_by(models.Job.priority, models.Job.id).limit(limit)).all()
    if len(best) < limit:  # the oldest is among them
        return list(best)
    return [*best, *session.execute(due.order_by(unindexed(models.Job.id)).limit(1))]


def chosen(
    rows: Iterable[Row[Any]], in_hand: Sequence[Row[int, int, str | None, int]], limit: int, max_bytes: int
) -> list[Row[Any]]:
    """At most `limit` of the rows, in order, with `max_bytes` of files or one larger file.

    A job whose last attempt this is, after others ended in a dead worker, is taken alone.
    """
    room = BESIDE - sum(row.generation != models.UPLOADED for row in in_hand)
    found = {row.id: row for row in rows}
    taken: list[Row[Any]] = []
    total = 0
    for row in _with_room(_ordered(found.values()), room)[:limit]:
        is_suspect = row.status == "running" or row.error_code in attempts.SUSPECT
        is_alone = is_suspect and row.attempts + 1 >= row.max_attempts
        if (taken and total + row.size > max_bytes) or (is_alone and (taken or in_hand)):
            break
        taken.append(row)
        total += row.size
        if is_alone:
            break
    return taken


def job(row: Row[Any], worker: WorkerId) -> Job:
    """The job as its worker sees it, for the attempt that begins now."""
    return Job(
        id=JobId(row.id),
        worker=worker,
        attempt=row.attempts + 1,
        stage=row.stage,
        document=DocumentId(row.document_id),
        version=VersionId(row.version_id),
        collection=CollectionId(row.collection_id),
        generation=row.generation if row.beside is None else row.beside,
        fingerprint=row.fingerprint if row.beside is None else row.beside_fingerprint,
        blob=Blob(BlobKey(row.blob_key), row.sha256, row.size),
        media_type=row.media_type,
        name=row.name,
        metadata=from_json(row.metadata),
        redact=tuple(row.redact or ()),
        former_name=row.former_name if row.beside is None else None,
    )


def _ordered(rows: Iterable[Row[Any]]) -> list[Row[Any]]:
    """The one that has waited longest, then by priority and age."""
    by_age = sorted(rows, key=lambda row: row.id)
    return [*by_age[:1], *sorted(by_age[1:], key=lambda row: (row.priority, row.id))]


def _with_room(rows: Iterable[Row[Any]], room: int) -> list[Row[Any]]:
    """All but those of re-indexes for which there is no room: an upload is to find the worker's hands half empty."""
    places = count()
    return [row for row in rows if row.beside is None or next(places) < room]
