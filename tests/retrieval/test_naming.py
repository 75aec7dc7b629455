"""A document gains where the question calls it by its whole name, however it is written."""

import pytest

from retrieval.naming import NAMED, gains


@pytest.mark.parametrize(
    ("query", "title"),
    [
        ("Who founded Albion Pottery in 1903?", "Albion Pottery"),
        ("what does the lord of the rings tell of rings", "The Lord of the Rings"),
        ("How are PDFs parsed by retrieval-tools?", "Retrieval tools"),
        ("李白在哪里出生", "李白"),
    ],
)
def test_a_title_whose_terms_all_stand_in_the_question_gains(query: str, title: str) -> None:
    assert gains(query, [title]) == [NAMED]


@pytest.mark.parametrize(
    ("query", "title"),
    [
        ("Who founded Albion in 1903?", "Albion Pottery"),
        ("Who founded Albion Pottery?", ""),
        ("Who founded Albion Pottery?", "...!"),
        ("Who are they?", "The Who"),
        ("", "Albion Pottery"),
        ("杜甫在哪里出生", "李白"),
    ],
)
def test_other_titles_gain_nothing(query: str, title: str) -> None:
    assert gains(query, [title]) == [0.0]
