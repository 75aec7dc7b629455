"""Chunks' and sentences' vectors, computed as one matrix, as one embedding per chunk."""

from collections.abc import Sequence

import numpy as np

from retrieval.types import Matrix, PassageEmbedding


def parted(vectors: Matrix, counts: Sequence[int]) -> list[PassageEmbedding]:
    """The rows are all chunks, then all their sentences; `counts` says how many sentences each chunk has."""
    ends = len(counts) + np.cumsum(counts, dtype=np.int64)
    halves = vectors.astype(np.float16)
    return [
        PassageEmbedding(vectors[row].copy(), halves[end - count : end].copy())
        for row, (count, end) in enumerate(zip(counts, ends.tolist(), strict=True))
    ]
