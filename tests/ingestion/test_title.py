"""A document is called what its uploader says, what its file says, and by what only its name tells."""

import pytest

from ingestion.title import title_of


@pytest.mark.parametrize(
    ("own", "name", "expected"),
    [
        ("", "travel-policy_2024.pdf", "travel policy 2024"),
        ("", "3M_2018_10K.pdf", "3M 2018 10K"),
        ("", "release-2.0.1.md", "release 2.0.1"),
        ("", "report 2023-05-01.pdf", "report 2023-05-01"),
        ("", "___.md", "___"),
        ("", "差旅制度.docx", "差旅制度"),
        ("", ".md", ".md"),
        ("0000004962-23-000006", "AMEX_2022_10K.pdf", "AMEX 2022 10K"),
        ("1984", "orwell.txt", "1984"),
        ("Travel policy", "travel-policy.pdf", "Travel policy"),
        ("Travel policy", "scan.pdf", "Travel policy"),
        ("Travel policy", "17.md", "Travel policy"),
        ("Travel policy", "final_draft.pdf", "Travel policy"),
        ("Annual report", "acme_2022_report.pdf", "Annual report (acme 2022 report)"),
        ("10-K of 3M Company", "3M_2018_10K.pdf", "10-K of 3M Company (3M 2018 10K)"),
        ("Travel policy", "3f2504e0-4f89-11d3.pdf", "Travel policy"),
        ("Acme: annual report 2022", "acme_2022.pdf", "Acme: annual report 2022"),
    ],
)
def test_a_name_adds_what_the_title_leaves_out(own: str, name: str, expected: str) -> None:
    assert title_of(own, {}, name) == expected


def test_the_uploaders_word_stands_alone() -> None:
    assert title_of("Own", {"title": "Given"}, "acme_2022.pdf") == "Given"
    assert title_of("Own", {"title": " "}, "notes.md") == "Own"
