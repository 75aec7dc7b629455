"""The order of results."""

import numpy as np

from retrieval.ranking import best
from retrieval.types import ChunkId, Scored


def test_the_best_come_first_and_only_k_of_them() -> None:
    results = best(np.array([1, 2, 3]), np.array([0.5, 2.0, 1.0]), 2)

    assert results == [Scored(ChunkId(2), 2.0), Scored(ChunkId(3), 1.0)]


def test_scores_that_differ_in_their_last_bits_are_one_tie_in_the_order_of_ids() -> None:
    results = best(np.array([9, 4, 7]), np.array([1.0000001, 1.0, 0.9]), 3)

    assert results == [Scored(ChunkId(4), 1.0000001), Scored(ChunkId(9), 1.0000001), Scored(ChunkId(7), 0.9)]


def test_nothing_gives_nothing() -> None:
    assert best(np.empty(0, np.int64), np.empty(0), 3) == []
    assert best(np.array([1]), np.array([1.0]), 0) == []
