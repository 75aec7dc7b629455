"""A document's date is what its uploader says, else what its file says; nothing loose is taken from people."""

from datetime import UTC, datetime

import pytest

from ingestion.dates import effective_at, exact_moment, moment
from retrieval.types import MetadataValue


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ({"effective_at": "2024-05-01", "published": "2020-01-01"}, datetime(2024, 5, 1, tzinfo=UTC)),
        ({"created": "2019-01-01", "published": "2020-01-01"}, datetime(2020, 1, 1, tzinfo=UTC)),
        ({"created": "2019-01-01", "modified": "2021-02-03T04:05:06+02:00"}, datetime(2021, 2, 3, 2, 5, 6, tzinfo=UTC)),
        ({"published": "last year", "created": "2019"}, datetime(2019, 1, 1, tzinfo=UTC)),
        ({"published": ("2020-01-01",), "created": 2019}, None),
        ({}, None),
    ],
)
def test_the_first_date_that_can_be_read_counts(metadata: dict[str, MetadataValue], expected: datetime | None) -> None:
    assert effective_at(metadata) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2023-04", datetime(2023, 4, 1, tzinfo=UTC)),
        ("2023-04-05T06:07:08", datetime(2023, 4, 5, 6, 7, 8, tzinfo=UTC)),
        ("0001-01-01T00:00:00+23:59", None),
        ("2023-02-30", None),
        ("", None),
    ],
)
def test_a_moment_is_in_utc_or_none(text: str, expected: datetime | None) -> None:
    assert moment(text) == expected


@pytest.mark.parametrize("text", ["2023-04", "2023", "20230405", "2023-04-05T06:07:08", "2023-13-01", "tomorrow", " "])
def test_people_must_say_a_whole_day_or_a_time_with_its_zone(text: str) -> None:
    assert exact_moment(text) is None


@pytest.mark.parametrize("text", ["2023-04-05", "2023-04-05T06:07:08Z", "2023-04-05T06:07:08.5+01:00"])
def test_a_day_and_a_time_with_its_zone_are_exact(text: str) -> None:
    assert exact_moment(text) == moment(text) is not None
