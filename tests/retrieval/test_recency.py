"""Age takes a bounded share of a score, counted from the newest document."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.recency import HALF_LIFE, shares_left

NEW = datetime(2020, 1, 1, tzinfo=UTC)
DATES = st.none() | st.integers(-36_500, 36_500).map(lambda days: NEW + timedelta(days))


def test_a_half_life_takes_half_of_what_age_may_take_and_no_date_as_much() -> None:
    dates = [NEW, NEW - HALF_LIFE, NEW - 2 * HALF_LIFE, None]

    assert shares_left(dates, 0.4) == pytest.approx([1, 0.8, 0.7, 0.8])


def test_old_documents_among_themselves_are_not_old() -> None:
    assert shares_left([NEW - timedelta(days=9000)], 1.0) == [1.0]


@given(st.lists(DATES, max_size=6), st.floats(0, 1))
def test_what_is_left_is_bounded_and_falls_with_age(dates: list[datetime | None], most: float) -> None:
    left = shares_left(dates, most)

    assert all(1 - most - 1e-9 <= share <= 1 for share in left)
    dated = sorted((date, share) for date, share in zip(dates, left, strict=True) if date is not None)
    assert [share for _, share in dated] == sorted(share for _, share in dated)
