"""Feedback: what askers thought of answers, for whoever looks after the documents."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from fastapi import APIRouter

from app.api.bodies import Cursor, Limit, Page, Reply, page
from app.api.dependencies import ServicesGiven
from app.db.types import RatedRecord

router = APIRouter(prefix="/v1/admin/feedback", tags=["feedback"])


class RatedAnswer(Reply):
    """A question and its answer's whole body with the rating, 1 or -1, and the words that came with it."""

    id: str
    question: str
    answer: Mapping[str, Any]
    rating: int | None
    comment: str | None
    created_at: datetime


@router.get("")
def list_feedback(services: ServicesGiven, limit: Limit = 50, cursor: Cursor = None) -> Page[RatedAnswer]:
    """Every asker's rated answers, the newest first; who asked is not told."""
    return page(services.conversations.rated(limit, cursor), _shown)


def _shown(record: RatedRecord) -> RatedAnswer:
    message = record.message
    return RatedAnswer(
        id=message.id,
        question=message.question,
        answer=message.answer,
        rating=message.rating,
        comment=record.comment,
        created_at=message.created_at,
    )
