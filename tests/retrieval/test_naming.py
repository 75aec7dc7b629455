"""A document gains where the question calls it by its name, however it is written."""

import pytest

from retrieval.naming import FURTHER, NAMED, NUMBERED, Candidate, gains


def gained(query: str, titles: list[str]) -> list[float]:
    """What one chunk of a document of each title gains."""
    return gains(query, [Candidate(title, title, 0.5) for title in titles])


def chunks(title: str, *scores: float) -> list[Candidate]:
    """The found chunks of a document that has its title for an id."""
    return [Candidate(title, title, score) for score in scores]


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
    assert gained(query, [title]) == [NAMED]


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
    assert gained(query, [title]) == [0.0]


def test_of_titles_that_numbers_tell_apart_the_one_with_all_that_is_asked_for_gains_most() -> None:
    titles = ["Albion Pottery 2021 annual report", "Albion Pottery 2022 annual report", "Minster 2022 report", "Kilns"]

    assert gained("What drove Albion's margin as of FY2022?", titles) == [
        pytest.approx(NUMBERED / 4),
        NUMBERED,
        pytest.approx(NUMBERED / 4),
        0.0,
    ]


def test_numbers_that_no_title_has_tell_nothing_apart() -> None:
    assert gained("What did Albion Pottery earn in 2020?", ["Albion Pottery 2021 report", "Albion kilns"]) == [0.0, 0.0]


@pytest.mark.parametrize(
    ("query", "title"),
    [
        ("Did Minster Mills pay more in 2019?", "MINSTERMILLS 2019"),
        ("did coca-cola pay more in 2019?", "COCACOLA 2019"),
        ("did american water works pay more in 2019?", "AMERICANWATERWORKS 2019"),
        ("谁在2019年付款", "付款 2019"),
    ],
)
def test_names_may_be_written_as_one_word(query: str, title: str) -> None:
    one, other = gained(query, [title, "Pottery 2019"])

    assert one == NUMBERED > other


def test_a_capitalised_word_calls_a_name_that_it_begins() -> None:
    titles = ["MGMRESORTS 2022", "MGM 2022", "Pottery 2022"]

    assert gained("What did MGM earn in 2022?", titles) == [NUMBERED, NUMBERED, pytest.approx(NUMBERED / 4)]


@pytest.mark.parametrize("query", ["the hydro of 2022", "What does Form mean in 2022?", "What, in 2022?"])
def test_other_beginnings_call_nothing(query: str) -> None:
    """A word in small letters, a name that goes on for little, a function word."""
    assert gained(query, ["Hydroelectric 2022", "Formula 2022", "Whatsoever 2022"]) == [NUMBERED] * 3


def test_a_legal_form_tells_no_documents_apart() -> None:
    titles = ["Minster Company 2022", "Albion 2022"]

    assert gained("Does a company like Albion earn more in 2022?", titles) == [pytest.approx(NUMBERED / 4), NUMBERED]


def test_of_documents_that_the_same_words_call_those_of_which_less_is_found_gain_as_much_less() -> None:
    query = "What did Albion earn in 2022?"
    more, fewer = chunks("Albion 2022 report", 0.7, 0.6, 0.5), chunks("Albion 2022 plans", 0.8, 0.5)
    other = chunks("Minster 2021", 0.4)

    assert gains(query, [*more, *fewer, *other]) == [
        *[NUMBERED] * 3,
        *[pytest.approx(NUMBERED - ((0.6 - 0.4) + (0.5 - 0.4) - (0.5 - 0.4)) / FURTHER)] * 2,
        0.0,
    ]


def test_documents_that_other_words_call_do_not_stand_back() -> None:
    """Who asks for two of them wants both."""
    one, other = chunks("Albion 2022 plans", *[0.9] * 5), chunks("Minster 2022 plans", 0.5)

    assert gains("Did Albion or Minster earn more in 2022?", [*one, *other])[-1] == pytest.approx(NUMBERED * 4 / 9)
    assert gains("Who earned more in 2022?", [*one, *other])[-1] == NUMBERED


def test_what_stands_back_loses_no_more_than_its_gain() -> None:
    one, other, least = chunks("Albion 2022", *[0.9] * 5), chunks("Albion 2022 plans", 0.5), chunks("Kilns", 0.0)

    assert gains("What did Albion earn in 2022?", [*one, *other, *least])[-2:] == [0.0, 0.0]
