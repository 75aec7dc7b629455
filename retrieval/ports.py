"""What retrieval needs of the world; the docstrings are the contracts that every backend is tested against."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

from retrieval.types import (
    Change,
    ChunkId,
    ChunkIds,
    CollectionId,
    Filter,
    Head,
    IndexedText,
    Matrix,
    PassageEmbedding,
    PassageInput,
    Place,
    PlacedChunk,
    Scope,
    Scored,
    Vector,
)


class Embedder(Protocol):
    """Turns text into vectors. Raises ModelUnavailable when its model or server cannot be had."""

    @property
    def fingerprint(self) -> str:
        """Model, pooling, prompts and window in one string; vectors of different fingerprints never meet."""
        ...

    @property
    def dim(self) -> int: ...

    @property
    def window(self) -> int:
        """The most tokens that the model sees, special tokens not counted."""
        ...

    @property
    def languages(self) -> frozenset[str]:
        """ISO 639-1 codes that the model was trained on; the fusion leans on terms for all others. Empty: any."""
        ...

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, special tokens not counted; does not load the model."""
        ...

    def embed_queries(self, texts: Sequence[str]) -> Matrix:
        """One L2-normalised float32 row per text, in order."""
        ...

    def embed_passages(self, passages: Sequence[PassageInput]) -> list[PassageEmbedding]:
        """One embedding per passage, in order; the result does not depend on what else is in the batch."""
        ...


class Embedders(Protocol):
    """The embedders of all vectors that there are: collections may have been embedded by different ones."""

    def of(self, fingerprint: str) -> Embedder:
        """The one that made such vectors. Raises ModelUnavailable when it cannot be had any more."""
        ...


class VectorIndex(Protocol):
    """Inner-product search over L2-normalised vectors under int64 ids; safe to call from many threads."""

    def add(self, ids: ChunkIds, vectors: Matrix) -> None:
        """Add the rows; an id that is already there is replaced."""
        ...

    def remove(self, ids: ChunkIds) -> None:
        """Remove the rows; unknown ids are passed over."""
        ...

    def search(self, vector: Vector, k: int, allowed: ChunkIds | None = None) -> list[Scored]:
        """At most k, best first, ties by id; with `allowed` (sorted, unique) only among those, exactly."""
        ...

    def ids(self) -> ChunkIds:
        """Every id held, sorted."""
        ...


class LexicalIndex(Protocol):
    """BM25 (k1 1.2, b 0.75) over the terms of headings and text, plus `TITLE_WEIGHT` times that over the title's.

    `QUESTIONS_WEIGHT` times that over the terms of hypothetical questions comes on top, where there are any.

    Safe to call from many threads.
    """

    def add(self, texts: Sequence[IndexedText]) -> None:
        """Add the texts; an id that is already there is replaced."""
        ...

    def remove(self, ids: ChunkIds) -> None:
        """Remove the texts; unknown ids are passed over."""
        ...

    def search(self, query: str, k: int, allowed: ChunkIds | None = None) -> list[Scored]:
        """At most k with at least one term of the query, best first; any string is a query, no operator exists."""
        ...

    def ids(self) -> ChunkIds:
        """Every id held, sorted."""
        ...


@runtime_checkable
class Persistent(Protocol):
    """An index that can be written to a folder and read back; the folder is new and empty, or whole and verified."""

    def save(self, folder: Path) -> None: ...

    def restore(self, folder: Path) -> None:
        """Replace what is held by what `save` wrote; raises IndexDamaged when the folder does not make sense."""
        ...


@runtime_checkable
class Purgeable(Protocol):
    """An index whose files still hold what was removed from it, until they are written anew."""

    @property
    def dead(self) -> int:
        """How many removed ones the files still hold."""
        ...

    def purge(self) -> None:
        """Write the files anew, without them."""
        ...


class Reranker(Protocol):
    """Gives candidates a second score, comparable within one call.

    Raises RerankerUnavailable when its model or server cannot be had.
    """

    weight: float
    """The share, 0 to 1, of a hit's final score that is this one's; the rest is the fused score's."""
    most: int | None = None
    """How many candidates it is given, the best by fused score; the others count 0. None: all."""

    def scores(self, query: str, query_vector: Vector | None, candidates: Sequence[PlacedChunk]) -> list[float]:
        """One score from 0 to 1 per candidate, in order; an empty list where it has nothing to judge by.

        `query_vector` is None where no model ran, or none that knows the query's script.
        """
        ...


class ChangeLog(Protocol):
    """The database as an index follows it. Raises UnknownCollection for a collection that is not there."""

    def head(self, collection: CollectionId) -> Head: ...

    def changes(self, collection: CollectionId, generation: int, after: int, limit: int) -> list[Change]:
        """At most `limit` changes with a seq above `after`, oldest first, in commit order without gaps.

        Raises IndexDamaged where some of them are kept no longer: an index that has come no further needs a rebuild.
        """
        ...

    def live(self, collection: CollectionId, generation: int) -> tuple[int, ChunkIds]:
        """The last seq and the sorted ids that are live at it, from one snapshot: what a rebuild starts from."""
        ...

    def texts(self, ids: ChunkIds) -> list[IndexedText]:
        """The texts of those ids that still exist, in any order."""
        ...

    def vectors(self, ids: ChunkIds) -> tuple[ChunkIds, Matrix]:
        """Ids that still exist, with their vectors row by row."""
        ...


class ChunkSource(Protocol):
    """The database as hits are read from it: the only judge of what is live and in scope."""

    def placed(self, ids: Sequence[ChunkId], scope: Scope, filter: Filter) -> list[PlacedChunk]:
        """Those that are live, in scope and pass the filter, in the order of `ids`; the rest is left out."""
        ...

    def places(self, ids: Sequence[ChunkId], scope: Scope, filter: Filter) -> dict[ChunkId, tuple[Place, ...]]:
        """Where else these are live, in scope and past the filter, besides where `placed` says; the first few each."""
        ...

    def allowed(self, collection: CollectionId, filter: Filter) -> ChunkIds:
        """Sorted ids of the live chunks that pass the filter. Raises InvalidFilter for an unknown field or operator."""
        ...
