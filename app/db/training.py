"""What a collection gives to tune a model by: its chunks in reading order, and questions whose answers were liked."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from app.db import models
from app.db.session import Database
from app.db.types import CollectionRecord, LikedQuestion, TrainingChunk
from retrieval.types import ChunkId


@dataclass(frozen=True, slots=True)
class TrainingStore:
    """Reads only; what it gives is live at that moment."""

    db: Database

    def chunks(self, collection: CollectionRecord, most: int) -> list[TrainingChunk]:
        """Each chunk in the first place where it stands, documents from the oldest on, at most so many."""
        statement = (
            select(models.Chunk.id, models.Document.id.label("document"), models.Chunk.headings, models.Chunk.text)
            .add_columns(models.Chunk.sentences, models.Chunk.language)
            .join(models.Placement, models.Placement.chunk_id == models.Chunk.id)
            .join(models.Document, models.Document.live_version_id == models.Placement.version_id)
            .join(models.Collection, models.Collection.id == models.Document.collection_id)
            .where(models.Document.collection_id == collection.id)
            .where(models.Placement.generation == models.Collection.generation)
            .order_by(models.Document.id, models.Placement.ordinal)
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
            select(models.Message.question, models.Message.answer)
            .join(models.Feedback, models.Feedback.message_id == models.Message.id)
            .where(models.Feedback.rating > 0)
            .order_by(models.Message.id)
        )
        with self.db.read() as session:
            rows = session.connection().execute(statement).all()
        return [LikedQuestion(row.question, _cited(row.answer)) for row in rows]


def _cited(answer: Mapping[str, Any]) -> frozenset[ChunkId]:
    return frozenset(ChunkId(int(citation["chunk_id"])) for citation in answer.get("citations", []))
