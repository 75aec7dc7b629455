"""Versions of a document: listed, compared, and restored."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request

from app.api.bodies import Cursor, Failure, Id, Limit, Page, Reply, failure, page
from app.api.dependencies import Readable, ServicesGiven, audit
from app.api.documents import Chunk, Document, chunk_fields, shown
from app.db.types import ChunkChange, ComparedChunk, VersionRecord
from ingestion.types import DocumentId, VersionStatus
from retrieval.types import MetadataValue

router = APIRouter(tags=["versions"])

EVERY_CHANGE: tuple[ChunkChange, ...] = ("added", "removed", "kept")
VersionNumber = Annotated[int, Path(ge=0, lt=2**31)]


class Version(Reply):
    """One state of a document's file; `live` says that it is the one that answers."""

    number: int
    status: VersionStatus
    live: bool
    name: str
    title: str
    metadata: Mapping[str, MetadataValue]
    media_type: str
    size: int
    sha256: str
    pages: int | None
    chunks: int | None
    counts: Mapping[str, int]
    error: Failure | None
    created_at: datetime
    published_at: datetime | None


class Difference(Chunk):
    """A chunk that one version has and the other has not, or that both have; the ordinal is that of its version."""

    change: ChunkChange


class Comparison(Page[Difference]):
    """What became of a version's chunks in another, in reading order, and how many there are of each kind in all."""

    added: int
    removed: int
    kept: int


@router.get("/v1/documents/{id}/versions")
def list_versions(
    id: Id, scope: Readable, services: ServicesGiven, limit: Limit = 50, cursor: Cursor = None
) -> Page[Version]:
    """The versions of a document that are kept, newest first."""
    return page(services.documents.versions(DocumentId(id), scope, limit, cursor), _version)


@router.get("/v1/documents/{id}/versions/{number}/compare/{other}")
def compare_versions(
    id: Id,
    number: VersionNumber,
    other: VersionNumber,
    scope: Readable,
    services: ServicesGiven,
    change: Annotated[tuple[ChunkChange, ...], Query(max_length=3)] = EVERY_CHANGE,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Comparison:
    """What became of version `number` in `other`: its chunks in reading order, of all kinds or of those asked for."""
    found = services.documents.compare(DocumentId(id), scope, (number, other), change, limit, cursor)
    items = page(found.chunks, _difference)
    return Comparison(
        items=items.items, next_cursor=items.next_cursor, added=found.added, removed=found.removed, kept=found.kept
    )


@router.post("/v1/admin/documents/{id}/versions/{number}/restore")
def restore(id: Id, number: VersionNumber, request: Request, services: ServicesGiven) -> Document:
    """Let an earlier version answer again, from this moment on, under its name and with its metadata.

    One that was cut or embedded for an index before the one that answers now is read again from its original: as a new
    version, the latest, which takes over once it is ready.
    """
    record = services.documents.restore(DocumentId(id), number)
    audit(request, "document.restore", f"{id}/{number}")
    return shown(record)


def _version(record: VersionRecord) -> Version:
    return Version(
        number=record.number,
        status=record.status,
        live=record.live,
        name=record.name,
        title=record.title,
        metadata=record.metadata,
        media_type=record.media_type,
        size=record.size,
        sha256=record.sha256,
        pages=record.pages,
        chunks=record.chunks,
        counts=record.counts,
        error=failure(record.error_code, record.error_message),
        created_at=record.created_at,
        published_at=record.published_at,
    )


def _difference(compared: ComparedChunk) -> Difference:
    return Difference(**chunk_fields(compared.chunk), change=compared.change)
