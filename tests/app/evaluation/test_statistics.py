"""Intervals and tests against what is known of them."""

import numpy as np
import pytest

from app.evaluation.statistics import (
    Difference,
    Interval,
    auroc_interval,
    difference,
    mean_interval,
    percentile,
    risk_coverage,
    thinned,
)


def test_an_interval_is_about_two_standard_errors_wide_each_way() -> None:
    values = [0.0] * 50 + [1.0] * 50
    found = mean_interval(values)

    error = np.std(values) / np.sqrt(len(values))
    assert found.mean == 0.5
    assert found.low == pytest.approx(0.5 - 1.96 * error, abs=0.02)
    assert found.high == pytest.approx(0.5 + 1.96 * error, abs=0.02)
    assert mean_interval(values) == found


def test_values_that_do_not_differ_have_an_interval_of_their_own_width() -> None:
    found = mean_interval([0.25])
    assert (found.mean, found.low, found.high) == (0.25, 0.25, 0.25)


def test_auroc_is_the_share_of_pairs_in_the_right_order() -> None:
    found = auroc_interval([0.9, 0.5, 0.4], [0.5, 0.1])

    assert found.mean == pytest.approx((2 + 1.5 + 1) / 6)
    assert found.low <= found.mean <= found.high
    assert auroc_interval([1.0, 1.0], [0.0, 0.0]).mean == 1
    assert auroc_interval([0.9, 0.1], [0.5]) == Interval(0.5, 0.0, 1.0)


def test_a_difference_is_that_of_pairs() -> None:
    found = difference([0.1, 0.2, 0.3] * 10, [0.2, 0.3, 0.4] * 10)

    assert (found.mean, found.count) == (pytest.approx(0.1), 30)
    assert found.low == pytest.approx(0.1)
    assert found.p_value < 0.001


def test_gains_and_losses_that_cancel_out_prove_nothing() -> None:
    found = difference([0.0, 1.0] * 10, [1.0, 0.0] * 10)

    assert (found.mean, found.p_value) == (0, 1)
    assert found.low < 0 < found.high
    assert difference([0.5], [0.5]).p_value == 1


def test_one_question_that_changed_proves_nothing() -> None:
    assert difference([0.0], [1.0]) == Difference(1.0, 1.0, 1.0, 1.0, 1)


def test_risk_is_the_mean_loss_of_those_with_the_most_evidence() -> None:
    scored = [(0.5, 1.0), (0.9, 0.0), (0.7, 0.5), (0.7, 0.0)]

    assert risk_coverage(scored, 5) == [
        (pytest.approx(1 / 5), 0.0),
        (pytest.approx(3 / 5), pytest.approx(0.5 / 3)),
        (pytest.approx(4 / 5), pytest.approx(1.5 / 4)),
    ]
    assert risk_coverage([], 5) == []


def test_a_long_curve_keeps_its_ends() -> None:
    points = [(float(number), 0.0) for number in range(1000)]
    few = thinned(points, 11)
    assert (len(few), few[0], few[-1]) == (11, points[0], points[-1])
    assert thinned(points[:5], 11) == points[:5]


def test_percentiles_lie_between_neighbours() -> None:
    assert percentile([4.0, 1.0, 3.0, 2.0], 0.5) == 2.5
