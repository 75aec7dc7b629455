"""A document gains where the question calls it by its whole name, however it is written."""

import pytest

from retrieval.naming import NAMED, NUMBERED, gains


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


def test_of_titles_that_numbers_tell_apart_the_one_with_all_that_is_asked_for_gains_most() -> None:
    titles = ["Albion Pottery 2021 annual report", "Albion Pottery 2022 annual report", "Minster 2022 report", "Kilns"]

    assert gains("What drove Albion's margin as of FY2022?", titles) == [
        pytest.approx(NUMBERED / 4),
        NUMBERED,
        pytest.approx(NUMBERED / 4),
        0.0,
    ]


def test_numbers_that_no_title_has_tell_nothing_apart() -> None:
    assert gains("What did Albion Pottery earn in 2020?", ["Albion Pottery 2021 report", "Albion kilns"]) == [0.0, 0.0]


@pytest.mark.parametrize(
    ("query", "title"),
    [("Did Minster Mills pay more in 2019?", "MINSTERMILLS 2019"), ("谁在2019年付款", "付款 2019")],
)
def test_names_may_be_written_as_one_word(query: str, title: str) -> None:
    assert gains(query, [title, "2018"]) == [NUMBERED, 0.0]
