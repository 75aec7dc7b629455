"""How far a mean can be trusted: bootstrap intervals, paired differences, and how well a score parts two groups."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

import numpy as np
from scipy import stats

CONFIDENCE: Final = 0.95
_DRAWS = 2000
_PERMUTATIONS = 10_000
_SEED = 20261125  # any will do: the same run gives the same intervals


@dataclass(frozen=True, slots=True)
class Interval:
    """A value with the ends of its 95 % percentile bootstrap interval."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Difference:
    """The mean difference of pairs, its interval, and the two-sided p-value of a sign-flipping permutation test."""

    mean: float
    low: float
    high: float
    p_value: float
    count: int


def mean_interval(values: Sequence[float]) -> Interval:
    """The mean, drawn again over the questions; values are not empty."""
    return _interval((np.asarray(values, dtype=float),), _mean)


def auroc_interval(positive: Sequence[float], negative: Sequence[float]) -> Interval:
    """How often a positive's score is above a negative's, ties as half, each group drawn again; neither is empty."""
    return _interval((np.asarray(positive, dtype=float), np.asarray(negative, dtype=float)), _auroc)


def difference(first: Sequence[float], second: Sequence[float]) -> Difference:
    """Of the second over the first, question by question; they are of one length, and not empty."""
    pairs = np.asarray(second, dtype=float) - np.asarray(first, dtype=float)
    around = _interval((pairs,), _mean)
    if not pairs.any() or len(pairs) == 1:  # however the signs are flipped, it is as large
        return Difference(around.mean, around.low, around.high, 1.0, len(pairs))
    tested: Any = stats.permutation_test(
        (pairs,), _mean, permutation_type="samples", vectorized=True, n_resamples=_PERMUTATIONS, rng=_SEED
    )
    return Difference(around.mean, around.low, around.high, float(tested.pvalue), len(pairs))


def risk_coverage(scored: Sequence[tuple[float, float]], total: int) -> list[tuple[float, float]]:
    """From (score, loss) of what was answered: the mean loss among the best scores, by their share of `total`.

    The curve of El-Yaniv and Wiener, JMLR 2010; equal scores come together, so that no order among them is made up.
    """
    ordered = sorted(scored, key=lambda pair: -pair[0])
    points: list[tuple[float, float]] = []
    lost = 0.0
    for position, (score, loss) in enumerate(ordered, start=1):
        lost += loss
        if position == len(ordered) or ordered[position][0] < score:
            points.append((position / total, lost / position))
    return points


def thinned(points: Sequence[tuple[float, float]], most: int) -> list[tuple[float, float]]:
    """At most so many of the points, evenly taken, the first and the last among them."""
    if len(points) <= most:
        return list(points)
    return [points[round(each)] for each in np.linspace(0, len(points) - 1, most)]


def percentile(values: Sequence[float], share: float) -> float:
    """The value that this share of the values does not exceed."""
    return float(np.quantile(np.asarray(values, dtype=float), share))


def _interval(samples: tuple[np.ndarray[Any, Any], ...], statistic: Any) -> Interval:
    value = float(statistic(*samples))
    if all(sample.min() == sample.max() for sample in samples):
        return Interval(value, value, value)
    drawn: Any = stats.bootstrap(
        [sample.repeat(2) if len(sample) == 1 else sample for sample in samples],  # it draws from two at least
        statistic,
        n_resamples=_DRAWS,
        batch=100,
        confidence_level=CONFIDENCE,
        method="percentile",
        vectorized=statistic is _mean,
        rng=_SEED,
    )
    ends = cast("tuple[float, float]", (drawn.confidence_interval.low, drawn.confidence_interval.high))
    return Interval(value, float(ends[0]), float(ends[1]))


def _mean(values: np.ndarray[Any, Any], axis: int = -1) -> Any:
    return values.mean(axis=axis)


def _auroc(positive: np.ndarray[Any, Any], negative: np.ndarray[Any, Any]) -> float:
    tested = cast("Any", stats.mannwhitneyu(positive, negative, method="asymptotic"))
    return float(tested.statistic) / (len(positive) * len(negative))
