"""Documents: listed, described anew and deleted; their chunks."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import AfterValidator, Field

from app import auth
from app.api.bodies import (
    Closed,
    CollectionName,
    Cursor,
    Failure,
    GivenMetadata,
    Id,
    Limit,
    Page,
    Reply,
    Text,
    failure,
    page,
)
from app.api.dependencies import KeyGiven, Readable, ServicesGiven, audit
from app.db.types import ChunkRecord, DocumentRecord, DocumentSort
from ingestion.intake import NAME_MAX, shown_of
from ingestion.types import DocumentId, VersionStatus
from retrieval.types import MetadataValue

router = APIRouter(tags=["documents"])


class Document(Reply):
    """A document. Its status and error are those of the version that serves, or of the latest while none does.

    `counts` says how much each step before indexing found or left out; a step that found nothing is not named.
    """

    id: str
    name: str
    title: str
    collection: str
    media_type: str
    size: int
    sha256: str
    language: str | None
    metadata: Mapping[str, MetadataValue]
    effective_at: datetime | None
    version: int | None
    latest_version: int
    latest_status: VersionStatus
    pages: int | None
    chunks: int | None
    warnings: list[str]
    counts: Mapping[str, int]
    status: VersionStatus
    error: Failure | None
    job_id: str | None
    created_at: datetime
    updated_at: datetime


class Chunk(Reply):
    """A chunk of the version that serves, in reading order; boxes are [page, x0, y0, x1, y1].

    `page_labels` are what is printed on the pages, one for each, where that is not just their number. `recognised` says
    that some of the text was read off a picture.
    """

    id: str
    ordinal: int
    text: str
    headings: list[str]
    pages: list[int]
    page_labels: list[str]
    tokens: int
    language: str
    boxes: list[tuple[int, float, float, float, float]]
    recognised: bool


def _named(name: str) -> str:
    shown = shown_of(name)
    if not shown:
        raise ValueError("nothing of this name can be shown")
    return shown


class Changes(Closed):
    """What is to be changed of a document: its name, or all of its metadata; what is left out stays."""

    name: Annotated[Text, Field(min_length=1, max_length=NAME_MAX), AfterValidator(_named)] | None = None
    metadata: GivenMetadata | None = None


@router.patch("/v1/admin/documents/{id}")
def change(id: Id, changes: Changes, request: Request, services: ServicesGiven) -> Document:
    """Rename a document or replace its metadata, without a new version; in force before the reply."""
    record = services.documents.describe(DocumentId(id), changes.name, changes.metadata)
    audit(request, "document.change", id)
    return shown(record)


@router.delete("/v1/admin/documents/{id}", status_code=204)
def delete(id: Id, request: Request, services: ServicesGiven) -> None:
    """Delete a document with all its versions; in force before the reply."""
    services.pipeline.forget(DocumentId(id))
    audit(request, "document.delete", id)


@router.get("/v1/documents")
def list_documents(
    key: KeyGiven,
    services: ServicesGiven,
    collection: Annotated[CollectionName | None, Query()] = None,
    status: VersionStatus | None = None,
    q: Annotated[Text | None, Query(max_length=200)] = None,
    sort: DocumentSort = "-created",
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[Document]:
    """The documents that the key may read, newest first or as `sort` says; `q` looks into names and titles."""
    scope = auth.scope_of(services.collections, key, None if collection is None else [collection])
    return page(services.documents.page(scope, status, q, limit, cursor, sort), shown)


@router.get("/v1/documents/{id}")
def get_document(id: Id, scope: Readable, services: ServicesGiven) -> Document:
    """One document."""
    return shown(services.documents.get(DocumentId(id), scope))


@router.get("/v1/documents/{id}/chunks")
def list_chunks(
    id: Id, scope: Readable, services: ServicesGiven, limit: Limit = 100, cursor: Cursor = None
) -> Page[Chunk]:
    """The chunks of the version that serves, in reading order."""
    return page(services.documents.chunks(DocumentId(id), scope, limit, cursor), _chunk)


def shown(record: DocumentRecord) -> Document:
    """A document as clients see it."""
    return Document(**fields_of(record))


def fields_of(record: DocumentRecord) -> dict[str, Any]:
    return {
        "id": record.id,
        "name": record.name,
        "title": record.title,
        "collection": record.collection,
        "media_type": record.media_type,
        "size": record.size,
        "sha256": record.sha256,
        "language": record.language,
        "metadata": record.metadata,
        "effective_at": record.effective_at,
        "version": record.version,
        "latest_version": record.latest_version,
        "latest_status": record.latest_status,
        "pages": record.pages,
        "chunks": record.chunks,
        "warnings": list(record.warnings),
        "counts": record.counts,
        "status": record.status,
        "error": failure(record.error_code, record.error_message),
        "job_id": record.job_id,
        "created_at": record.created_at,
        "updated_at": record.updated_at,
    }


def _chunk(record: ChunkRecord) -> Chunk:
    return Chunk(**chunk_fields(record))


def chunk_fields(record: ChunkRecord) -> dict[str, Any]:
    return {
        "id": str(record.id),
        "ordinal": record.ordinal,
        "text": record.text,
        "headings": list(record.headings),
        "pages": list(record.pages),
        "page_labels": list(record.page_labels),
        "tokens": record.tokens,
        "language": record.language,
        "boxes": [(region.page, *region.box) for region in record.regions if region.box is not None],
        "recognised": any(region.recognised for region in record.regions),
    }
