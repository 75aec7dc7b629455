"""Collections: what is permitted, searched and deleted as one."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Literal, Self

from anyio.to_thread import run_sync
from fastapi import APIRouter, Request
from pydantic import AfterValidator, Field, model_validator

from app.api.bodies import Closed, CollectionName, Cursor, Limit, Page, Reply, Text, page
from app.api.dependencies import Readable, ServicesGiven, audit
from app.api.reindexes import Reindex, shown
from app.db.library.collections import pipeline_of
from app.db.types import CollectionRecord
from app.wiring import Services
from ingestion.types import PersonalKind
from retrieval.errors import UnknownCollection


def _each_once(kinds: tuple[PersonalKind, ...]) -> tuple[PersonalKind, ...]:
    return tuple(sorted(set(kinds)))


Redact = Annotated[tuple[PersonalKind, ...], Field(max_length=16), AfterValidator(_each_once)]
router = APIRouter(prefix="/v1/admin/collections", tags=["collections"])


class NewCollection(Closed):
    """A collection to be made."""

    name: CollectionName
    redact: Redact = ()


class CollectionChange(Closed):
    """What is to be different about a collection from now on; what is not named stays.

    `adapter` names a LoRA adapter that the model's server has loaded; answers over collections that agree on it are
    written with it. Null: with the model alone.
    """

    redact: Redact = ()
    adapter: Annotated[Text, Field(min_length=1, max_length=200)] | None = None

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("name what to change: redact or adapter")
        return self


class Collection(Reply):
    """A collection with the number of its documents, and the personal data that is blackened in what it takes in.

    `outdated` says what made its index that is another today: the embedder, or the pipeline that reads and cuts files.
    """

    name: str
    documents: int
    redact: list[PersonalKind]
    adapter: str | None
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
async def change_collection(
    name: str, change: CollectionChange, request: Request, services: ServicesGiven
) -> ChangedCollection:
    """Change what is blackened in files that are read from now on, and which adapter writes the answers.

    A re-index reads those files again that are there. An adapter that the model's server does not have is refused.
    """
    if change.adapter is not None:
        await services.answerer.check_adapter(change.adapter)
    return await run_sync(_changed, name, change, request, services)


@router.delete("/{name}", status_code=204)
def delete_collection(name: str, request: Request, services: ServicesGiven) -> None:
    """Delete a collection with all its documents; in force before the reply."""
    for blob in services.collections.delete(name):
        services.blobs.delete(blob)
    audit(request, "collection.delete", name[:255])


def _changed(name: str, change: CollectionChange, request: Request, services: Services) -> ChangedCollection:
    before = record = _known(services, name)
    if "adapter" in change.model_fields_set:
        record = services.collections.adapt(name, change.adapter)
    if "redact" in change.model_fields_set:
        record = services.collections.update(name, change.redact)
    audit(request, "collection.change", name[:255])
    reindex_needed = before.redact != record.redact and record.documents > 0
    return ChangedCollection(**_view(services)(record).model_dump(), reindex_needed=reindex_needed)


def _known(services: Services, name: str) -> CollectionRecord:
    record = services.collections.by_name(name)
    if record is None:
        raise UnknownCollection(f"there is no collection named {name!r}")
    return record


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
            adapter=record.adapter,
            embedder=record.fingerprint.partition("|")[0],
            outdated=outdated,
            reindexing=shown(under_way[record.name]) if record.name in under_way else None,
            created_at=record.created_at,
        )

    return show
