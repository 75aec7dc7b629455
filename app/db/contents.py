"""The bulk of a publication: embeddings, chunks, placements and metadata, each written in one round per collection."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db import metadata, models
from app.db.document_rows import flat
from app.db.sql import Row, among, insert_all, insert_missing, storable
from ingestion.types import ChunkDraft, JobId, Publication
from retrieval.types import PassageEmbedding


@dataclass(frozen=True, slots=True)
class Shelf:
    """Where publications are written to: a collection that the transaction holds, at its generation."""

    session: Session
    collection: int
    generation: int
    fingerprint: str

    def embeddings(self, publications: Sequence[Publication]) -> dict[str, int]:
        """Store those that came along; gives the id of every embedding that the drafts need and that is there."""
        fresh: dict[str, PassageEmbedding] = {}
        for publication in publications:
            fresh.update(publication.embeddings)
        ids = self._embedding_ids(draft.key for publication in publications for draft in publication.drafts)
        new = {key: embedding for key, embedding in fresh.items() if key not in ids}
        self.keep(new, None)
        return ids | self._embedding_ids(new)

    def keep(self, embeddings: Mapping[str, PassageEmbedding], job: JobId | None) -> None:
        """Store those that are not there yet, for a job that will publish what uses them later, if one is named."""
        rows: Iterator[Row] = (
            {
                "collection_id": self.collection,
                "fingerprint": self.fingerprint,
                "key": key,
                "vector": _half(embedding.vector),
                "sentence_vectors": _half(embedding.sentence_vectors),
                "job_id": job,
            }
            for key, embedding in embeddings.items()
        )
        insert_missing(self.session, models.Embedding, rows)

    def chunks(self, publications: Sequence[Publication], embeddings: Mapping[str, int]) -> dict[str, int]:
        """Store those that are new; gives the id of every draft's chunk by its key."""
        drafts = {draft.key: draft for publication in publications for draft in publication.drafts}
        ids = self._chunk_ids(drafts)
        new = [draft for key, draft in drafts.items() if key not in ids]
        insert_missing(self.session, models.Chunk, (self._chunk(draft, embeddings[draft.key]) for draft in new))
        return ids | self._chunk_ids(draft.key for draft in new)

    def placements(self, publications: Sequence[Publication], chunks: Mapping[str, int]) -> None:
        rows: Iterator[Row] = (
            {
                "version_id": publication.job.version,
                "generation": self.generation,
                "ordinal": ordinal,
                "chunk_id": chunks[draft.key],
                "pages": list(draft.pages),
                "regions": [flat(region) for region in draft.regions],
                "page_labels": [storable(label) for label in draft.page_labels] or None,
            }
            for publication in publications
            for ordinal, draft in enumerate(publication.drafts)
        )
        insert_all(self.session, models.Placement, rows)

    def filter_rows(self, publications: Sequence[Publication]) -> None:
        rows: list[Row] = []
        for publication in publications:
            words = metadata.merged(publication.metadata, publication.job.metadata)
            rows += metadata.filter_rows(publication.job.version, words)
        insert_all(self.session, models.MetadataValue, rows)

    def _embedding_ids(self, keys: Iterable[str]) -> dict[str, int]:
        statement = select(models.Embedding.key, models.Embedding.id).where(
            models.Embedding.collection_id == self.collection,
            models.Embedding.fingerprint == self.fingerprint,
            among(models.Embedding.key, set(keys)),
        )
        return {key: row for key, row in self.session.connection().execute(statement)}  # noqa: C416

    def _chunk_ids(self, keys: Iterable[str]) -> dict[str, int]:
        statement = select(models.Chunk.key, models.Chunk.id).where(
            models.Chunk.collection_id == self.collection,
            models.Chunk.generation == self.generation,
            among(models.Chunk.key, set(keys)),
        )
        return {key: row for key, row in self.session.connection().execute(statement)}  # noqa: C416

    def _chunk(self, draft: ChunkDraft, embedding: int) -> Row:
        return {
            "collection_id": self.collection,
            "generation": self.generation,
            "key": draft.key,
            "text": storable(draft.text),
            "headings": [storable(heading) for heading in draft.headings],
            "sentences": draft.sentences,
            "language": draft.language[:8],
            "tokens": draft.tokens,
            "embedding_id": embedding,
        }


def _half(values: NDArray[np.floating]) -> bytes:
    return np.ascontiguousarray(values, dtype="<f2").tobytes()
