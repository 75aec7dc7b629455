"""Credentials: API keys, and the sessions and one-time logins made from them. Only hashes of secrets come here."""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, Select, delete, func, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, aliased

from app.db import tables
from app.db.clock import Clock, utc_now
from app.db.cursors import after_id
from app.db.database import Database
from app.db.errors import Conflict, DatabaseUnavailable, UnknownKey
from app.db.ids import LENGTH, new_id
from app.db.sql import changed, filled, insert_all, insert_if_new
from app.db.types import KeyId, KeyKind, KeyRecord, Paged, Role
from retrieval.errors import UnknownCollection
from retrieval.types import CollectionId

ADMIN: Final = KeyId("key_" + "0" * LENGTH)
"""The key that the settings give: always the same row, so that a new secret takes the old one's place."""
TOUCH_EVERY: Final = timedelta(minutes=1)

_Root = filled(aliased(tables.Key, name="root"))
"""The API key behind a credential: itself, or the one that it was made from."""


@dataclass(frozen=True, slots=True)
class KeyStore:
    """Who may ask. Whatever is made from a key falls with it."""

    db: Database
    clock: Clock = utc_now

    def ensure_admin(self, secret_sha256: str) -> KeyRecord:
        """The settings' admin key under this secret; with a new one, the old and its sessions are void.

        Raises Conflict when another key has that secret.
        """
        with self.db.write() as session:
            insert_if_new(session, tables.Key, self._row(ADMIN, "api", "admin", "admin", secret_sha256))
            stored = session.get(tables.Key, ADMIN, with_for_update=True)
            if stored is None:
                raise Conflict("another key has this secret")
            if stored.sha256 != secret_sha256:
                session.execute(delete(tables.Key).where(tables.Key.parent_id == ADMIN))
                stored.sha256 = secret_sha256
                _flush(session)
            return _one(session, ADMIN)

    def create(self, name: str, role: Role, collections: frozenset[CollectionId] | None, sha256: str) -> KeyRecord:
        """Raises UnknownCollection, and Conflict when the secret is taken."""
        key = KeyId(new_id("key"))
        with self.db.write() as session:
            for collection in sorted(collections or ()):
                held = select(tables.Collection.id).where(tables.Collection.id == collection)
                if session.execute(held.with_for_update(read=True, key_share=True)).first() is None:
                    raise UnknownCollection(f"there is no collection {collection}")
            row = self._row(key, "api", name, role, sha256)
            _insert(session, {**row, "limited": collections is not None})
            grants = [{"key_id": key, "collection_id": collection} for collection in sorted(collections or ())]
            insert_all(session, tables.KeyCollection, grants)
            return _one(session, key)

    def page(self, limit: int, cursor: str | None) -> Paged[KeyRecord]:
        """API keys, oldest first. Raises InvalidCursor."""
        ids = select(tables.Key.id).where(tables.Key.kind == "api").order_by(tables.Key.id).limit(limit + 1)
        if cursor is not None:
            ids = ids.where(tables.Key.id > after_id(cursor, "key", "keys"))
        with self.db.read() as session:
            rows = session.execute(_credentials().where(tables.Key.id.in_(ids)).order_by(tables.Key.id))
            records = tuple(_records(rows.all()))
        return Paged(records[:limit], records[limit - 1].id if len(records) > limit else None)

    def revoke(self, id: KeyId) -> None:
        """Void at the return, with its sessions, logins and conversations. Raises UnknownKey."""
        with self.db.write() as session:
            gone = session.execute(delete(tables.Key).where(tables.Key.id == id, tables.Key.kind == "api"))
            if changed(gone) != 1:
                raise UnknownKey(f"there is no key {id}")

    def find(self, sha256: str) -> KeyRecord | None:
        """The unexpired API key or session of that secret; a login is good for `redeem_login` alone.

        Notes the use once a minute; where that cannot be written, the key is good all the same.
        """
        now = self.clock()
        statement = _credentials().where(tables.Key.sha256 == sha256, tables.Key.kind != "login", _unexpired(now))
        with self.db.read() as session:
            records = _records(session.execute(statement).all())
        if not records:
            return None
        found = records[0]
        if found.last_used_at is None or found.last_used_at <= now - TOUCH_EVERY:
            with contextlib.suppress(DatabaseUnavailable):
                self._touch(found.id, now)
        return found

    def open_session(self, parent: KeyId, sha256: str, expires_at: datetime) -> KeyRecord:
        """A session of the API key `parent`. Raises UnknownKey."""
        return self._child("session", parent, sha256, expires_at)

    def create_login(self, parent: KeyId, sha256: str, expires_at: datetime) -> KeyRecord:
        """A login that can be redeemed once. Raises UnknownKey."""
        return self._child("login", parent, sha256, expires_at)

    def redeem_login(self, login_sha256: str, session_sha256: str, expires_at: datetime) -> KeyRecord | None:
        """Swap a login for a session; None for one that is unknown, expired or used."""
        used = (
            delete(tables.Key)
            .where(tables.Key.sha256 == login_sha256, tables.Key.kind == "login", _unexpired(self.clock()))
            .returning(tables.Key.parent_id)
            .execution_options(synchronize_session=False)
        )
        with self.db.write() as session:
            parent = session.scalars(used).one_or_none()
            if parent is None:
                return None
            return self._insert_child(session, "session", KeyId(parent), session_sha256, expires_at)

    def close_session(self, sha256: str) -> None:
        """Unknown sessions are passed over."""
        with self.db.write() as session:
            session.execute(delete(tables.Key).where(tables.Key.sha256 == sha256, tables.Key.kind == "session"))

    def _child(self, kind: KeyKind, parent: KeyId, sha256: str, expires_at: datetime) -> KeyRecord:
        with self.db.write() as session:
            return self._insert_child(session, kind, parent, sha256, expires_at)

    def _insert_child(
        self, session: Session, kind: KeyKind, parent: KeyId, sha256: str, expires_at: datetime
    ) -> KeyRecord:
        session.execute(delete(tables.Key).where(tables.Key.expires_at <= self.clock()))
        root = session.execute(
            select(tables.Key.name, tables.Key.role)
            .where(tables.Key.id == parent, tables.Key.kind == "api")
            .with_for_update(read=True, key_share=True)
        ).one_or_none()
        if root is None:
            raise UnknownKey(f"there is no key {parent}")
        key = KeyId(new_id("key"))
        row = self._row(key, kind, root.name, root.role, sha256)
        _insert(session, {**row, "parent_id": parent, "expires_at": expires_at})
        return _one(session, key)

    def _touch(self, id: KeyId, now: datetime) -> None:
        long_ago = or_(tables.Key.last_used_at.is_(None), tables.Key.last_used_at <= now - TOUCH_EVERY)
        with self.db.write() as session:
            session.execute(update(tables.Key).where(tables.Key.id == id, long_ago).values(last_used_at=now))

    def _row(self, id: KeyId, kind: KeyKind, name: str, role: str, sha256: str) -> dict[str, object]:
        return {
            "id": id,
            "kind": kind,
            "name": name,
            "role": role,
            "sha256": sha256,
            "limited": False,
            "created_at": self.clock(),
        }


def _insert(session: Session, row: dict[str, object]) -> None:
    if not insert_if_new(session, tables.Key, row):
        raise Conflict("another key has this secret")


def _flush(session: Session) -> None:
    try:
        session.flush()
    except IntegrityError as error:
        raise Conflict("another key has this secret") from error


def _credentials() -> Select[*tuple[Any, ...]]:
    """A row per grant of the API key behind each credential, at least one."""
    return (
        select(
            tables.Key.id.label("credential"),
            tables.Key.kind,
            _Root.id,
            _Root.name,
            _Root.role,
            _Root.limited,
            _Root.created_at,
            _Root.last_used_at,
            tables.KeyCollection.collection_id,
        )
        .join(_Root, _Root.id == func.coalesce(tables.Key.parent_id, tables.Key.id))
        .outerjoin(tables.KeyCollection, tables.KeyCollection.key_id == _Root.id)
    )


def _unexpired(now: datetime) -> ColumnElement[bool]:
    return or_(tables.Key.expires_at.is_(None), tables.Key.expires_at > now)


def _one(session: Session, id: KeyId) -> KeyRecord:
    return _records(session.execute(_credentials().where(tables.Key.id == id)).all())[0]


def _records(rows: Sequence[Row[*tuple[Any, ...]]]) -> list[KeyRecord]:
    grants: dict[str, set[CollectionId]] = {}
    firsts: dict[str, Row[*tuple[Any, ...]]] = {}
    for row in rows:
        firsts.setdefault(row.credential, row)
        if row.collection_id is not None:
            grants.setdefault(row.credential, set()).add(CollectionId(row.collection_id))
    return [
        KeyRecord(
            id=KeyId(row.id),
            credential=KeyId(credential),
            kind=row.kind,
            name=row.name,
            role=row.role,
            collections=frozenset(grants.get(credential, ())) if row.limited else None,
            created_at=row.created_at,
            last_used_at=row.last_used_at,
        )
        for credential, row in firsts.items()
    ]
