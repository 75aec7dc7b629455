"""The best sentence of each candidate, by vectors that were stored when it was ingested: no model runs."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from retrieval.ports import Reranker
from retrieval.types import PlacedChunk, Vector


@dataclass(frozen=True, slots=True)
class SentenceReranker(Reranker):
    """Scores a candidate by the cosine of the query with its nearest sentence, clipped at 0."""

    weight: float = 0.3
    """At .3 nDCG@10 gained .006 on anthropic_docs and .020 on rgb_en_fact; at .5 the first of them lost .013."""

    def scores(self, query: str, query_vector: Vector | None, candidates: Sequence[PlacedChunk]) -> list[float]:
        if query_vector is None or not candidates:
            return []
        counts = [len(candidate.sentence_vectors) for candidate in candidates]
        best = np.zeros(len(candidates), dtype=np.float32)
        if any(counts):
            vectors = [candidate.sentence_vectors for candidate in candidates if len(candidate.sentence_vectors)]
            owners = np.repeat(np.arange(len(candidates)), counts)
            np.maximum.at(best, owners, np.concatenate(vectors).astype(np.float32) @ query_vector)
        return [float(score) for score in best]
