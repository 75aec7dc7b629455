"""Ranking measured against judgements, by the textbook formulas.

A run ranks ids, best first, per query; qrels grade ids per query, above 0 when relevant. Every measure is the mean over
the queries that have something relevant; one that the run lacks counts 0. An id that a ranking repeats counts once.
"""

from collections.abc import Callable, Mapping, Sequence
from math import log2
from typing import TypeAlias

Run: TypeAlias = Mapping[str, Sequence[str]]
Grades: TypeAlias = Mapping[str, float]
Qrels: TypeAlias = Mapping[str, Grades]


def recall(run: Run, qrels: Qrels, k: int) -> float:
    """The share of what is relevant that stands among the first k."""
    return _mean(run, qrels, lambda ids, grades: _hits(ids[:k], grades) / len(grades))


def mrr(run: Run, qrels: Qrels, k: int) -> float:
    """1 / rank of the first that is relevant, 0 when it is not among the first k."""

    def of(ids: Sequence[str], grades: Grades) -> float:
        return next((1 / rank for rank, found in enumerate(ids[:k], start=1) if found in grades), 0.0)

    return _mean(run, qrels, of)


def ndcg(run: Run, qrels: Qrels, k: int) -> float:
    """Grades, each divided by log2(rank + 1), of the first k over those of the best possible order.

    Järvelin and Kekäläinen, TOIS 2002, with the grade itself as gain, as trec_eval and BEIR have it.
    """

    def of(ids: Sequence[str], grades: Grades) -> float:
        ideal = sorted(grades.values(), reverse=True)[:k]
        return _discounted([grades.get(found, 0.0) for found in ids[:k]]) / _discounted(ideal)

    return _mean(run, qrels, of)


def mean_average_precision(run: Run, qrels: Qrels) -> float:
    """Precision at the rank of each relevant id, 0 for those not found, over how many are relevant."""

    def of(ids: Sequence[str], grades: Grades) -> float:
        places = [rank for rank, found in enumerate(ids, start=1) if found in grades]
        return sum(so_far / rank for so_far, rank in enumerate(places, start=1)) / len(grades)

    return _mean(run, qrels, of)


def _mean(run: Run, qrels: Qrels, of: Callable[[Sequence[str], Grades], float]) -> float:
    relevant = {query: {key: grade for key, grade in grades.items() if grade > 0} for query, grades in qrels.items()}
    values = [of(list(dict.fromkeys(run.get(query, ()))), grades) for query, grades in relevant.items() if grades]
    return sum(values) / len(values) if values else 0.0


def _hits(ids: Sequence[str], grades: Grades) -> int:
    return sum(found in grades for found in ids)


def _discounted(gains: Sequence[float]) -> float:
    return sum(gain / log2(rank + 1) for rank, gain in enumerate(gains, start=1))
