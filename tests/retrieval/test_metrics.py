from math import log2

import pytest

from retrieval.metrics import mean_average_precision, mrr, ndcg, recall

RUN = {"q1": ["a", "x", "b", "y"], "q2": ["x", "y", "c"], "q4": ["a"]}
QRELS = {"q1": {"a": 2, "b": 1, "z": 1}, "q2": {"c": 1, "x": 0}, "q3": {"d": 1}, "q4": {"a": 0}}
"""q3 was not answered and counts 0; q4 has nothing relevant and does not count."""


def test_recall_is_the_share_of_the_relevant_that_was_found() -> None:
    assert recall(RUN, QRELS, 3) == pytest.approx((2 / 3 + 1 + 0) / 3)
    assert recall(RUN, QRELS, 1) == pytest.approx((1 / 3 + 0 + 0) / 3)


def test_mrr_is_the_mean_of_one_over_the_first_relevant_rank() -> None:
    assert mrr(RUN, QRELS, 3) == pytest.approx((1 + 1 / 3 + 0) / 3)
    assert mrr(RUN, QRELS, 2) == pytest.approx((1 + 0 + 0) / 3)


def test_ndcg_discounts_grades_by_the_logarithm_of_the_rank() -> None:
    first = (2 / log2(2) + 1 / log2(4)) / (2 / log2(2) + 1 / log2(3) + 1 / log2(4))
    second = (1 / log2(4)) / (1 / log2(2))

    assert ndcg(RUN, QRELS, 10) == pytest.approx((first + second + 0) / 3)


def test_the_best_possible_order_within_k_is_an_ndcg_of_one() -> None:
    assert ndcg({"q1": ["a"]}, {"q1": {"a": 2, "b": 1}}, 1) == 1


def test_map_is_precision_at_each_relevant_rank() -> None:
    assert mean_average_precision(RUN, QRELS) == pytest.approx(((1 / 1 + 2 / 3) / 3 + 1 / 3 + 0) / 3)


def test_a_repeated_id_counts_once() -> None:
    assert ndcg({"q": ["a", "a"]}, {"q": {"a": 1}}, 2) == 1
    assert mean_average_precision({"q": ["a", "a"]}, {"q": {"a": 1}}) == 1


def test_without_judgements_there_is_nothing_to_measure() -> None:
    assert recall(RUN, {}, 3) == 0
