"""Keys: made, listed and revoked. A key's secret is shown once, when it is made."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import Field

from app import auth
from app.api.bodies import Closed, CollectionName, Cursor, Id, Limit, Page, Reply, Text, page
from app.api.dependencies import KeyGiven, ServicesGiven, audit
from app.api.problems import InvalidRequest
from app.db.types import KeyId, KeyRecord, Role
from app.wiring import Services
from retrieval.types import CollectionId

router = APIRouter(prefix="/v1/admin/keys", tags=["keys"])


class NewKey(Closed):
    """A key to be made; without `collections` it reads all there are and will be."""

    name: Annotated[Text, Field(min_length=1, max_length=100)]
    role: Role = "reader"
    collections: Annotated[list[CollectionName], Field(min_length=1, max_length=100)] | None = None


class Key(Reply):
    """A key without its secret, which is not kept."""

    id: str
    name: str
    role: Role
    collections: list[str] | None
    created_at: datetime
    last_used_at: datetime | None


class MadeKey(Key):
    """A key that was just made, with the secret that is shown only now."""

    key: str


@router.get("")
def list_keys(services: ServicesGiven, limit: Limit = 50, cursor: Cursor = None) -> Page[Key]:
    """The API keys, oldest first."""
    names = _names(services)
    return page(services.keys.page(limit, cursor), lambda record: _shown(record, names))


@router.post("", status_code=201)
def make_key(new: NewKey, request: Request, key: KeyGiven, services: ServicesGiven) -> MadeKey:
    """Make a key; an admin reaches everything, so only a reader can be limited."""
    if new.role == "admin" and new.collections is not None:
        raise InvalidRequest("an admin key cannot be limited to collections")
    limited = new.collections is not None
    grants = auth.scope_of(services.collections, key, new.collections).collections if limited else None
    secret = auth.new_secret("api")
    record = services.keys.create(new.name, new.role, grants, auth.fingerprint(secret))
    audit(request, "key.create", record.id)
    return MadeKey(**_shown(record, _names(services)).model_dump(), key=secret)


@router.delete("/{id}", status_code=204)
def revoke_key(id: Id, request: Request, key: KeyGiven, services: ServicesGiven) -> None:
    """Revoke a key with its sessions, at once; the key that asks cannot revoke itself."""
    if id == key.id:
        raise InvalidRequest("a key cannot revoke itself: use another admin key")
    services.keys.revoke(KeyId(id))
    audit(request, "key.revoke", id)


def _names(services: Services) -> dict[CollectionId, str]:
    return {number: name for name, number in services.collections.ids().items()}


def _shown(record: KeyRecord, names: dict[CollectionId, str]) -> Key:
    limited = record.collections
    return Key(
        id=record.id,
        name=record.name,
        role=record.role,
        collections=None if limited is None else sorted(names[each] for each in limited if each in names),
        created_at=record.created_at,
        last_used_at=record.last_used_at,
    )
