import pytest

from generation.inquiry.named_documents import MOST, named_side_by_side, without_names, without_proper_nouns

HANDBOOKS = ("Oslo Handbook", "Bergen Handbook", "Travel")


def names(question: str, *titles: str) -> list[str]:
    return [one.title for one in named_side_by_side(question, titles)]


@pytest.mark.parametrize(
    "question",
    [
        "What do the Oslo Handbook and the Bergen Handbook say of leave?",
        "Does the Oslo Handbook's rule in 2023 or the Bergen Handbook's in 2024 give more leave?",
        "Oslo Handbook vs. Bergen Handbook: who gives more leave?",
    ],
)
def test_titles_beside_each_other_are_found_in_the_question_s_order(question: str) -> None:
    assert names(question, "Travel", "Bergen Handbook", "Oslo Handbook") == ["Oslo Handbook", "Bergen Handbook"]


def test_punctuation_within_a_name_may_differ() -> None:
    question = "Who fined more, Innovate Tech, Inc. or the court of Upton Georgetown?"
    assert names(question, "Upton, Georgetown", "Innovate Tech Inc") == ["Innovate Tech Inc", "Upton, Georgetown"]


def test_chinese_titles_are_found_without_spaces_around_them() -> None:
    assert names("奥斯陆手册和卑尔根手册对休假有什么规定？", "卑尔根手册", "奥斯陆手册") == ["奥斯陆手册", "卑尔根手册"]


@pytest.mark.parametrize(
    ("question", "titles"),
    [
        ("What does the Oslo Handbook say of leave and of pay?", HANDBOOKS),
        ("What does the Oslo Handbook say, what the Bergen one?", HANDBOOKS),
        ("How do I get started and make requests?", ("Get started", "Make requests")),
        ("Is the oslo handbook or the bergen handbook newer?", HANDBOOKS),
        ("Does Travel in Norway follow the Oslo Handbook?", HANDBOOKS),
        (f"The Oslo Handbook says much {'of many things ' * 6} and the Bergen Handbook?", HANDBOOKS),
        ("Oslo Handbooks and Bergen Handbooks?", HANDBOOKS),
        ("And so on?", ("", "?", "...")),
        ("", HANDBOOKS),
    ],
    ids=[
        "one",
        "half a name",
        "common words",
        "no capitals",
        "not beside",
        "far apart",
        "other words",
        "no words",
        "empty",
    ],
)
def test_other_questions_name_no_documents_side_by_side(question: str, titles: tuple[str, ...]) -> None:
    assert names(question, *titles) == []


def test_of_names_that_overlap_the_longer_is_meant() -> None:
    titles = ("Oslo", "Oslo Handbook", "Bergen", "Bergen Handbook")
    assert names("Compare the Oslo Handbook and Bergen Handbook", *titles) == ["Oslo Handbook", "Bergen Handbook"]


def test_a_question_with_more_names_than_can_be_asked_for_is_left_whole() -> None:
    titles = [f"City {number}" for number in range(MOST + 1)]
    assert names(" and ".join(titles[:MOST]), *titles) == titles[:MOST]
    assert names(" and ".join(titles), *titles) == []


@pytest.mark.parametrize(
    ("question", "asked"),
    [
        (
            "Compare the leave of Oslo Handbook in 2023 and Bergen Handbook in 2024.",
            "Compare the leave of in 2023 and in 2024.",
        ),
        (
            "According to the rules of the Oslo Handbook and the Bergen Handbook, who has leave, and when?",
            "who has leave, and when?",
        ),
        (
            "In the Oslo Handbook and the Bergen Handbook of 2023, who has leave?",
            "In the and the of 2023, who has leave?",
        ),
        ("Say, who has leave in Oslo Handbook and Bergen Handbook, and when?", "Say, who has leave in and , and when?"),
        ("According to the Oslo Handbook and the Bergen Handbook", "According to the and the"),
    ],
    ids=["names alone", "an opening", "an opening with a year", "no opening", "nothing else"],
)
def test_what_is_asked_of_each_document_is_the_question_without_names(question: str, asked: str) -> None:
    assert without_names(question, named_side_by_side(question, HANDBOOKS)) == asked


def test_an_opening_that_says_where_to_look_goes_with_the_names_in_chinese() -> None:
    question = "根据奥斯陆手册和卑尔根手册的规定，休假有几天？"
    named = named_side_by_side(question, ("卑尔根手册", "奥斯陆手册"))
    assert without_names(question, named) == "休假有几天？"


def test_a_question_without_names_stays_as_it_is() -> None:
    assert without_names("According to the rules, who has leave?", []) == "According to the rules, who has leave?"


@pytest.mark.parametrize(
    ("asked", "sought"),
    [
        ("How long are the sentences of V. Martin and M. Harris?", "How long are the sentences of . and . ?"),
        ("Who pays the VAT that the council of Oslo raises?", "Who pays the VAT that the council of raises?"),
        ("What do they say about Microsoft Teams?", "What do they say about Microsoft Teams?"),
        ("Were there more thefts by Harris in 2023 or in 2024?", "Were there more thefts by in 2023 or in 2024?"),
        ("休假有几天？", "休假有几天？"),
    ],
)
def test_within_a_document_its_parties_are_not_searched_for_where_enough_else_is_asked(asked: str, sought: str) -> None:
    assert without_proper_nouns(asked) == sought
