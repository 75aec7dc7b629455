"""Embedders: which model made the vectors of a fingerprint, and where it is to be had."""

from dataclasses import dataclass

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.db import tables
from app.db.database import Database
from app.db.sql import insert_if_new
from app.db.types import EmbedderRecord


@dataclass(frozen=True, slots=True)
class EmbedderStore:
    """Every embedder that a collection's vectors came from; what a setting says now goes before what it said then."""

    db: Database

    def get(self, fingerprint: str) -> EmbedderRecord | None:
        statement = select(tables.Embedder).where(tables.Embedder.fingerprint == fingerprint)
        with self.db.read() as session:
            row = session.scalars(statement).one_or_none()
            return None if row is None else EmbedderRecord(row.fingerprint, row.model, row.url, row.dim)

    def remember(self, fingerprint: str, model: str, url: str | None) -> None:
        row = {"fingerprint": fingerprint, "model": model, "url": url, "dim": None}
        with self.db.write() as session:
            if not insert_if_new(session, tables.Embedder, row):
                session.execute(
                    update(tables.Embedder)
                    .where(tables.Embedder.fingerprint == fingerprint)
                    .values(model=model, url=url)
                )


def measured(session: Session, fingerprint: str, dim: int) -> int:
    """How long the embedder's vectors are; what is told first stands."""
    statement = select(tables.Embedder.dim).where(tables.Embedder.fingerprint == fingerprint)
    known = session.scalar(statement)
    if known is None:
        row = {"fingerprint": fingerprint, "model": fingerprint.partition("|")[0], "url": None, "dim": dim}
        if not insert_if_new(session, tables.Embedder, row):
            session.execute(
                update(tables.Embedder)
                .where(tables.Embedder.fingerprint == fingerprint, tables.Embedder.dim.is_(None))
                .values(dim=dim)
            )
        known = session.execute(statement).scalar_one()
    return known or dim
