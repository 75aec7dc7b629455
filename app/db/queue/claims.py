"""Claims: which jobs a worker is given next, and all that it needs to know of them."""

from collections.abc import Iterable, Sequence
from itertools import count
from typing import Any, Final

from sqlalchemy import Row, Select, bindparam, exists, select, true
from sqlalchemy.orm import Session, aliased

from app.db import tables
from app.db.library.metadata import from_json
from app.db.queue import attempts
from app.db.sql import epoch, unindexed
from ingestion.types import Blob, BlobKey, DocumentId, Job, JobId, VersionId, WorkerId
from retrieval.types import CollectionId

BESIDE: Final = 32
"""Jobs of re-indexes in one worker's hands."""

IS_ANY_DUE: Final = select(
    exists().where(
        ((tables.Job.status == "queued") & (tables.Job.run_after <= epoch()))
        | ((tables.Job.status == "running") & (tables.Job.lease_until < epoch()))
    )
)
"""An idle worker asks this and no more: it takes no lock, and is put together once."""


def in_hand(session: Session, worker: WorkerId) -> Sequence[Row[int, int, str | None, int]]:
    """What the worker holds already: attempts, their cap, the last error and the generation of each job."""
    return session.execute(
        select(tables.Job.attempts, tables.Job.max_attempts, tables.Job.error_code, tables.Job.generation)
        .where(tables.Job.status == "running", tables.Job.worker == worker)
        .where(tables.Job.lease_until >= epoch())
    ).all()


def claimable(largest: int | None) -> Select[*tuple[Any, ...]]:
    """Jobs with all that a worker needs, without those that another claim is looking at."""
    fitting = tables.Version.size <= largest if largest is not None else true()
    live = aliased(tables.Version)
    return (
        select(
            tables.Job.id,
            tables.Job.status,
            tables.Job.priority,
            tables.Job.stage,
            tables.Job.attempts,
            tables.Job.max_attempts,
            tables.Job.error_code,
            tables.Job.error_message,
            tables.Job.version_id,
            tables.Document.id.label("document_id"),
            tables.Version.name,
            tables.Version.given_metadata.label("metadata"),
            tables.Collection.id.label("collection_id"),
            tables.Collection.generation,
            tables.Collection.redact,
            tables.Collection.fingerprint,
            tables.Reindex.generation.label("beside"),
            tables.Reindex.fingerprint.label("beside_fingerprint"),
            tables.Version.blob_key,
            tables.Version.sha256,
            tables.Version.size,
            tables.Version.media_type,
            live.name.label("former_name"),
        )
        .join(tables.Version, tables.Version.id == tables.Job.version_id)
        .join(tables.Document, tables.Document.id == tables.Job.document_id)
        .join(tables.Collection, tables.Collection.id == tables.Document.collection_id)
        .outerjoin(live, live.id == tables.Document.live_version_id)
        .outerjoin(
            tables.Reindex,
            (tables.Reindex.collection_id == tables.Collection.id)
            & (tables.Reindex.generation == tables.Job.generation)
            & tables.Reindex.cancelled_at.is_(None),
        )
        .where(fitting, (tables.Job.generation == tables.UPLOADED) | tables.Reindex.generation.is_not(None))
        .with_for_update(of=tables.Job, skip_locked=True)
    )


_OF_DOCUMENT = claimable(None).where(tables.Job.document_id == bindparam("document"))  # put together once


def of_document(session: Session, document: DocumentId) -> Sequence[Row[Any]]:
    """The jobs of a document, whether they are due or not."""
    return session.execute(_OF_DOCUMENT, {"document": document}).all()


def queued(session: Session, claimable: Select[*tuple[Any, ...]], limit: int) -> list[Row[Any]]:
    """The most urgent jobs that are due, and the one that has waited longest."""
    due = claimable.where(tables.Job.status == "queued", tables.Job.run_after <= epoch())
    best = session.execute(due.order_by(tables.Job.priority, tables.Job.id).limit(limit)).all()
    if len(best) < limit:  # the oldest is among them
        return list(best)
    return [*best, *session.execute(due.order_by(unindexed(tables.Job.id)).limit(1))]


def chosen(
    rows: Iterable[Row[Any]], in_hand: Sequence[Row[int, int, str | None, int]], limit: int, max_bytes: int
) -> list[Row[Any]]:
    """At most `limit` of the rows, in order, with `max_bytes` of files or one larger file.

    A job whose last attempt this is, after others ended in a dead worker, is taken alone.
    """
    room = BESIDE - sum(row.generation != tables.UPLOADED for row in in_hand)
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
