"""The model-free embedder: the contract, and that it is the same everywhere."""

import pytest

from retrieval.embedders.hashing import HashingEmbedder
from tests.contracts.embedder import EmbedderContract


class TestHashing(EmbedderContract):
    @pytest.fixture
    def embedder(self) -> HashingEmbedder:
        return HashingEmbedder()


def test_vectors_are_the_same_in_every_process() -> None:
    [vector] = HashingEmbedder(8).embed_queries(["cat"])

    assert vector.tolist() == [0.5, 0.5, 0, 0, 0, 0, -0.5, 0.5]


def test_only_shared_terms_make_texts_alike() -> None:
    cat, cats, dog = HashingEmbedder().embed_queries(["the cat", "The Cats", "dog"])

    assert cat @ cats == pytest.approx(1)
    assert abs(float(cat @ dog)) < 0.5
