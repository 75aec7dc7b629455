"""Answers: asked as JSON or as a stream of events, kept with their citations, and rated."""

import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import asdict, dataclass, field
from typing import Annotated, Any, Literal, TypeAlias, cast

from anyio.to_thread import run_sync
from fastapi import APIRouter, Request
from fastapi.sse import ServerSentEvent
from pydantic import Field, JsonValue

from app import auth
from app.api.answer_options import Options
from app.api.dependencies import App, AppGiven, KeyGiven, PlaceHeld, ServicesGiven, while_connected
from app.api.events import EventStream, error_event, event
from app.api.models import Closed, Id, Reply, Text
from app.api.problems import request_id_of
from app.api.search import Collections, Filter, PlaceBody, Question, place_body
from app.db.errors import StorageFull
from app.db.ids import new_id
from app.db.types import AnswerId, ConversationId, KeyRecord
from generation.errors import GeneratorUnavailable
from generation.types import (
    Answer,
    Answered,
    AnswerEvent,
    AnswerOptions,
    Citation,
    ContextReady,
    Delta,
    Doubt,
    QueryKind,
    Turn,
    ValueDoubt,
)
from retrieval.types import Context, Passage, Scope

router = APIRouter(prefix="/v1/answers", tags=["answers"])

STREAM_SECONDS = 600.0
HISTORY_TURNS = 10


class Asked(Closed):
    """A question, alone or within a conversation."""

    question: Question
    conversation_id: Annotated[str, Field(max_length=64, pattern=r"^[A-Za-z0-9_]+$")] | None = None
    collections: Collections = None
    filter: Filter | None = None
    stream: bool = False
    options: Options = Options()


class Feedback(Closed):
    """What the asker thinks of an answer; the last word counts."""

    rating: Literal[1, -1]
    comment: Annotated[Text, Field(max_length=2000)] | None = None


class CitedDocument(Reply):
    """The document that a passage or a quote stands in."""

    id: str
    name: str
    title: str


class CitationBody(Reply):
    """A quote, verbatim from the document, behind a label of the answer; boxes are [page, x0, y0, x1, y1].

    `page_label` is what is printed on the page where that is not just its number. `places` are where else the same text
    stands, or nearly the same, as far as the asker may read.
    """

    label: int
    document: CitedDocument
    version: int
    chunk_id: str
    page: int | None
    page_label: str | None
    quote: str
    boxes: list[tuple[int, float, float, float, float]]
    places: list[PlaceBody]


class SentenceBody(Reply):
    """A sentence of the answer by code points, its labels, how well its quotes support it, what they do not say."""

    start: int
    end: int
    labels: list[int]
    support: float
    doubts: list[Doubt]


class UsageBody(Reply):
    """What the answer took, in tokens."""

    context_tokens: int
    context_tokens_uncompressed: int
    prompt_tokens: int
    completion_tokens: int


class SearchedBody(Reply):
    """What was searched for an answer: the question, other words for it, a step, or what the model asked for.

    `after_ms` counts from the question on. `answer` is what a step's passages say, where a later step needs it.
    """

    kind: QueryKind
    query: str
    hits: int
    after_ms: float
    took_ms: float
    answer: str


class ValueBody(Reply):
    """A value of a structured answer: its JSON pointer, its labels, how well they support it, what they do not say.

    True, false and the schema's own words are a `judgement`: nothing in a passage could bear them out.
    """

    path: str
    labels: list[int]
    support: float
    doubts: list[ValueDoubt]


class AnswerBody(Reply):
    """An answer whose every label has its citation; an abstention has none.

    `structured` fits the schema that was asked with, if any, with a check of each value in it in `structured_values`.
    `evidence` is how likely what was found answers the question, 0..1: below the service's threshold it abstains.
    """

    id: str
    question: str
    answer: str
    abstained: bool
    evidence: float
    citations: list[CitationBody]
    support: float
    sentences: list[SentenceBody]
    generator: str
    degraded: list[str]
    usage: UsageBody
    timings_ms: Mapping[str, float]
    trace: list[SearchedBody]
    structured: JsonValue
    structured_values: list[ValueBody]


class PassageBody(Reply):
    """A passage as the answer will be made from it."""

    label: int
    document: CitedDocument
    chunk_id: str
    headings: list[str]
    pages: list[int]
    text: str


class ContextBody(Reply):
    """The passages, numbered, with what they take."""

    passages: list[PassageBody]
    tokens: int


@dataclass(frozen=True, slots=True)
class Ask:
    """A question as it is answered: what may be seen, what was said before, what is wanted; and its answer's id."""

    question: str
    scope: Scope
    history: tuple[Turn, ...]
    options: AnswerOptions = field(default_factory=AnswerOptions)
    conversation: ConversationId | None = None
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
    async with aclosing(told):
        async for each in told:
            match each:
                case ContextReady():
                    yield event("context", context_body(each.context).model_dump(mode="json"))
                case Delta():
                    yield event("delta", {"text": each.text})
                case AnswerBody():
                    yield event("answer", each.model_dump(mode="json"))


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
    return Ask(asked.question, scope, history, options, conversation)


def _kept(app: App, key: KeyRecord, ask: Ask, answer: Answer) -> AnswerBody:
    """The answer as a body, stored for its asker before anybody hears of it; a full disk costs its place in history."""
    body = answer_body(ask.id, answer)
    stored: dict[str, Any] = body.model_dump(mode="json")
    try:
        app.services.conversations.add_message(key.id, ask.conversation, ask.id, ask.question, stored)
    except StorageFull:
        body = body.model_copy(update={"degraded": [*body.degraded, "history"]})
    app.metrics.answers.labels("abstained" if answer.abstained else "answered", answer.generator).inc()
    app.metrics.count_degraded(body.degraded)
    return body


def answer_body(id: AnswerId, answer: Answer) -> AnswerBody:
    """An answer as clients see it."""
    structured = answer.structured
    return AnswerBody(
        id=id,
        question=answer.question,
        answer=answer.text,
        abstained=answer.abstained,
        evidence=answer.evidence,
        citations=[_citation(citation) for citation in answer.citations],
        support=answer.support,
        sentences=[
            SentenceBody(
                start=each.start,
                end=each.end,
                labels=list(each.labels),
                support=each.support,
                doubts=list(each.doubts),
            )
            for each in answer.sentences
        ],
        generator=answer.generator,
        degraded=list(answer.degraded),
        usage=UsageBody(
            context_tokens=answer.context.tokens,
            context_tokens_uncompressed=answer.context.tokens_uncompressed,
            prompt_tokens=answer.usage.prompt_tokens,
            completion_tokens=answer.usage.completion_tokens,
        ),
        timings_ms=dict(answer.timings_ms),
        structured=cast("JsonValue", structured.value) if structured else None,
        structured_values=[ValueBody(**asdict(each)) for each in (structured.values if structured else ())],
        trace=[SearchedBody(**asdict(each)) for each in answer.trace],
    )


def context_body(context: Context) -> ContextBody:
    """The context as clients see it."""
    return ContextBody(passages=[_passage(passage) for passage in context.passages], tokens=context.tokens)


def _citation(citation: Citation) -> CitationBody:
    source = citation.source
    return CitationBody(
        label=citation.label,
        document=CitedDocument(id=source.id, name=source.name, title=source.title),
        version=citation.version,
        chunk_id=str(citation.chunk_id),
        page=citation.page,
        page_label=citation.page_label,
        quote=citation.quote,
        boxes=[(page, *box) for page, box in citation.boxes],
        places=[place_body(place) for place in citation.places],
    )


def _passage(passage: Passage) -> PassageBody:
    source = passage.hit.source
    return PassageBody(
        label=passage.label,
        document=CitedDocument(id=source.id, name=source.name, title=source.title),
        chunk_id=str(passage.hit.chunk.id),
        headings=list(passage.hit.chunk.headings),
        pages=list(passage.hit.placement.pages),
        text=passage.text,
    )
