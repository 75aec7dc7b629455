"""Answers: asked as JSON or as a stream of events, kept with their citations, and rated."""

import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, Literal, TypeAlias

from anyio.to_thread import run_sync
from fastapi import APIRouter, Request
from fastapi.sse import ServerSentEvent
from pydantic import Field

from app import auth
from app.api.answer_bodies import AnswerBody, answer_body, context_body, passages_read
from app.api.answer_options import Options
from app.api.bodies import Closed, Id, Reply, Text
from app.api.dependencies import App, AppGiven, KeyGiven, PlaceHeld, Readable, ServicesGiven, while_connected
from app.api.events import EventStream, error_event, event
from app.api.problems import request_id_of
from app.api.rendering import GrowingText, Node, rendered_body
from app.api.search import Collections, Filter, Question
from app.db.errors import StorageFull, UnknownAnswer
from app.db.ids import new_id
from app.db.types import AnswerId, ConversationId, KeyRecord, MessageRecord
from app.wiring import Services
from generation.errors import GeneratorUnavailable
from generation.types import (
    Answer,
    Answered,
    AnswerEvent,
    AnswerOptions,
    ContextReady,
    Delta,
    Turn,
)
from ingestion.errors import UnknownDocument
from ingestion.types import DocumentId
from retrieval.types import Scope

router = APIRouter(prefix="/v1/answers", tags=["answers"])

STREAM_SECONDS = 600.0
HISTORY_TURNS = 10  # of a conversation, the last, that a question is asked with


class Asked(Closed):
    """A question, alone or within a conversation."""

    question: Question
    conversation_id: Annotated[str, Field(max_length=64, pattern=r"^[A-Za-z0-9_]+$")] | None = None
    collections: Collections = None
    filter: Filter | None = None
    stream: bool = False
    options: Options = Options()


class SharedAnswer(Reply):
    """An answer's whole body, and its text as a tree; `own` says that the asker asked it.

    Where it was asked, `asked` in the body, is told to its asker alone: it may name collections that others do not see.
    """

    answer: Mapping[str, Any]
    rendered: list[Node]
    own: bool
    created_at: datetime


class Feedback(Closed):
    """What the asker thinks of an answer; the last word counts.

    The same rating without a comment leaves the earlier comment as it is.
    """

    rating: Literal[1, -1]
    comment: Annotated[Text, Field(max_length=2000)] | None = None


@dataclass(frozen=True, slots=True)
class Ask:
    """A question as it is answered: what may be seen, what was said before, what is wanted; and its answer's id.

    `where` are the collections and the filter as they were asked for.
    """

    question: str
    scope: Scope
    history: tuple[Turn, ...]
    options: AnswerOptions = field(default_factory=AnswerOptions)
    conversation: ConversationId | None = None
    where: Mapping[str, Any] = field(default_factory=lambda: {"collections": None, "filter": None})
    id: AnswerId = field(default_factory=lambda: AnswerId(new_id("ans")))


Told: TypeAlias = ContextReady | Delta | AnswerBody


@router.post("", response_model=AnswerBody, responses={200: {"content": {"text/event-stream": {}}}})
async def answer(
    asked: Asked, request: Request, key: KeyGiven, app: AppGiven, _: PlaceHeld
) -> AnswerBody | EventStream:
    """Answer from the documents, as one body or, with `stream`, as events."""
    told = begin(app, key, await run_sync(ask_of, app, key, asked))
    if not asked.stream:
        return await while_connected(request, lambda: whole(told))
    request_id = request_id_of(request.scope)
    return EventStream(_events(told), lambda error: error_event(error, request_id), app.streams, STREAM_SECONDS)


@router.post("/{id}/feedback", status_code=204)
def rate(id: Id, feedback: Feedback, key: KeyGiven, services: ServicesGiven) -> None:
    """Rate one's own answer."""
    services.conversations.rate(key.id, AnswerId(id), feedback.rating, feedback.comment)


@router.post("/{id}/share", status_code=204)
def share(id: Id, key: KeyGiven, services: ServicesGiven) -> None:
    """Let everybody read one's own answer who may read all that it cites."""
    services.conversations.share(key.id, AnswerId(id))


@router.get("/{id}")
def read(id: Id, key: KeyGiven, scope: Readable, services: ServicesGiven) -> SharedAnswer:
    """One's own answer, or a shared one whose every cited document one may read now."""
    record, own = services.conversations.answer(key.id, AnswerId(id))
    if not own:
        _require_readable(services, scope, record)
    body = {name: value for name, value in record.answer.items() if own or name != "asked"}
    return SharedAnswer(answer=body, rendered=rendered_body(body), own=own, created_at=record.created_at)


def _require_readable(services: Services, scope: Scope, record: MessageRecord) -> None:
    """Raises UnknownAnswer, for an answer that cites nothing too: nothing tells who may read it."""
    cited = {DocumentId(citation["document"]["id"]) for citation in record.answer["citations"]}
    try:
        readable = services.documents.each(cited, scope)
    except UnknownDocument as error:
        raise UnknownAnswer(f"{record.id} cites what this key may not read") from error
    if not readable:
        raise UnknownAnswer(f"{record.id} cites nothing")


def begin(app: App, key: KeyRecord, ask: Ask) -> AsyncGenerator[Told, None]:
    """What an asker is told, in order; the whole answer comes last, and is stored by then.

    Raises UnknownGenerator at once. Closing it frees whatever writes.
    """
    events = app.services.answerer.stream(ask.question, ask.scope, ask.history, ask.options)
    return _told(app, key, ask, events)


async def _told(
    app: App, key: KeyRecord, ask: Ask, events: AsyncGenerator[AnswerEvent, None]
) -> AsyncGenerator[Told, None]:
    started: float | None = time.perf_counter()
    try:
        async with aclosing(events):
            async for told in events:
                if isinstance(told, Answered):
                    yield await run_sync(_kept, app, key, ask, told.answer)
                    continue
                if isinstance(told, Delta) and started is not None:
                    app.metrics.first_sentence.observe(time.perf_counter() - started)
                    started = None
                yield told
    except Exception:
        app.metrics.answers.labels("failed", "").inc()
        raise


async def whole(told: AsyncGenerator[Told, None]) -> AnswerBody:
    """The answer that the telling ends with."""
    async with aclosing(told):
        async for each in told:
            if isinstance(each, AnswerBody):
                return each
    raise GeneratorUnavailable("the answer ended before it was whole")


async def _events(told: AsyncGenerator[Told, None]) -> AsyncGenerator[ServerSentEvent, None]:
    """As the contract has them. The answer comes with its tree, a delta with its growth where it has one.

    Of the tree's nodes so far the first `kept` stand; `rendered` takes the others' place.
    """
    text = GrowingText(())
    async with aclosing(told):
        async for each in told:
            match each:
                case ContextReady():
                    text = GrowingText([passage.label for passage in each.context.passages])
                    yield event("context", context_body(each.context).model_dump(mode="json"))
                case Delta():
                    grown = text.grow(each.text)
                    tree = {} if grown is None else {"kept": grown.kept, "rendered": _dumped(grown.nodes)}
                    yield event("delta", {"text": each.text, **tree})
                case AnswerBody():
                    body = each.model_dump(mode="json")
                    yield event("answer", {**body, "rendered": await run_sync(_dumped_body, body)})


def _dumped_body(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    return _dumped(rendered_body(body))


def _dumped(tree: list[Node]) -> list[dict[str, Any]]:
    return [node.model_dump() for node in tree]


def ask_of(app: App, key: KeyRecord, asked: Asked) -> Ask:
    """The question as it is answered: its conversation looked up, its collections checked."""
    services = app.services
    scope = auth.scope_of(services.collections, key, asked.collections)
    conversation = ConversationId(asked.conversation_id) if asked.conversation_id else None
    history: tuple[Turn, ...] = ()
    if conversation is not None:
        _, messages = services.conversations.get(key.id, conversation)
        history = tuple(Turn(message.question, str(message.answer["answer"])) for message in messages[-HISTORY_TURNS:])
    options = asked.options.chosen(asked.filter.conditions() if asked.filter else ())
    where = asked.model_dump(mode="json", include={"collections", "filter"})
    return Ask(asked.question, scope, history, options, conversation, where)


def _kept(app: App, key: KeyRecord, ask: Ask, answer: Answer) -> AnswerBody:
    """The answer as a body, stored for its asker before anybody hears of it; a full disk costs its place in history.

    Stored with it is what only its asker's `events` told: where it was asked, and which passages were read.
    """
    body = answer_body(ask.id, answer)
    stored: dict[str, Any] = {
        **body.model_dump(mode="json"),
        "asked": dict(ask.where),
        "context": passages_read(answer.context),
    }
    try:
        app.services.conversations.add_message(key.id, ask.conversation, ask.id, ask.question, stored)
    except StorageFull:
        body = body.model_copy(update={"degraded": [*body.degraded, "history"]})
    app.metrics.answers.labels("abstained" if answer.abstained else "answered", answer.generator).inc()
    app.metrics.count_degraded(body.degraded)
    return body
