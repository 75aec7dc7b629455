from dataclasses import replace

import numpy as np
import pytest

from retrieval.ports import Reranker
from retrieval.rerankers.sentence import SentenceReranker
from tests.builders import chunk, placed
from tests.contracts.reranker import CANDIDATES, EMBEDDER, QUERY, VECTOR, RerankerContract


class TestSentenceReranker(RerankerContract):
    @pytest.fixture
    def reranker(self) -> Reranker:
        return SentenceReranker()


def test_a_score_is_the_cosine_of_the_best_sentence() -> None:
    candidate = CANDIDATES[1]
    cosines = candidate.sentence_vectors.astype(np.float32) @ VECTOR

    assert SentenceReranker().scores(QUERY, VECTOR, CANDIDATES)[1] == pytest.approx(max(*cosines, 0))


def test_a_good_sentence_counts_as_much_in_long_company_as_alone() -> None:
    said = "Tax is due in May."
    long = "Kettles boil water. Whales sing. " * 5 + said
    scores = SentenceReranker().scores(QUERY, VECTOR, [placed(chunk(text), EMBEDDER) for text in (said, long)])

    assert scores[0] == pytest.approx(scores[1], abs=1e-3)


def test_a_chunk_without_sentences_scores_nothing() -> None:
    empty = replace(CANDIDATES[0], sentence_vectors=np.zeros((0, 0), dtype=np.float16))

    scores = SentenceReranker().scores(QUERY, VECTOR, [empty, CANDIDATES[2]])

    assert scores[0] == 0
    assert scores[1] > 0


def test_without_a_vector_there_is_nothing_to_judge_by() -> None:
    assert SentenceReranker().scores(QUERY, None, CANDIDATES) == []
