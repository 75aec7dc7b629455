"""What flows through retrieval: ids, scopes, filters, chunks, scores, hits and the packed context."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NewType, TypeAlias

import numpy as np
from numpy.typing import NDArray

ChunkId = NewType("ChunkId", int)
CollectionId = NewType("CollectionId", int)

Vector: TypeAlias = NDArray[np.float32]  # (dim,), L2-normalised
Matrix: TypeAlias = NDArray[np.float32]  # (n, dim), rows L2-normalised
HalfMatrix: TypeAlias = NDArray[np.float16]  # (n, dim), rows L2-normalised, as stored
ChunkIds: TypeAlias = NDArray[np.int64]  # (n,)
Span: TypeAlias = tuple[int, int]  # [start, end) in code points
Box: TypeAlias = tuple[float, float, float, float]  # x0, y0, x1, y1 in points from the top left of the rotated crop box

SearchMode: TypeAlias = Literal["hybrid", "lexical", "dense"]
Operator: TypeAlias = Literal["eq", "ne", "in", "lt", "lte", "gt", "gte", "exists"]
Scalar: TypeAlias = str | int | float | bool
MetadataValue: TypeAlias = Scalar | tuple[Scalar, ...]


@dataclass(frozen=True, slots=True)
class Scope:
    """The collections that the asker may read, already narrowed to those asked for; an empty scope finds nothing."""

    collections: frozenset[CollectionId]


@dataclass(frozen=True, slots=True)
class Condition:
    """One test on a field of the document or of the passage; `docs/api.md` lists them."""

    field: str
    op: Operator
    value: MetadataValue | None


Filter: TypeAlias = tuple[Condition, ...]
"""All conditions must hold; the empty filter lets everything through."""


@dataclass(frozen=True, slots=True)
class Region:
    """Where a span of a text stands on a page, 1-based; `recognised` says that it was read off a picture of it."""

    start: int
    end: int
    page: int
    box: Box | None
    recognised: bool = False


@dataclass(frozen=True, slots=True)
class Chunk:
    """A stretch of text that is indexed, found and cited as one; shared by all places in which it stands unchanged."""

    id: ChunkId
    text: str
    headings: tuple[str, ...]
    sentences: tuple[Span, ...]
    language: str
    tokens: int


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a chunk stands in one version of a document; `page_labels` are what is printed on its pages, if anything.

    Labels are empty, or one for each of `pages`.
    """

    version: int
    ordinal: int
    pages: tuple[int, ...]
    regions: tuple[Region, ...]
    page_labels: tuple[str, ...] = ()

    @property
    def recognised(self) -> bool:
        """Whether some of it was read off a picture."""
        return any(region.recognised for region in self.regions)

    def label_of(self, page: int | None) -> str | None:
        """What is printed on one of the pages, where that is known."""
        return dict(zip(self.pages, self.page_labels, strict=False)).get(page) if page is not None else None


@dataclass(frozen=True, slots=True)
class Source:
    """The document that a chunk was found in, as far as a reader may see it."""

    id: str
    name: str
    title: str
    collection: str
    media_type: str
    metadata: Mapping[str, MetadataValue]
    effective_at: datetime | None = None
    """From when on its content holds, where that is known."""


@dataclass(frozen=True, slots=True)
class Place:
    """Another place in which a text stands: a document that the asker may read, and its pages there."""

    source: Source
    pages: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class PlacedChunk:
    """A live chunk read from the database: its text, its place, its document and its sentences' vectors, in order.

    `is_shared` says that it stands in other places too, that are as live and as much in scope.
    """

    chunk: Chunk
    placement: Placement
    source: Source
    sentence_vectors: HalfMatrix
    is_shared: bool = False


@dataclass(frozen=True, slots=True)
class IndexedText:
    """What a lexical index keeps of a chunk; the outermost heading is the document's title, a field of its own.

    So are hypothetical questions: a model's words for what the text answers, by which it is found and never quoted.
    """

    id: ChunkId
    headings: tuple[str, ...]
    text: str
    questions: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        return self.headings[0] if self.headings else ""

    @property
    def body(self) -> str:
        return "\n".join((*self.headings[1:], self.text))

    @property
    def fields(self) -> tuple[str, str, str]:
        """The title, the body and the questions."""
        return self.title, self.body, "\n".join(self.questions)


@dataclass(frozen=True, slots=True)
class Scored:
    """A chunk's id with its score; higher is better, always."""

    id: ChunkId
    score: float


@dataclass(frozen=True, slots=True)
class Scores:
    """A hit's score at each stage; None where a stage did not find the chunk or did not run.

    `fused` includes what a document gains that the query calls by its name; `linked` is what a walk over the links
    between hits makes of the score. `recency` is the share of the score that the document's age leaves, `spread` the
    share that better hits on the same page leave.
    """

    lexical: float | None
    dense: float | None
    fused: float
    reranked: float | None
    linked: float | None = None
    recency: float | None = None
    spread: float | None = None

    @property
    def final(self) -> float:
        """What hits are ranked by."""
        relevance = next(score for score in (self.linked, self.reranked, self.fused) if score is not None)
        for share in (self.recency, self.spread):
            relevance *= 1.0 if share is None else share
        return relevance


@dataclass(frozen=True, slots=True, eq=False)
class Hit:
    """A found chunk; rank 1 is best. `similarities` are the cosines of its sentences with the query, in order.

    They are None where no model speaks: none ran, or none that knows the query's script.
    """

    rank: int
    chunk: Chunk
    placement: Placement
    source: Source
    scores: Scores
    similarities: Vector | None
    places: tuple[Place, ...] = ()
    """Where else the same stands, or in a context nearly the same."""


@dataclass(frozen=True, slots=True, eq=False)
class SearchResult:
    """The hits of one query, best first, how long each stage took, and the stages that failed."""

    hits: tuple[Hit, ...]
    timings_ms: Mapping[str, float]
    degraded: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Passage:
    """A hit as a model is shown it: under a label, and maybe with only some of its sentences."""

    label: int
    hit: Hit
    text: str
    kept: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Context:
    """The passages that fit the token budget, in label order from 1.

    `left_out` counts those of the hits asked for that repeat a passage, or are variants of several and had to wait;
    `beside_the_point` are those of which compression kept nothing.
    """

    passages: tuple[Passage, ...]
    tokens: int
    tokens_uncompressed: int
    left_out: int = 0
    beside_the_point: tuple[ChunkId, ...] = ()


@dataclass(frozen=True, slots=True)
class PassageInput:
    """What an embedder is given of a chunk: the model sees `prefix + text`; sentence spans are in `text`."""

    prefix: str
    text: str
    sentences: tuple[Span, ...]


@dataclass(frozen=True, slots=True, eq=False)
class PassageEmbedding:
    """One vector for the chunk and one per sentence, in order; a sentence past the model's window has a zero vector."""

    vector: Vector
    sentence_vectors: HalfMatrix


@dataclass(frozen=True, slots=True)
class Head:
    """How far a collection's change log has come: the generation that serves, its embedder and the last seq.

    `dim` is the length of that embedder's vectors, None before it made one.
    """

    generation: int
    fingerprint: str
    seq: int
    dim: int | None


@dataclass(frozen=True, slots=True, eq=False)
class Change:
    """One row of the change log: the chunks that came alive and those that no live version holds any more."""

    seq: int
    added: ChunkIds
    removed: ChunkIds
