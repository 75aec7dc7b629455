"""Conversations: each asker's own questions, with their answers."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import Field

from app.api.bodies import Closed, Cursor, Id, Limit, Page, Reply, Text, page
from app.api.dependencies import KeyGiven, ServicesGiven
from app.api.rendering import Node, rendered_body
from app.db.types import ConversationId, ConversationRecord, MessageRecord

router = APIRouter(prefix="/v1/conversations", tags=["conversations"])


class NewConversation(Closed):
    """A conversation to be begun."""

    title: Annotated[Text, Field(max_length=200)] = ""


class Renaming(Closed):
    """A conversation's new title."""

    title: Annotated[Text, Field(min_length=1, max_length=200)]


UNTITLED = NewConversation()


class Conversation(Reply):
    """A conversation's head."""

    id: str
    title: str
    created_at: datetime
    updated_at: datetime


class Message(Reply):
    """A question with the whole body of its answer, and the answer's text as a tree.

    The body also has `asked`, the collections and the filter that were asked for, and `context`, the passages' labels
    and chunks and the chunks that were beside the point; answers of an earlier release lack them.
    """

    id: str
    question: str
    answer: Mapping[str, Any]
    rendered: list[Node]
    rating: int | None
    created_at: datetime


class WholeConversation(Conversation):
    """A conversation with all that was said, oldest first."""

    messages: list[Message]


@router.post("", status_code=201)
def begin(key: KeyGiven, services: ServicesGiven, new: NewConversation = UNTITLED) -> Conversation:
    """Begin a conversation."""
    return _head(services.conversations.create(key.id, new.title))


@router.get("")
def list_conversations(
    key: KeyGiven,
    services: ServicesGiven,
    q: Annotated[Text | None, Query(max_length=200)] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[Conversation]:
    """One's own conversations, the latest first; `q` looks into titles and questions."""
    return page(services.conversations.page(key.id, limit, cursor, q), _head)


@router.get("/{id}")
def read(id: Id, key: KeyGiven, services: ServicesGiven) -> WholeConversation:
    """One's own conversation with its messages."""
    record, messages = services.conversations.get(key.id, ConversationId(id))
    return WholeConversation(**_head(record).model_dump(), messages=[_message(message) for message in messages])


@router.patch("/{id}")
def rename(id: Id, renaming: Renaming, key: KeyGiven, services: ServicesGiven) -> Conversation:
    """Give one's own conversation another title."""
    return _head(services.conversations.rename(key.id, ConversationId(id), renaming.title))


@router.delete("/{id}", status_code=204)
def delete(id: Id, key: KeyGiven, services: ServicesGiven) -> None:
    """Delete one's own conversation with its messages."""
    services.conversations.delete(key.id, ConversationId(id))


def _head(record: ConversationRecord) -> Conversation:
    return Conversation(id=record.id, title=record.title, created_at=record.created_at, updated_at=record.updated_at)


def _message(record: MessageRecord) -> Message:
    return Message(
        id=record.id,
        question=record.question,
        answer=record.answer,
        rendered=rendered_body(record.answer),
        rating=record.rating,
        created_at=record.created_at,
    )
