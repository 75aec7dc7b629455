"""Vectors without a model: terms hashed into buckets. For tests, where only shared words make texts alike."""

from collections.abc import Sequence
from functools import lru_cache
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from retrieval.ports import Embedder
from retrieval.tokenizer import terms
from retrieval.types import Matrix, PassageEmbedding, PassageInput, Vector

_NO_PLACES = np.zeros((2, 0), np.int64)


class HashingEmbedder(Embedder):
    """The same vectors in every process; a term adds ±1 to each of four buckets."""

    def __init__(self, dim: int = 256) -> None:
        self._dim = dim

    @property
    def fingerprint(self) -> str:
        return f"hashing:{self._dim}"

    @property
    def dim(self) -> int:
        return self._dim

    @property
    def window(self) -> int:
        return 256

    @property
    def languages(self) -> frozenset[str]:
        return frozenset({"en", "zh"})

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(terms(text)) for text in texts]

    def embed_queries(self, texts: Sequence[str]) -> Matrix:
        return np.array([self._vector(text) for text in texts], np.float32).reshape(-1, self._dim)

    def embed_passages(self, passages: Sequence[PassageInput]) -> list[PassageEmbedding]:
        return [
            PassageEmbedding(
                self._vector(passage.prefix + passage.text),
                self.embed_queries([passage.text[start:end] for start, end in passage.sentences]).astype(np.float16),
            )
            for passage in passages
        ]

    def _vector(self, text: str) -> Vector:
        """Zero for a text without terms."""
        buckets, signs = np.concatenate([_NO_PLACES, *map(_places, terms(text)[: self.window])], axis=1)
        vector = np.bincount(buckets % self._dim, signs, self._dim).astype(np.float32)
        return vector / max(float(np.linalg.norm(vector)), 1e-9)


@lru_cache(maxsize=10_000)
def _places(term: str) -> NDArray[np.int64]:
    """Four buckets, not yet brought within the dimensions, and below them the four signs."""
    digest = np.frombuffer(blake2b(term.encode(), digest_size=16).digest(), "<u4").astype(np.int64)
    return np.stack((digest >> 1, (digest & 1) * 2 - 1))
