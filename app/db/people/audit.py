"""Who did what: an append-only log in which each row's hash covers the row before, so that an edit shows."""

import hashlib
from dataclasses import dataclass
from typing import Final

import orjson
from sqlalchemy import select

from app.db import tables
from app.db.clock import Clock, utc_now
from app.db.database import Database
from app.db.sql import AUDIT_LOCK, insert_all, lock, storable
from app.db.types import KeyId

START: Final = "0" * 64
BATCH: Final = 1000  # rows read at once while the chain is checked
FIELDS: Final = ("created_at", "key_id", "action", "target", "result", "address", "request_id")


@dataclass(frozen=True, slots=True)
class AuditStore:
    """Appends one at a time; cutting rows off the end is the one thing that the chain itself cannot show."""

    db: Database
    clock: Clock = utc_now

    def record(
        self,
        action: str,
        result: str,
        *,
        key_id: KeyId | None = None,
        target: str | None = None,
        address: str | None = None,
        request_id: str | None = None,
    ) -> None:
        """What is longer than its column is cut, never refused."""
        row: dict[str, object] = {
            "created_at": self.clock(),
            "key_id": _cut(key_id, 40),
            "action": _cut(action, 64),
            "target": _cut(target, 255),
            "result": _cut(result, 32),
            "address": _cut(address, 64),
            "request_id": _cut(request_id, 64),
        }
        last = select(tables.Audit.hash).order_by(tables.Audit.id.desc()).limit(1)
        with self.db.write() as session:
            lock(session, AUDIT_LOCK)
            insert_all(session, tables.Audit, [{**row, "hash": _hash(session.scalar(last) or START, row)}])

    def verify(self) -> bool:
        """Whether every row's hash follows from its content and the row before."""
        previous, last = START, 0
        statement = select(tables.Audit).order_by(tables.Audit.id).limit(BATCH)
        with self.db.snapshot() as session:
            while rows := session.scalars(statement.where(tables.Audit.id > last)).all():
                for row in rows:
                    previous = _hash(previous, {field: getattr(row, field) for field in FIELDS})
                    if row.hash != previous:
                        return False
                last = rows[-1].id
                session.expunge_all()
        return True


def _hash(previous: str, row: dict[str, object]) -> str:
    content = orjson.dumps(row, option=orjson.OPT_SORT_KEYS | orjson.OPT_UTC_Z)
    return hashlib.sha256(previous.encode() + content).hexdigest()


def _cut(text: str | None, length: int) -> str | None:
    return None if text is None else storable(text)[:length]
