"""Collections: what is permitted, searched and deleted as one."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Request
from pydantic import AfterValidator, Field

from app.api.dependencies import Readable, ServicesGiven, audit
from app.api.models import Closed, CollectionName, Cursor, Limit, Page, Reply, page
from app.api.reindexes import Reindex, shown
from app.db.collections import pipeline_of
from app.db.types import CollectionRecord
from app.wiring import Services
from ingestion.types import PersonalKind


def _each_once(kinds: tuple[PersonalKind, ...]) -> tuple[PersonalKind, ...]:
    return tuple(sorted(set(kinds)))


Redact = Annotated[tuple[PersonalKind, ...], Field(max_length=16), AfterValidator(_each_once)]
router = APIRouter(prefix="/v1/admin/collections", tags=["collections"])


class NewCollection(Closed):
    """A collection to be made."""

    name: CollectionName
    redact: Redact = ()


class CollectionChange(Closed):
    """What is to be different about a collection from now on."""

    redact: Redact


class Collection(Reply):
    """A collection with the number of its documents, and the personal data that is blackened in what it takes in.

    `outdated` says what made its index that is another today: the embedder, or the pipeline that reads and cuts files.
    """

    name: str
    documents: int
    redact: list[PersonalKind]
    embedder: str
    outdated: list[Literal["embedder", "pipeline"]]
    reindexing: Reindex | None
    created_at: datetime


class ChangedCollection(Collection):
    """A changed collection; `reindex_needed` says that it holds documents that were read the old way."""

    reindex_needed: bool


@router.get("")
def list_collections(
    readable: Readable, services: ServicesGiven, limit: Limit = 50, cursor: Cursor = None
) -> Page[Collection]:
    """The collections, by name."""
    show = _view(services)
    return page(services.collections.page(readable.collections, limit, cursor), show)


@router.post("", status_code=201)
def make_collection(new: NewCollection, request: Request, services: ServicesGiven) -> Collection:
    """Make an empty collection."""
    record = services.collections.create(new.name, services.embedder.fingerprint, new.redact)
    audit(request, "collection.create", record.name)
    return _view(services)(record)


@router.patch("/{name}")
def change_collection(
    name: str, change: CollectionChange, request: Request, services: ServicesGiven
) -> ChangedCollection:
    """Change what is blackened in files that are read from now on; a re-index reads those again that are there."""
    before = services.collections.by_name(name)
    record = services.collections.update(name, change.redact)
    audit(request, "collection.change", name[:255])
    is_other = before is not None and before.redact != record.redact
    return ChangedCollection(**_view(services)(record).model_dump(), reindex_needed=is_other and record.documents > 0)


@router.delete("/{name}", status_code=204)
def delete_collection(name: str, request: Request, services: ServicesGiven) -> None:
    """Delete a collection with all its documents; in force before the reply."""
    for blob in services.collections.delete(name):
        services.blobs.delete(blob)
    audit(request, "collection.delete", name[:255])


def _view(services: Services) -> Callable[[CollectionRecord], Collection]:
    """Collections as clients see them, beside what is set today and what is being made."""
    under_way = services.reindexes.under_way()
    embedder = services.embedder.fingerprint

    def show(record: CollectionRecord) -> Collection:
        outdated: list[Literal["embedder", "pipeline"]] = []
        if record.documents and record.fingerprint != embedder:
            outdated.append("embedder")
        if record.documents and record.pipeline != pipeline_of(services.reindexes.pipeline, record.redact):
            outdated.append("pipeline")
        return Collection(
            name=record.name,
            documents=record.documents,
            redact=list(record.redact),
            embedder=record.fingerprint.partition("|")[0],
            outdated=outdated,
            reindexing=shown(under_way[record.name]) if record.name in under_way else None,
            created_at=record.created_at,
        )

    return show
