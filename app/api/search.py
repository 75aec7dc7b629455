"""Search: the passages that a question finds, with their scores."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

from anyio.to_thread import run_sync
from fastapi import APIRouter
from pydantic import Field, model_validator

from app import auth
from app.api.bodies import Closed, CollectionName, Reply, Text, Value
from app.api.dependencies import App, AppGiven, KeyGiven, PlaceHeld
from app.db.types import KeyRecord
from app.wiring import Services
from retrieval.types import Condition, Hit, MetadataValue, Operator, Place, Scores, SearchMode, SearchResult, Source
from retrieval.types import Filter as Conditions

router = APIRouter(prefix="/v1", tags=["search"])

QUESTION_MAX = 4000  # characters
Question = Annotated[Text, Field(min_length=1, max_length=QUESTION_MAX, pattern=r"\S")]
PreferRecent = Annotated[float, Field(ge=0, le=1)]
"""The most that its age may take from a hit's score, as a share."""
Collections = Annotated[list[CollectionName], Field(min_length=1, max_length=100)] | None


class FilterCondition(Closed):
    """One condition on a field."""

    field: Annotated[
        Text,
        Field(
            max_length=80,
            pattern=r"^(metadata\.\w[\w .:/-]{0,63}"
            r"|document\.(id|name|title)|media_type|language|(created|effective)_at|section|page_label)$",
        ),
    ]
    op: Operator
    value: Value | None = None

    @model_validator(mode="after")
    def _fits(self) -> "FilterCondition":
        if self.op == "exists":
            if not (self.value is None or isinstance(self.value, bool)):
                raise ValueError("exists takes true or false")
        elif self.op == "in":
            if not isinstance(self.value, tuple):
                raise ValueError("in takes a list")
        elif self.value is None or (isinstance(self.value, tuple) and self.field != "section"):
            raise ValueError(f"{self.op} takes one value")
        if self.value == ():
            raise ValueError("an empty list fits nothing")
        return self


class Filter(Closed):
    """Tests that must all hold."""

    all: Annotated[list[FilterCondition], Field(max_length=20)]

    def conditions(self) -> Conditions:
        """As retrieval knows them."""
        return tuple(Condition(test.field, test.op, test.value) for test in self.all)


class SearchQuery(Closed):
    """What to search, where, and how."""

    query: Question
    collections: Collections = None
    filter: Filter | None = None
    k: Annotated[int, Field(ge=1, le=100)] = 10
    mode: SearchMode = "hybrid"
    rerank: bool = True
    prefer_recent: PreferRecent = 0.0
    multi_hop: bool = False


class DocumentOfHit(Reply):
    """The document that a passage was found in."""

    id: str
    name: str
    title: str
    collection: str
    metadata: Mapping[str, MetadataValue]
    effective_at: datetime | None


class ChunkOfHit(Reply):
    """A passage as it was found; `page_labels` are what is printed on its pages where that is not just their number.

    `recognised` says that some of it was read off a picture.
    """

    id: str
    text: str
    headings: list[str]
    pages: list[int]
    page_labels: list[str]
    recognised: bool


class ScoresOfHit(Reply):
    """A score per stage; null where the stage did not find the passage or did not run.

    `linked` is what a walk over the links between hits makes of the score, where `multi_hop` was asked for. `recency`
    and `spread` are no scores but shares of it: what the document's age leaves, and what better hits on the same page
    leave.
    """

    lexical: float | None
    dense: float | None
    fused: float
    reranked: float | None
    linked: float | None
    recency: float | None
    spread: float | None


class PlacedDocument(Reply):
    """The document that a text stands in."""

    id: str
    name: str
    title: str


class PlaceBody(Reply):
    """Another place in which the same stands."""

    document: PlacedDocument
    pages: list[int]


class FoundChunk(Reply):
    """A hit: rank 1 is best; `score` is that of the last stage that ran, less what age and its page take."""

    rank: int
    score: float
    scores: ScoresOfHit
    document: DocumentOfHit
    chunk: ChunkOfHit
    places: list[PlaceBody]


class Found(Reply):
    """The hits, how long each stage took (embed, lexical, dense, fuse, hydrate, rerank, total), and what failed."""

    hits: list[FoundChunk]
    timings_ms: Mapping[str, float]
    degraded: list[str]


@router.post("/search")
async def search(query: SearchQuery, key: KeyGiven, app: AppGiven, _: PlaceHeld) -> Found:
    """Find passages; filtering happens before ranking."""
    return await find(app, key, query)


async def find(app: App, key: KeyRecord, query: SearchQuery) -> Found:
    """What a query finds of all that the key may read."""
    result = await run_sync(_search, app.services, key, query)
    app.metrics.count_degraded(result.degraded)
    return Found(
        hits=[_shown(hit) for hit in result.hits],
        timings_ms=result.timings_ms,
        degraded=list(result.degraded),
    )


def _search(services: Services, key: KeyRecord, query: SearchQuery) -> SearchResult:
    scope = auth.scope_of(services.collections, key, query.collections)
    conditions = query.filter.conditions() if query.filter else ()
    return services.retriever.search(
        query.query, scope, query.k, conditions, query.mode, query.rerank, query.prefer_recent, query.multi_hop
    )


def _shown(hit: Hit) -> FoundChunk:
    scores = hit.scores
    return FoundChunk(
        rank=hit.rank,
        score=scores.final,
        scores=scores_of(scores),
        document=document_of(hit.source),
        chunk=ChunkOfHit(
            id=str(hit.chunk.id),
            text=hit.chunk.text,
            headings=list(hit.chunk.headings),
            pages=list(hit.placement.pages),
            page_labels=list(hit.placement.page_labels),
            recognised=hit.placement.recognised,
        ),
        places=[place_body(place) for place in hit.places],
    )


def scores_of(scores: Scores) -> ScoresOfHit:
    """Scores as clients see them."""
    return ScoresOfHit(
        lexical=scores.lexical,
        dense=scores.dense,
        fused=scores.fused,
        reranked=scores.reranked,
        linked=scores.linked,
        recency=scores.recency,
        spread=scores.spread,
    )


def place_body(place: Place) -> PlaceBody:
    """A place as clients see it."""
    source = place.source
    return PlaceBody(
        document=PlacedDocument(id=source.id, name=source.name, title=source.title), pages=list(place.pages)
    )


def document_of(source: Source) -> DocumentOfHit:
    """A source as clients see it."""
    return DocumentOfHit(
        id=source.id,
        name=source.name,
        title=source.title,
        collection=source.collection,
        metadata=source.metadata,
        effective_at=source.effective_at,
    )
