"""Conversations, answers and what askers thought of them; each key sees its own alone."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Row, delete, exists, or_, select, update
from sqlalchemy.orm import Session

from app.db import tables
from app.db.clock import Clock, utc_now
from app.db.cursors import after_id
from app.db.database import Database
from app.db.errors import UnknownAnswer, UnknownConversation
from app.db.ids import new_id
from app.db.sql import changed, insert_all, storable
from app.db.types import AnswerId, ConversationId, ConversationRecord, KeyId, MessageRecord, Paged, RatedRecord

MESSAGES: Final = 1000
"""How many messages of one conversation are given, the last ones."""

_TITLE_CHARACTERS = 80  # of a title that is a question's beginning

_MESSAGE = (
    tables.Message.id,
    tables.Message.conversation_id,
    tables.Message.question,
    tables.Message.answer,
    tables.Message.created_at,
    tables.Feedback.rating,
)


@dataclass(frozen=True, slots=True)
class ConversationStore:
    """A foreign conversation or answer is as unknown as one that never was."""

    db: Database
    clock: Clock = utc_now

    def create(self, key: KeyId, title: str) -> ConversationRecord:
        now = self.clock()
        record = ConversationRecord(ConversationId(new_id("con")), storable(title), now, now)
        row = {"id": record.id, "key_id": key, "title": record.title, "created_at": now, "updated_at": now}
        with self.db.write() as session:
            insert_all(session, tables.Conversation, [row])
        return record

    def page(self, key: KeyId, limit: int, cursor: str | None, q: str | None = None) -> Paged[ConversationRecord]:
        """Newest first; `q` is looked for in titles and questions, capitals or not. Raises InvalidCursor."""
        statement = select(tables.Conversation).where(tables.Conversation.key_id == key)
        if q:
            asked = exists().where(
                tables.Message.conversation_id == tables.Conversation.id,
                tables.Message.question.icontains(q, autoescape=True),
            )
            statement = statement.where(or_(tables.Conversation.title.icontains(q, autoescape=True), asked))
        if cursor is not None:
            statement = statement.where(tables.Conversation.id < after_id(cursor, "con", "conversations"))
        with self.db.read() as session:
            rows = session.scalars(statement.order_by(tables.Conversation.id.desc()).limit(limit + 1)).all()
            records = tuple(_conversation(row) for row in rows[:limit])
        return Paged(records, records[-1].id if len(rows) > limit else None)

    def get(self, key: KeyId, id: ConversationId) -> tuple[ConversationRecord, list[MessageRecord]]:
        """The conversation with its messages in order. Raises UnknownConversation."""
        with self.db.read() as session:
            record = _conversation(_owned(session, key, id))
            rows = session.execute(
                select(*_MESSAGE)
                .outerjoin(tables.Feedback, tables.Feedback.message_id == tables.Message.id)
                .where(tables.Message.conversation_id == id)
                .order_by(tables.Message.id.desc())
                .limit(MESSAGES)
            ).all()
        return record, [_message(row) for row in reversed(rows)]

    def rename(self, key: KeyId, id: ConversationId, title: str) -> ConversationRecord:
        """Raises UnknownConversation."""
        with self.db.write() as session:
            row = _owned(session, key, id)
            row.title = storable(title)
            return _conversation(row)

    def delete(self, key: KeyId, id: ConversationId) -> None:
        """Raises UnknownConversation."""
        mine = (tables.Conversation.id == id, tables.Conversation.key_id == key)
        with self.db.write() as session:
            if changed(session.execute(delete(tables.Conversation).where(*mine))) != 1:
                raise UnknownConversation(f"there is no conversation {id}")

    def add_message(
        self,
        key: KeyId,
        conversation: ConversationId | None,
        answer_id: AnswerId,
        question: str,
        answer: Mapping[str, Any],
    ) -> MessageRecord:
        """Keep a question with its answer's whole body; it names a conversation without a title.

        Raises UnknownConversation.
        """
        record = MessageRecord(answer_id, conversation, storable(question), answer, None, self.clock())
        row = {
            "id": answer_id,
            "key_id": key,
            "conversation_id": conversation,
            "question": record.question,
            "answer": dict(answer),
            "created_at": record.created_at,
        }
        with self.db.write() as session:
            if conversation is not None:
                title = _owned(session, key, conversation).title or _beginning(record.question)
                session.execute(
                    update(tables.Conversation)
                    .where(tables.Conversation.id == conversation)
                    .values(updated_at=record.created_at, title=title)
                )
            insert_all(session, tables.Message, [row])
        return record

    def share(self, key: KeyId, answer_id: AnswerId) -> None:
        """Let others read one's own answer. Raises UnknownAnswer."""
        mine = (tables.Message.id == answer_id, tables.Message.key_id == key)
        with self.db.write() as session:
            if changed(session.execute(update(tables.Message).where(*mine).values(shared=True))) != 1:
                raise UnknownAnswer(f"there is no answer {answer_id}")

    def answer(self, key: KeyId, answer_id: AnswerId) -> tuple[MessageRecord, bool]:
        """An answer that is one's own or shared, and whether it is one's own. Raises UnknownAnswer."""
        seen = or_(tables.Message.key_id == key, tables.Message.shared)
        statement = select(tables.Message).where(tables.Message.id == answer_id, seen)
        with self.db.read() as session:
            row = session.scalars(statement).one_or_none()
            if row is None:
                raise UnknownAnswer(f"there is no answer {answer_id}")
            record = MessageRecord(answer_id, None, row.question, row.answer, None, row.created_at)
            return record, row.key_id == key

    def rated(self, limit: int, cursor: str | None) -> Paged[RatedRecord]:
        """Every asker's rated answers, the newest answers first. Raises InvalidCursor."""
        columns = [*_MESSAGE, tables.Feedback.comment]
        statement = select(*columns).join(tables.Feedback, tables.Feedback.message_id == tables.Message.id)
        if cursor is not None:
            statement = statement.where(tables.Message.id < after_id(cursor, "ans", "rated answers"))
        with self.db.read() as session:
            rows = session.execute(statement.order_by(tables.Message.id.desc()).limit(limit + 1)).all()
        records = tuple(RatedRecord(_message(row), row.comment) for row in rows[:limit])
        return Paged(records, records[-1].message.id if len(rows) > limit else None)

    def rate(self, key: KeyId, answer_id: AnswerId, rating: int, comment: str | None) -> None:
        """The last word counts; the same rating without a comment keeps the earlier one. Raises UnknownAnswer."""
        mine = select(tables.Message.id).where(tables.Message.id == answer_id, tables.Message.key_id == key)
        row = {
            "message_id": answer_id,
            "rating": rating,
            "comment": None if comment is None else storable(comment),
            "created_at": self.clock(),
        }
        with self.db.write() as session:
            if session.execute(mine.with_for_update()).first() is None:
                raise UnknownAnswer(f"there is no answer {answer_id}")
            earlier = session.get(tables.Feedback, answer_id)
            if earlier is not None and earlier.rating == rating and comment is None:
                return
            session.execute(delete(tables.Feedback).where(tables.Feedback.message_id == answer_id))
            insert_all(session, tables.Feedback, [row])


def _beginning(question: str) -> str:
    words = " ".join(question.split())
    return words if len(words) <= _TITLE_CHARACTERS else f"{words[: _TITLE_CHARACTERS - 1]}…"


def _owned(session: Session, key: KeyId, id: ConversationId) -> tables.Conversation:
    mine = (tables.Conversation.id == id, tables.Conversation.key_id == key)
    row = session.scalars(select(tables.Conversation).where(*mine)).one_or_none()
    if row is None:
        raise UnknownConversation(f"there is no conversation {id}")
    return row


def _conversation(row: tables.Conversation) -> ConversationRecord:
    return ConversationRecord(ConversationId(row.id), row.title, row.created_at, row.updated_at)


def _message(row: Row[*tuple[Any, ...]]) -> MessageRecord:
    return MessageRecord(
        id=AnswerId(row.id),
        conversation_id=row.conversation_id,
        question=row.question,
        answer=row.answer,
        rating=row.rating,
        created_at=row.created_at,
    )
