"""Replies that are kept for a request's retries, so that a lost reply never does the work twice."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import delete, select, update

from app.db import tables
from app.db.clock import Clock, utc_now
from app.db.database import Database
from app.db.sql import insert_if_new
from app.db.types import KeyId, Reply

KEPT: Final = timedelta(hours=24)
ABANDONED: Final = timedelta(minutes=15)
"""A first request that has not finished by then is taken for dead; its retry becomes the first."""


@dataclass(frozen=True, slots=True)
class IdempotencyStore:
    """Per key: two askers may use the same Idempotency-Key."""

    db: Database
    clock: Clock = utc_now

    def begin(self, key_id: KeyId, idempotency_key: str, request_sha: str) -> Reply | None:
        """None: you are the first, do the work, then `finish` or `abandon`. Else what the first one got so far.

        The caller compares `Reply.request` with its own: another request under the same key is its error.
        """
        now = self.clock()
        row = {
            "key_id": key_id,
            "idempotency_key": idempotency_key,
            "request": request_sha,
            "status": None,
            "body": None,
            "created_at": now,
        }
        mine = (tables.Idempotency.key_id == key_id, tables.Idempotency.idempotency_key == idempotency_key)
        stored = select(tables.Idempotency.request, tables.Idempotency.status, tables.Idempotency.body).where(*mine)
        dead = tables.Idempotency.status.is_(None) & (tables.Idempotency.created_at < now - ABANDONED)
        old = (tables.Idempotency.created_at < now - KEPT) | dead
        with self.db.write() as session:
            session.execute(delete(tables.Idempotency).where(tables.Idempotency.key_id == key_id, old))
            while not insert_if_new(session, tables.Idempotency, row):
                reply = session.execute(stored).one_or_none()
                if reply is not None:  # else it was abandoned in between
                    return Reply(reply.request, reply.status, reply.body)
        return None

    def finish(self, key_id: KeyId, idempotency_key: str, status: int, body: Mapping[str, Any]) -> None:
        """Keep the reply for the retries; one that was taken for dead meanwhile is passed over."""
        with self.db.write() as session:
            session.execute(
                update(tables.Idempotency)
                .where(tables.Idempotency.key_id == key_id, tables.Idempotency.idempotency_key == idempotency_key)
                .values(status=status, body=dict(body))
            )

    def abandon(self, key_id: KeyId, idempotency_key: str) -> None:
        """The work failed and left nothing: a retry is the first again. A finished reply stays."""
        with self.db.write() as session:
            session.execute(
                delete(tables.Idempotency)
                .where(tables.Idempotency.key_id == key_id, tables.Idempotency.idempotency_key == idempotency_key)
                .where(tables.Idempotency.status.is_(None))
            )
