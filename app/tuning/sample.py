"""Some chunks as the database would give them, embedded by one embedder: the product's search runs over them."""

from collections.abc import Sequence

import numpy as np

from app.db.types import TrainingChunk
from ingestion.chunking import identity
from retrieval.ports import ChangeLog, ChunkSource, Embedder, Embedders
from retrieval.types import (
    Change,
    Chunk,
    ChunkId,
    ChunkIds,
    CollectionId,
    Filter,
    Head,
    IndexedText,
    Matrix,
    PassageInput,
    Place,
    PlacedChunk,
    Placement,
    Scope,
    Source,
)

COLLECTION = CollectionId(1)
AT_A_TIME = 256


class Sample(ChangeLog, ChunkSource, Embedders):
    """Never changes. Without headings, the chunks are their texts alone."""

    def __init__(self, chunks: Sequence[TrainingChunk], embedder: Embedder, *, with_headings: bool) -> None:
        self._embedder = embedder
        self._chunks = {chunk.id: chunk for chunk in chunks}
        self._headings = {chunk.id: chunk.headings if with_headings else () for chunk in chunks}
        inputs = [PassageInput(self._prefix(chunk), chunk.text, chunk.sentences) for chunk in chunks]
        embedded = [
            embedding
            for start in range(0, len(inputs), AT_A_TIME)
            for embedding in embedder.embed_passages(inputs[start : start + AT_A_TIME])
        ]
        self._embedded = dict(zip(self._chunks, embedded, strict=True))

    def of(self, fingerprint: str) -> Embedder:
        return self._embedder

    def head(self, collection: CollectionId) -> Head:
        return Head(1, self._embedder.fingerprint, 1, self._embedder.dim)

    def changes(self, collection: CollectionId, generation: int, after: int, limit: int) -> list[Change]:
        nothing = np.zeros(0, np.int64)
        return [Change(1, self.allowed(collection, ()), nothing)] if after < 1 else []

    def live(self, collection: CollectionId, generation: int) -> tuple[int, ChunkIds]:
        return 1, self.allowed(collection, ())

    def texts(self, ids: ChunkIds) -> list[IndexedText]:
        known = [self._chunks[ChunkId(one)] for one in ids.tolist()]
        return [IndexedText(chunk.id, self._headings[chunk.id], chunk.text) for chunk in known]

    def vectors(self, ids: ChunkIds) -> tuple[ChunkIds, Matrix]:
        rows = [self._embedded[ChunkId(one)].vector for one in ids.tolist()]
        return ids, np.array(rows, np.float32).reshape(len(rows), self._embedder.dim)

    def placed(self, ids: Sequence[ChunkId], scope: Scope, filter: Filter) -> list[PlacedChunk]:
        return [self._placed(self._chunks[one]) for one in ids]

    def places(self, ids: Sequence[ChunkId], scope: Scope, filter: Filter) -> dict[ChunkId, tuple[Place, ...]]:
        return {}

    def allowed(self, collection: CollectionId, filter: Filter) -> ChunkIds:
        return np.array(sorted(self._chunks), np.int64)

    def _prefix(self, chunk: TrainingChunk) -> str:
        embedder = self._embedder
        return identity(self._headings[chunk.id], chunk.text, embedder.window, embedder.count_tokens)[0]

    def _placed(self, chunk: TrainingChunk) -> PlacedChunk:
        shown = Chunk(chunk.id, chunk.text, self._headings[chunk.id], chunk.sentences, chunk.language, 0)
        source = Source(chunk.document, "", "", "", "text/plain", {})
        return PlacedChunk(shown, Placement(1, 0, (), ()), source, self._embedded[chunk.id].sentence_vectors)
