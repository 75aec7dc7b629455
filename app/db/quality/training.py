"""What a collection gives to tune a model by: its chunks in reading order, and questions whose answers were liked."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from app.db import tables
from app.db.database import Database
from app.db.types import CollectionRecord, LikedQuestion, TrainingChunk
from retrieval.types import ChunkId


@dataclass(frozen=True, slots=True)
class TrainingStore:
    """Reads only; what it gives is live at that moment."""

    db: Database

    def chunks(self, collection: CollectionRecord, most: int) -> list[TrainingChunk]:
        """Each chunk in the first place where it stands, documents from the oldest on, at most so many."""
        statement = (
            select(tables.Chunk.id, tables.Document.id.label("document"), tables.Chunk.headings, tables.Chunk.text)
            .add_columns(tables.Chunk.sentences, tables.Chunk.language)
            .join(tables.Placement, tables.Placement.chunk_id == tables.Chunk.id)
            .join(tables.Document, tables.Document.live_version_id == tables.Placement.version_id)
            .join(tables.Collection, tables.Collection.id == tables.Document.collection_id)
            .where(tables.Document.collection_id == collection.id)
            .where(tables.Placement.generation == tables.Collection.generation)
            .order_by(tables.Document.id, tables.Placement.ordinal)
            .limit(most)
        )
        with self.db.read() as session:
            rows = session.connection().execute(statement).all()
        found: dict[int, TrainingChunk] = {}
        for row in rows:
            spans = tuple((start, end) for start, end in row.sentences)
            chunk = TrainingChunk(ChunkId(row.id), row.document, tuple(row.headings), row.text, spans, row.language)
            found.setdefault(row.id, chunk)
        return list(found.values())

    def liked(self) -> list[LikedQuestion]:
        """Questions whose answer has a rating above 0, in any collection, with the chunks that it cites."""
        statement = (
            select(tables.Message.question, tables.Message.answer)
            .join(tables.Feedback, tables.Feedback.message_id == tables.Message.id)
            .where(tables.Feedback.rating > 0)
            .order_by(tables.Message.id)
        )
        with self.db.read() as session:
            rows = session.connection().execute(statement).all()
        return [LikedQuestion(row.question, _cited(row.answer)) for row in rows]


def _cited(answer: Mapping[str, Any]) -> frozenset[ChunkId]:
    return frozenset(ChunkId(int(citation["chunk_id"])) for citation in answer.get("citations", []))
