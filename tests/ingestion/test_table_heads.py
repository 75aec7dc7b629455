"""A table's first rows are told from its data."""

import pytest

from ingestion.table_heads import data_start


@pytest.mark.parametrize(
    ("heads", "data"),
    [
        ("Region | Sales\n", "North | 12"),
        ("| 2021 | 2022\n", "Sales | 1 | 2"),
        ("Sales by region\nin millions\nRegion | Sales\n", "North | 12"),
        ("", "North | 12\nSouth | 13"),
        ("", "Sales | $ 1,200 | (3.5)%\nCosts | 1 | 2"),
        ("", "Name\nAda\nBea\nCleo | 3"),
        ("", "Region | Sales"),
        ("", ""),
    ],
)
def test_the_data_begins_below_the_heads(heads: str, data: str) -> None:
    assert data_start(heads + data) == len(heads)
