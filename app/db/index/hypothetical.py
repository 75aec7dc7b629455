"""Hypothetical questions: which chunks lack them, who is asking, and what was said.

They hang on a chunk's key, as embeddings do: the same text in one collection is asked about once, whichever version or
generation it stands in. What is new goes to the indexes by the change log, as chunks do.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, bindparam, exists, or_, select, update
from sqlalchemy.orm import Session

from app.db import tables
from app.db.clock import Clock, utc_now
from app.db.database import Database
from app.db.library import live_chunks
from app.db.locks import hold_collections
from app.db.sql import among, epoch, insert_missing, storable, table
from app.db.tables import HypotheticalQuestions as Asked
from app.db.types import Unasked
from retrieval.types import ChunkId, CollectionId


@dataclass(frozen=True, slots=True)
class HypotheticalStore:
    """Whoever claims chunks has `lease_seconds` to say what they answer; then somebody else may."""

    db: Database
    lease_seconds: float
    clock: Clock = utc_now

    def seqs(self) -> dict[CollectionId, int]:
        """The collections, with how far their change logs have come: while those stand still, nothing is new."""
        with self.db.read() as session:
            rows = session.execute(select(tables.Collection.id, tables.Collection.seq).order_by(tables.Collection.id))
            return {CollectionId(row.id): row.seq for row in rows}

    def has_lapsed(self, collection: CollectionId) -> bool:
        """Whether somebody was asking and did not come to an end."""
        lapsed = exists().where(Asked.collection_id == collection, Asked.texts.is_(None), Asked.lease_until < epoch())
        with self.db.read() as session:
            return bool(session.scalar(select(lapsed)))

    def lacking(self, collection: CollectionId, after: ChunkId, limit: int) -> list[ChunkId]:
        """Chunks by id that answer without questions, and that nobody is asking about just now."""
        chunk = tables.Chunk
        answers = (
            exists()
            .where(tables.Placement.chunk_id == chunk.id)
            .where(tables.Document.live_version_id == tables.Placement.version_id)
        )
        known = exists().where(Asked.collection_id == chunk.collection_id, Asked.key == chunk.key, _is_settled())
        statement = (
            select(chunk.id)
            .join(tables.Collection, tables.Collection.id == chunk.collection_id)
            .where(chunk.collection_id == collection, chunk.generation == tables.Collection.generation)
            .where(chunk.id > after, answers, ~known)
            .order_by(chunk.id)
            .limit(limit)
        )
        with self.db.read() as session:
            return [ChunkId(chunk) for chunk in session.scalars(statement)]

    def claim(self, collection: CollectionId, chunks: Collection[ChunkId]) -> list[Unasked]:
        """Those of the chunks that are there and that nobody else has taken meanwhile."""
        statement = (
            select(tables.Chunk.key, tables.Chunk.headings, tables.Chunk.text, tables.Chunk.language)
            .where(among(tables.Chunk.id, chunks), tables.Chunk.collection_id == collection)
            .order_by(tables.Chunk.id)
        )
        with self.db.write() as session:
            hold_collections(session, [collection])
            found = session.execute(statement).all()
            taken = set(
                session.scalars(
                    select(Asked.key).where(
                        Asked.collection_id == collection, among(Asked.key, [row.key for row in found]), _is_settled()
                    )
                )
            )
            mine = [row for row in found if row.key not in taken]
            keys = [row.key for row in mine]
            insert_missing(session, Asked, [{"collection_id": collection, "key": key} for key in keys])
            _lease(session, collection, keys, self.lease_seconds)
        return [Unasked(row.key, tuple(row.headings), row.text, row.language) for row in mine]

    def keep(self, collection: CollectionId, questions: Mapping[str, Sequence[str]]) -> None:
        """What chunks answer, by key; the first to say it is believed, and what is gone stays gone."""
        rows_of = table(Asked)
        statement = (
            update(rows_of)
            .where(rows_of.c.collection_id == collection, rows_of.c.key == bindparam("of"), rows_of.c.texts.is_(None))
            .values(texts=bindparam("said", type_=rows_of.c.texts.type), lease_until=None)
        )
        said = [{"of": key, "said": [storable(text) for text in texts]} for key, texts in questions.items()]
        if not said:
            return
        with self.db.write() as session:
            hold_collections(session, [collection])
            session.connection().execute(statement, said)
            self._log(session, collection, [key for key, texts in questions.items() if texts])

    def put_off(self, collection: CollectionId, keys: Collection[str], seconds: float) -> None:
        """Nobody asks about these before so many seconds."""
        with self.db.write() as session:
            hold_collections(session, [collection])
            _lease(session, collection, keys, seconds)

    def _log(self, session: Session, collection: CollectionId, keys: Collection[str]) -> None:
        """Indexes take the chunks in anew, with their questions; those that do not answer now are none of theirs."""
        generation = session.scalar(select(tables.Collection.generation).where(tables.Collection.id == collection))
        if generation is None:
            return
        live = (
            select(tables.Chunk.id)
            .join(tables.Placement, tables.Placement.chunk_id == tables.Chunk.id)
            .join(tables.Document, tables.Document.live_version_id == tables.Placement.version_id)
            .where(tables.Chunk.collection_id == collection, tables.Chunk.generation == generation)
            .where(among(tables.Chunk.key, keys))
        )
        ids = frozenset(session.scalars(live))
        if ids:
            live_chunks.log(session, collection, generation, [(ids, frozenset())], self.clock())


def _is_settled() -> ColumnElement[bool]:
    return or_(Asked.texts.is_not(None), Asked.lease_until >= epoch())


def _lease(session: Session, collection: CollectionId, keys: Collection[str], seconds: float) -> None:
    session.execute(
        update(Asked)
        .where(Asked.collection_id == collection, among(Asked.key, keys), Asked.texts.is_(None))
        .values(lease_until=epoch() + seconds)
        .execution_options(synchronize_session=False)
    )
