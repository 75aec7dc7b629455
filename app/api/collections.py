"""Collections: what is permitted, searched and deleted as one."""

from datetime import datetime

from fastapi import APIRouter, Request

from app.api.dependencies import Readable, ServicesGiven, audit
from app.api.models import Closed, CollectionName, Cursor, Limit, Page, Reply, page
from app.db.types import CollectionRecord

router = APIRouter(prefix="/v1/admin/collections", tags=["collections"])


class NewCollection(Closed):
    """A collection to be made."""

    name: CollectionName


class Collection(Reply):
    """A collection with the number of its documents."""

    name: str
    documents: int
    created_at: datetime


@router.get("")
def list_collections(
    readable: Readable, services: ServicesGiven, limit: Limit = 50, cursor: Cursor = None
) -> Page[Collection]:
    """The collections, by name."""
    return page(services.collections.page(readable.collections, limit, cursor), _shown)


@router.post("", status_code=201)
def make_collection(new: NewCollection, request: Request, services: ServicesGiven) -> Collection:
    """Make an empty collection."""
    record = services.collections.create(new.name, services.embedder.fingerprint)
    audit(request, "collection.create", record.name)
    return _shown(record)


@router.delete("/{name}", status_code=204)
def delete_collection(name: str, request: Request, services: ServicesGiven) -> None:
    """Delete a collection with all its documents; in force before the reply."""
    for blob in services.collections.delete(name):
        services.blobs.delete(blob)
    audit(request, "collection.delete", name[:255])


def _shown(record: CollectionRecord) -> Collection:
    return Collection(name=record.name, documents=record.documents, created_at=record.created_at)
