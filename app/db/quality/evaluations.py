"""Evaluations: the summaries of finished runs, the newest of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import delete, select

from app.db import tables
from app.db.clock import Clock, utc_now
from app.db.cursors import after_id
from app.db.database import Database
from app.db.errors import UnknownEvaluation
from app.db.ids import new_id
from app.db.sql import insert_all
from app.db.types import EvaluationRecord, Paged

KEPT: Final = 500
"""How many are kept; each new one beyond them takes the place of the oldest."""


@dataclass(frozen=True, slots=True)
class EvaluationStore:
    """Summaries as they were given."""

    db: Database
    clock: Clock = utc_now
    kept: int = KEPT

    def add(self, summary: Mapping[str, Any]) -> EvaluationRecord:
        """Keep one more."""
        record = EvaluationRecord(new_id("eva"), summary, self.clock())
        row = {"id": record.id, "summary": dict(summary), "created_at": record.created_at}
        newest = select(tables.Evaluation.id).order_by(tables.Evaluation.id.desc()).limit(self.kept)
        with self.db.write() as session:
            insert_all(session, tables.Evaluation, [row])
            oldest = min(session.scalars(newest))
            session.execute(delete(tables.Evaluation).where(tables.Evaluation.id < oldest))
        return record

    def page(self, limit: int, cursor: str | None) -> Paged[EvaluationRecord]:
        """Newest first. Raises InvalidCursor."""
        statement = select(tables.Evaluation).order_by(tables.Evaluation.id.desc()).limit(limit + 1)
        if cursor is not None:
            statement = statement.where(tables.Evaluation.id < after_id(cursor, "eva", "evaluations"))
        with self.db.read() as session:
            records = tuple(map(_record, session.scalars(statement)))
        return Paged(records[:limit], records[limit - 1].id if len(records) > limit else None)

    def get(self, id: str) -> EvaluationRecord:
        """Raises UnknownEvaluation."""
        with self.db.read() as session:
            row = session.get(tables.Evaluation, id)
            if row is None:
                raise UnknownEvaluation(f"there is no evaluation {id}")
            return _record(row)


def _record(row: tables.Evaluation) -> EvaluationRecord:
    return EvaluationRecord(row.id, row.summary, row.created_at)
