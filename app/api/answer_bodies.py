"""Answers and their passages as clients see them."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, cast

from pydantic import JsonValue

from app.api.bodies import Reply
from app.api.search import PlaceBody, ScoresOfHit, place_body, scores_of
from app.db.types import AnswerId
from generation.types import Answer, Citation, Doubt, QueryKind, ValueDoubt
from retrieval.types import Context, Passage


class CitedDocument(Reply):
    """The document that a passage or a quote stands in."""

    id: str
    name: str
    title: str


class CitationBody(Reply):
    """A quote, verbatim from the document, behind a label of the answer; boxes are [page, x0, y0, x1, y1].

    `page_label` is what is printed on the page where that is not just its number. `places` are where else the same text
    stands, or nearly the same, as far as the asker may read. `recognised` says that some of the quote was read off a
    picture.
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
    recognised: bool


class SentenceBody(Reply):
    """A sentence of the answer by code points, its labels, how well its quotes support it, what they do not say.

    `citations` are the places of its quotes among the answer's citations, from 0.
    """

    start: int
    end: int
    labels: list[int]
    support: float
    doubts: list[Doubt]
    citations: list[int]


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
    rank: int
    scores: ScoresOfHit


class ContextBody(Reply):
    """The passages, numbered, with what they take.

    `left_out` counts the hits that only repeat a passage; `beside_the_point` are the chunks of which compression kept
    nothing.
    """

    passages: list[PassageBody]
    tokens: int
    left_out: int
    beside_the_point: list[str]


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
                citations=list(each.citations),
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
    return ContextBody(
        passages=[_passage(passage) for passage in context.passages],
        tokens=context.tokens,
        left_out=context.left_out,
        beside_the_point=[str(chunk) for chunk in context.beside_the_point],
    )


def passages_read(context: Context) -> dict[str, Any]:
    """Which chunks the context held, by their labels, and which were beside the point: a short form of its body."""
    return {
        "passages": [{"label": each.label, "chunk_id": str(each.hit.chunk.id)} for each in context.passages],
        "beside_the_point": [str(chunk) for chunk in context.beside_the_point],
    }


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
        recognised=citation.recognised,
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
        rank=passage.hit.rank,
        scores=scores_of(passage.hit.scores),
    )
