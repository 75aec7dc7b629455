"""The bulk of a publication: embeddings, chunks, placements and metadata, each written in one round per collection.

A large document's embeddings and chunks are written before it, piece by piece, so that it holds nobody up for long.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db import tables
from app.db.library import metadata
from app.db.sql import Row, among, encoded, insert_all, insert_missing, storable
from ingestion.types import ChunkDraft, JobId, Publication
from retrieval.regions import flat
from retrieval.types import PassageEmbedding


@dataclass(frozen=True, slots=True)
class Drawn:
    """A draft's rows: a book has a hundred thousand of them, and nobody is to wait while they are made."""

    chunk: Row
    placement: Row


Rows: TypeAlias = Mapping[JobId, Sequence[Drawn]]


@dataclass(frozen=True, slots=True)
class Shelf:
    """Where publications are written to: a collection that the transaction holds, at its generation."""

    session: Session
    collection: int
    generation: int
    fingerprint: str

    def embeddings(self, publications: Sequence[Publication], stored: Collection[str]) -> dict[str, int]:
        """Store those that came along; gives the id of every embedding that is there and that the drafts need.

        Those need none whose chunks are `stored`.
        """
        keys = {draft.key for publication in publications for draft in publication.drafts}.difference(stored)
        ids = self._embedding_ids(keys)
        came = {key: embedding for publication in publications for key, embedding in publication.embeddings.items()}
        new = {key: embedding for key, embedding in came.items() if key in keys and key not in ids}
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
        insert_missing(self.session, tables.Embedding, rows)

    def piece(self, rows: Mapping[str, Row], embeddings: Mapping[str, PassageEmbedding], job: JobId) -> None:
        """Store chunks by their rows, and their embeddings, for a job that will publish them."""
        self.keep(embeddings, job)
        self.chunks(rows, self._embedding_ids(rows), self.chunk_ids(rows))

    def chunks(
        self, rows: Mapping[str, Row], embeddings: Mapping[str, int], stored: Mapping[str, int]
    ) -> dict[str, int]:
        """Store those that are not `stored`; gives the ids of all, by key as all the rest."""
        here: Row = {"collection_id": self.collection, "generation": self.generation}
        new = {key: row for key, row in rows.items() if key not in stored}
        whole = ({**row, **here, "embedding_id": embeddings[key]} for key, row in new.items())
        insert_missing(self.session, tables.Chunk, whole)
        ids = self.chunk_ids(new)
        return {key: stored[key] if key in stored else ids[key] for key in rows}

    def placements(self, publications: Sequence[Publication], rows: Rows, chunks: Mapping[str, int]) -> None:
        whole: Iterator[Row] = (
            {**row.placement, "generation": self.generation, "chunk_id": chunks[draft.key]}
            for publication in publications
            for draft, row in zip(publication.drafts, rows[publication.job.id], strict=True)
        )
        insert_all(self.session, tables.Placement, whole)

    def filter_rows(self, publications: Sequence[Publication]) -> None:
        rows: list[Row] = []
        for publication in publications:
            words = metadata.merged(publication.metadata, publication.job.metadata)
            rows += metadata.filter_rows(publication.job.version, words)
        insert_all(self.session, tables.MetadataValue, rows)

    def _embedding_ids(self, keys: Iterable[str]) -> dict[str, int]:
        statement = select(tables.Embedding.key, tables.Embedding.id).where(
            tables.Embedding.collection_id == self.collection,
            tables.Embedding.fingerprint == self.fingerprint,
            among(tables.Embedding.key, set(keys)),
        )
        return {key: row for key, row in self.session.connection().execute(statement)}  # noqa: C416

    def chunk_ids(self, keys: Iterable[str]) -> dict[str, int]:
        """Of those that are stored, the ids."""
        statement = select(tables.Chunk.key, tables.Chunk.id).where(
            tables.Chunk.collection_id == self.collection,
            tables.Chunk.generation == self.generation,
            among(tables.Chunk.key, set(keys)),
        )
        return {key: row for key, row in self.session.connection().execute(statement)}  # noqa: C416


def stored(session: Session, collection: int, fingerprint: str, keys: Sequence[str]) -> dict[str, PassageEmbedding]:
    """By key: the vectors that the collection holds of them."""
    statement = select(tables.Embedding.key, tables.Embedding.vector, tables.Embedding.sentence_vectors).where(
        tables.Embedding.collection_id == collection,
        tables.Embedding.fingerprint == fingerprint,
        among(tables.Embedding.key, keys),
    )
    return {key: _embedding(vector, sentences) for key, vector, sentences in session.execute(statement)}


def drawn(publication: Publication) -> list[Drawn]:
    """Its rows, in the order of its drafts, as far as they can be made before anything is locked."""
    return [_drawn(publication, ordinal, draft) for ordinal, draft in enumerate(publication.drafts)]


def chunk_rows(publications: Sequence[Publication], rows: Rows) -> dict[str, Row]:
    """The chunks of all, by key."""
    return {
        draft.key: row.chunk
        for publication in publications
        for draft, row in zip(publication.drafts, rows[publication.job.id], strict=True)
    }


def chunk_row(draft: ChunkDraft) -> Row:
    """What a chunk of the draft is made of, wherever it is stored."""
    return {
        "key": draft.key,
        "text": storable(draft.text),
        "headings": encoded([storable(heading) for heading in draft.headings]),
        "sentences": encoded(draft.sentences),
        "language": draft.language[:8],
        "tokens": draft.tokens,
    }


def _drawn(publication: Publication, ordinal: int, draft: ChunkDraft) -> Drawn:
    return Drawn(
        chunk=chunk_row(draft),
        placement={
            "version_id": publication.job.version,
            "ordinal": ordinal,
            "pages": encoded(draft.pages),
            "regions": encoded([flat(region) for region in draft.regions]),
            "page_labels": [storable(label) for label in draft.page_labels] or None,
        },
    )


def _embedding(vector: bytes, sentences: bytes) -> PassageEmbedding:
    whole: NDArray[np.float16] = np.frombuffer(vector, dtype="<f2")
    each: NDArray[np.float16] = np.frombuffer(sentences, dtype="<f2")
    return PassageEmbedding(whole.astype(np.float32), each.reshape(-1, len(whole)))


def _half(values: NDArray[np.floating]) -> bytes:
    return np.ascontiguousarray(values, dtype="<f2").tobytes()
