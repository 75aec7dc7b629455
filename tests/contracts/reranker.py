"""What every reranker must do."""

import numpy as np
import pytest

from retrieval.embedders.hashing import HashingEmbedder
from retrieval.ports import Reranker
from tests.builders import chunk, placed

EMBEDDER = HashingEmbedder()
TEXTS = ("Kettles boil water. They whistle.", "Whales sing. Water carries the song.", "Tax is due in May.")
CANDIDATES = [placed(chunk(text, number), EMBEDDER) for number, text in enumerate(TEXTS, start=1)]
QUERY = "When is tax due?"
VECTOR = EMBEDDER.embed_queries([QUERY])[0]


class RerankerContract:
    """Inherit, and give a `reranker` fixture."""

    def test_each_candidate_gets_a_score_from_0_to_1(self, reranker: Reranker) -> None:
        scores = reranker.scores(QUERY, VECTOR, CANDIDATES)

        assert len(scores) == len(CANDIDATES)
        assert all(0 <= score <= 1.001 for score in scores)

    def test_the_candidate_that_says_it_scores_best(self, reranker: Reranker) -> None:
        scores = reranker.scores(QUERY, VECTOR, CANDIDATES)

        assert int(np.argmax(scores)) == 2

    def test_a_candidate_scores_the_same_in_any_company(self, reranker: Reranker) -> None:
        together = reranker.scores(QUERY, VECTOR, CANDIDATES)
        alone = [reranker.scores(QUERY, VECTOR, [candidate])[0] for candidate in reversed(CANDIDATES)]

        assert together == pytest.approx(alone[::-1], abs=1e-6)

    def test_its_weight_is_a_share(self, reranker: Reranker) -> None:
        assert 0 < reranker.weight <= 1

    def test_without_candidates_there_is_nothing_to_score(self, reranker: Reranker) -> None:
        assert reranker.scores(QUERY, VECTOR, []) == []
