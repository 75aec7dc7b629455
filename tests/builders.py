"""Small worlds for tests, built in a line or two."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import numpy as np

from retrieval.errors import ModelUnavailable, UnknownCollection
from retrieval.ports import ChangeLog, ChunkSource, Embedder, Embedders
from retrieval.sentences import sentence_spans
from retrieval.types import (
    Change,
    Chunk,
    ChunkId,
    ChunkIds,
    CollectionId,
    Filter,
    Head,
    Hit,
    IndexedText,
    Matrix,
    MetadataValue,
    PassageEmbedding,
    PassageInput,
    Place,
    PlacedChunk,
    Placement,
    Scope,
    Scores,
    Source,
)

Versions: TypeAlias = Mapping[str, Sequence[str]]


def chunk(text: str, number: int = 1, headings: tuple[str, ...] = (), language: str = "en") -> Chunk:
    return Chunk(ChunkId(number), text, headings, tuple(sentence_spans(text)), language, len(text.split()))


def placed(chunk: Chunk, embedder: Embedder, name: str = "guide.md", title: str = "Guide") -> PlacedChunk:
    """The chunk as the database gives it, with the vectors that the embedder makes of its sentences."""
    return PlacedChunk(chunk, Placement(1, 0, (), ()), source(name, title), embedded(chunk, embedder).sentence_vectors)


def source(name: str = "guide.md", title: str = "Guide", metadata: Mapping[str, MetadataValue] | None = None) -> Source:
    return Source(f"doc_{name}", name, title, "default", "text/markdown", metadata or {})


def hit(
    text: str, embedder: Embedder, number: int = 1, headings: tuple[str, ...] = (), query: str | None = None
) -> Hit:
    """A hit on that text; its rank is its number. Without a query, no model has a say."""
    found = placed(chunk(text, number, headings), embedder)
    scores = Scores(None, None, 1 / number, None)
    similarities = None
    if query is not None:
        vector = embedder.embed_queries([query])[0]
        similarities = found.sentence_vectors.astype(np.float32).reshape(-1, embedder.dim) @ vector
    return Hit(number, found.chunk, found.placement, found.source, scores, similarities)


def embedded(chunk: Chunk, embedder: Embedder) -> PassageEmbedding:
    return embedder.embed_passages([PassageInput("", chunk.text, chunk.sentences)])[0]


class Known(Embedders):
    """These embedders, and no other can be had."""

    def __init__(self, *embedders: Embedder) -> None:
        self._embedders = {embedder.fingerprint: embedder for embedder in embedders}

    def of(self, fingerprint: str) -> Embedder:
        if fingerprint not in self._embedders:
            raise ModelUnavailable(f"{fingerprint}: not to be had; choose another with OPENBOOK_EMBEDDER")
        return self._embedders[fingerprint]


@dataclass
class _Collection:
    generation: int
    embedder: Embedder
    documents: dict[str, list[ChunkId]] = field(default_factory=dict[str, list[ChunkId]])
    changes: list[Change] = field(default_factory=list[Change])
    seq: int = 0


class Library(ChangeLog, ChunkSource):
    """The database as retrieval sees it, in memory: documents of texts, a chunk per text, shared where it stands twice.

    No id is given twice. A filter knows `document.id` with `eq` alone, and a document's id is its name.
    """

    def __init__(self, embedder: Embedder) -> None:
        self.embedder = embedder
        self.collections: dict[CollectionId, _Collection] = {}
        self.chunks: dict[ChunkId, tuple[CollectionId, Chunk]] = {}
        self._last = 0

    def create(self, collection: CollectionId, generation: int = 1, embedder: Embedder | None = None) -> None:
        """A new, empty collection or generation, embedded by another embedder if one is given."""
        old = self.collections.pop(collection, None)
        self._sweep()
        made = _Collection(generation, embedder or self.embedder, seq=old.seq if old else 0)
        self.collections[collection] = made

    def delete(self, collection: CollectionId) -> None:
        del self.collections[collection]
        self._sweep()

    def publish(self, collection: CollectionId, document: str, texts: Sequence[str]) -> list[ChunkId]:
        """Make these the texts of a document, instead of those that it had."""
        of = self.collections[collection]
        before = self._live(of)
        known = {chunk.text: number for number, (where, chunk) in self.chunks.items() if where == collection}
        ids = [known.get(text) or self._add(collection, known, text) for text in texts]
        of.documents[document] = ids
        self._commit(of, before)
        return ids

    def forget(self, collection: CollectionId, document: str) -> None:
        of = self.collections[collection]
        before = self._live(of)
        of.documents.pop(document, None)
        self._commit(of, before)

    def skip_seq(self, collection: CollectionId) -> None:
        """What a change of another generation, or a lost one, does to the numbers."""
        self.collections[collection].seq += 1

    def live_ids(self, collection: CollectionId) -> list[int]:
        return sorted(int(number) for number in self._live(self.collections[collection]))

    def head(self, collection: CollectionId) -> Head:
        of = self._of(collection)
        return Head(of.generation, of.embedder.fingerprint, of.seq, of.embedder.dim)

    def changes(self, collection: CollectionId, generation: int, after: int, limit: int) -> list[Change]:
        of = self._of(collection)
        return [change for change in of.changes if change.seq > after][:limit] if generation == of.generation else []

    def live(self, collection: CollectionId, generation: int) -> tuple[int, ChunkIds]:
        of = self._of(collection)
        return of.seq, _ids(self._live(of) if generation == of.generation else ())

    def texts(self, ids: ChunkIds) -> list[IndexedText]:
        return [IndexedText(chunk.id, chunk.headings, chunk.text) for chunk in self._existing(ids)]

    def vectors(self, ids: ChunkIds) -> tuple[ChunkIds, Matrix]:
        chunks = self._existing(ids)
        rows = [embedded(chunk, self._embedder_of(chunk.id)).vector for chunk in chunks]
        matrix = np.array(rows, dtype=np.float32).reshape(len(rows), len(rows[0]) if rows else 0)
        return np.array([chunk.id for chunk in chunks], dtype=np.int64), matrix

    def placed(self, ids: Sequence[ChunkId], scope: Scope, filter: Filter) -> list[PlacedChunk]:
        found: list[PlacedChunk] = []
        for number in ids:
            where, known = self.chunks.get(number, (None, None))
            if where is None or known is None or where not in scope.collections:
                continue
            names = self._standing(where, number, filter)
            if names:
                first = placed(known, self._embedder_of(number), names[0])
                found.append(replace(first, is_shared=len(names) > 1))
        return found

    def places(self, ids: Sequence[ChunkId], scope: Scope, filter: Filter) -> dict[ChunkId, tuple[Place, ...]]:
        found: dict[ChunkId, tuple[Place, ...]] = {}
        for number in ids:
            where, _ = self.chunks[number]
            names = self._standing(where, number, filter) if where in scope.collections else []
            found[number] = tuple(Place(source(name), ()) for name in names[1:])
        return found

    def _standing(self, collection: CollectionId, number: ChunkId, filter: Filter) -> list[str]:
        documents = self.collections[collection].documents
        return [name for name, numbers in documents.items() if number in numbers and _passes(name, filter)]

    def allowed(self, collection: CollectionId, filter: Filter) -> ChunkIds:
        documents = self._of(collection).documents
        return _ids({number for name, numbers in documents.items() if _passes(name, filter) for number in numbers})

    def _of(self, collection: CollectionId) -> _Collection:
        if collection not in self.collections:
            raise UnknownCollection(str(collection))
        return self.collections[collection]

    def _embedder_of(self, number: ChunkId) -> Embedder:
        return self.collections[self.chunks[number][0]].embedder

    def _add(self, collection: CollectionId, known: dict[str, ChunkId], text: str) -> ChunkId:
        self._last += 1
        number = ChunkId(self._last)
        self.chunks[number] = (collection, chunk(text, number))
        known[text] = number
        return number

    def _commit(self, of: _Collection, before: set[ChunkId]) -> None:
        after = self._live(of)
        of.seq += 1
        of.changes.append(Change(of.seq, _ids(after - before), _ids(before - after)))
        self._sweep()

    def _live(self, of: _Collection) -> set[ChunkId]:
        return {number for numbers in of.documents.values() for number in numbers}

    def _sweep(self) -> None:
        live = {number for of in self.collections.values() for number in self._live(of)}
        self.chunks = {number: known for number, known in self.chunks.items() if number in live}

    def _existing(self, ids: ChunkIds) -> list[Chunk]:
        return [self.chunks[number][1] for one in ids.tolist() if (number := ChunkId(one)) in self.chunks]


def _passes(document: str, filter: Filter) -> bool:
    return all(condition.value == document for condition in filter)


def _ids(numbers: set[ChunkId] | tuple[()]) -> ChunkIds:
    return np.array(sorted(numbers), dtype=np.int64)
