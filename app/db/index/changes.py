"""The database as an index follows it: the log of changes, and what a rebuild starts from."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db import tables
from app.db.database import Database
from app.db.sql import among
from retrieval.errors import IndexDamaged, UnknownCollection
from retrieval.ports import ChangeLog
from retrieval.types import Change, ChunkId, ChunkIds, CollectionId, Head, IndexedText, Matrix

BATCH: Final = 5000  # chunks read at once


@dataclass(frozen=True, slots=True)
class ChangeStore(ChangeLog):
    """Reads only; publications write the log."""

    db: Database

    def head(self, collection: CollectionId) -> Head:
        with self.db.read() as session:
            return _head(session, collection)

    def changes(self, collection: CollectionId, generation: int, after: int, limit: int) -> list[Change]:
        statement = (
            select(tables.Change.seq, tables.Change.added, tables.Change.removed)
            .where(tables.Change.collection_id == collection, tables.Change.generation == generation)
            .where(tables.Change.seq > after)
            .order_by(tables.Change.seq)
            .limit(limit)
        )
        with self.db.read() as session:
            rows = session.execute(statement).all()
            if not rows or rows[0].seq != after + 1:
                _require_all(session, collection, after)
        return [Change(seq, _unpacked(added), _unpacked(removed)) for seq, added, removed in rows]

    def live(self, collection: CollectionId, generation: int) -> tuple[int, ChunkIds]:
        statement = (
            select(tables.Placement.chunk_id)
            .join(tables.Document, tables.Document.live_version_id == tables.Placement.version_id)
            .where(tables.Document.collection_id == collection, tables.Placement.generation == generation)
            .distinct()
            .order_by(tables.Placement.chunk_id)
        )
        with self.db.snapshot() as session:
            seq = _head(session, collection).seq
            ids = session.connection().execute(statement).scalars().all()
        return seq, np.array(ids, dtype=np.int64)

    def texts(self, ids: ChunkIds) -> list[IndexedText]:
        asked = tables.HypotheticalQuestions
        statement = select(tables.Chunk.id, tables.Chunk.headings, tables.Chunk.text, asked.texts).outerjoin(
            asked, (asked.collection_id == tables.Chunk.collection_id) & (asked.key == tables.Chunk.key)
        )
        found: list[IndexedText] = []
        with self.db.read() as session:
            for some in _batches(ids):
                rows = session.connection().execute(statement.where(among(tables.Chunk.id, some)))
                found += [
                    IndexedText(ChunkId(chunk), tuple(headings), text, tuple(questions or ()))
                    for chunk, headings, text, questions in rows
                ]
        return found

    def vectors(self, ids: ChunkIds) -> tuple[ChunkIds, Matrix]:
        statement = select(tables.Chunk.id, tables.Embedding.vector).join(
            tables.Embedding, tables.Embedding.id == tables.Chunk.embedding_id
        )
        found: list[int] = []
        vectors: list[bytes] = []
        with self.db.read() as session:
            for some in _batches(ids):
                for chunk, vector in session.connection().execute(statement.where(among(tables.Chunk.id, some))):
                    found.append(chunk)
                    vectors.append(vector)
        half: NDArray[np.float16] = np.frombuffer(b"".join(vectors), dtype="<f2")
        matrix = half.reshape(len(found), -1) if found else half.reshape(0, 0)
        return np.array(found, dtype=np.int64), matrix.astype(np.float32)


def _head(session: Session, collection: CollectionId) -> Head:
    row = session.execute(
        select(tables.Collection.generation, tables.Collection.fingerprint, tables.Collection.seq, tables.Embedder.dim)
        .outerjoin(tables.Embedder, tables.Embedder.fingerprint == tables.Collection.fingerprint)
        .where(tables.Collection.id == collection)
    ).one_or_none()
    if row is None:
        raise UnknownCollection(f"there is no collection {collection}")
    return Head(row.generation, row.fingerprint, row.seq, row.dim)


def _require_all(session: Session, collection: CollectionId, after: int) -> None:
    """Raises IndexDamaged where the log does not reach back to what came after that change."""
    statement = select(tables.Collection.log_start).where(tables.Collection.id == collection)
    start = session.scalar(statement)
    if start is None:
        raise UnknownCollection(f"there is no collection {collection}")
    if after + 1 < start:
        raise IndexDamaged(f"collection {collection}: an index lacks changes from {after + 1} on, kept from {start} on")


def _unpacked(content: bytes) -> ChunkIds:
    return np.frombuffer(content, dtype="<i8").astype(np.int64)


def _batches(ids: ChunkIds) -> list[list[int]]:
    return [ids[start : start + BATCH].tolist() for start in range(0, len(ids), BATCH)]
