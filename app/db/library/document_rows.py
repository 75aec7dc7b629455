"""Documents and versions as the API shows them, read in one statement each."""

from functools import cache
from typing import Any

from sqlalchemy import Row, Select, func, select
from sqlalchemy.orm import aliased

from app.db import tables
from app.db.library.metadata import from_json
from app.db.sql import filled
from app.db.types import ChunkRecord, DocumentRecord, VersionRecord
from ingestion.types import BlobKey, DocumentId, JobId, VersionId
from retrieval.regions import region_of
from retrieval.types import ChunkId

Shown = filled(aliased(tables.Version, name="shown"))
"""The version that serves, or the latest while none serves yet."""
_Latest = filled(aliased(tables.Version, name="latest"))


@cache
def documents() -> Select[*tuple[Any, ...]]:
    """Every document with its collection, the version it shows, its latest version and that one's job.

    It is put together once, which takes longer than to run it.
    """
    numbers = aliased(tables.Version)
    latest = select(func.max(numbers.number)).where(numbers.document_id == tables.Document.id).scalar_subquery()
    return (
        select(
            tables.Document.id,
            tables.Document.name,
            tables.Document.live_version_id,
            tables.Document.metadata_.label("given_metadata"),
            tables.Document.created_at,
            tables.Document.updated_at,
            tables.Collection.name.label("collection"),
            tables.Collection.redact,
            _Latest.number.label("latest_version"),
            _Latest.status.label("latest_status"),
            tables.Job.id.label("job_id"),
            Shown.number,
            Shown.status,
            Shown.error_code,
            Shown.error_message,
            Shown.title,
            Shown.media_type,
            Shown.size,
            Shown.sha256,
            Shown.blob_key,
            Shown.language,
            Shown.metadata_.label("metadata"),
            Shown.effective_at,
            Shown.pages,
            Shown.chunks,
            Shown.warnings,
            Shown.counts,
        )
        .join(tables.Collection, tables.Collection.id == tables.Document.collection_id)
        .join(_Latest, (_Latest.document_id == tables.Document.id) & (_Latest.number == latest))
        .join(Shown, Shown.id == func.coalesce(tables.Document.live_version_id, _Latest.id))
        .outerjoin(tables.Job, (tables.Job.version_id == _Latest.id) & (tables.Job.generation == tables.UPLOADED))
    )


def document(row: Row[Any]) -> DocumentRecord:
    serves = row.live_version_id is not None
    return DocumentRecord(
        id=DocumentId(row.id),
        collection=row.collection,
        name=row.name,
        title=row.title,
        media_type=row.media_type,
        size=row.size,
        sha256=row.sha256,
        blob_key=BlobKey(row.blob_key),
        language=row.language,
        metadata=from_json(row.metadata if serves else row.given_metadata),
        effective_at=row.effective_at,
        version=row.number if serves else None,
        latest_version=row.latest_version,
        latest_status=row.latest_status,
        pages=row.pages,
        chunks=row.chunks,
        warnings=tuple(row.warnings),
        counts=row.counts or {},
        redacted=bool(row.redact),
        status=row.status,
        error_code=row.error_code,
        error_message=row.error_message,
        job_id=None if row.job_id is None else JobId(row.job_id),
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def version(row: tables.Version, live: int | None) -> VersionRecord:
    return VersionRecord(
        id=VersionId(row.id),
        number=row.number,
        status=row.status,  # pyright: ignore[reportArgumentType] one of VersionStatus, as only stores write it
        live=row.id == live,
        name=row.name,
        title=row.title,
        metadata=from_json(row.metadata_),
        media_type=row.media_type,
        size=row.size,
        sha256=row.sha256,
        blob_key=BlobKey(row.blob_key),
        pages=row.pages,
        chunks=row.chunks,
        counts=row.counts or {},
        error_code=row.error_code,
        error_message=row.error_message,
        created_at=row.created_at,
        published_at=row.published_at,
    )


def placed_chunks() -> Select[*tuple[Any, ...]]:
    """Every placement with its chunk's text."""
    return (
        select(tables.Placement.chunk_id, tables.Placement.ordinal, tables.Placement.pages)
        .add_columns(tables.Placement.regions, tables.Placement.page_labels)
        .add_columns(tables.Chunk.text, tables.Chunk.headings, tables.Chunk.tokens, tables.Chunk.language)
        .join(tables.Chunk, tables.Chunk.id == tables.Placement.chunk_id)
    )


def chunk(row: Row[Any]) -> ChunkRecord:
    return ChunkRecord(
        id=ChunkId(row.chunk_id),
        ordinal=row.ordinal,
        text=row.text,
        headings=tuple(row.headings),
        pages=tuple(row.pages),
        tokens=row.tokens,
        regions=tuple(map(region_of, row.regions)),
        language=row.language,
        page_labels=tuple(row.page_labels or ()),
    )
