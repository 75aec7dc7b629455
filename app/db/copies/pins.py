"""Pins: whoever copies originals holds one, so that none that a snapshot refers to is deleted under its hands.

A deletion commits before it looks for pins, and a pin is committed before its holder's snapshot begins: whoever finds
no pin deletes what no snapshot of a holder refers to.
"""

import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from sqlalchemy import delete, exists, select, update

from app.db import tables
from app.db.database import Database
from app.db.errors import DatabaseUnavailable
from app.db.ids import new_id
from app.db.sql import changed, epoch, insert_all

HELD_SECONDS: Final = 300.0
"""How long the pin of a holder that died stays."""
RENEW_SECONDS: Final = 30.0


class PinLost(DatabaseUnavailable):
    """The holder was asleep for too long: originals may be gone meanwhile; begin again."""


class Pin:
    """A pin in hand; `release` may be called before its block ends."""

    def __init__(self, db: Database, id: str) -> None:
        self._db = db
        self._id = id
        self._renew_at = time.monotonic() + RENEW_SECONDS

    def renew(self) -> None:
        """Call this at every step; it does something every half minute. Raises PinLost."""
        if time.monotonic() < self._renew_at:
            return
        mine = (tables.Pin.id == self._id) & (tables.Pin.until >= epoch())
        with self._db.write() as session:
            if not changed(session.execute(update(tables.Pin).where(mine).values(until=epoch() + HELD_SECONDS))):
                raise PinLost("this took too long a pause, and originals may be gone meanwhile: try again")
        self._renew_at = time.monotonic() + RENEW_SECONDS

    def release(self) -> None:
        """Originals may be deleted again."""
        with self._db.write() as session:
            session.execute(delete(tables.Pin).where(tables.Pin.id == self._id))


@dataclass(frozen=True, slots=True)
class PinStore:
    """Held by backups and exports, asked by whoever deletes an original."""

    db: Database

    @contextmanager
    def hold(self) -> Generator[Pin]:
        """Keep every original for as long as the block runs."""
        name = new_id("pin")
        with self.db.write() as session:
            session.execute(delete(tables.Pin).where(tables.Pin.until < epoch()))
            insert_all(session, tables.Pin, [{"id": name, "until": 0.0}])
            session.execute(update(tables.Pin).where(tables.Pin.id == name).values(until=epoch() + HELD_SECONDS))
        pin = Pin(self.db, name)
        try:
            yield pin
        finally:
            pin.release()

    def held(self) -> bool:
        """Whether originals are to be kept for now."""
        with self.db.read() as session:
            return bool(session.scalar(select(exists().where(tables.Pin.until >= epoch()))))
