import pytest

from generation.expected import Kind, kinds_asked_for, kinds_told

ALL: frozenset[Kind] = frozenset({"date", "number"})


@pytest.mark.parametrize(
    ("question", "kinds"),
    [
        ("When was the tax raised?", {"date"}),
        ("Which company changed its board earlier?", {"date"}),
        ("How many inhabitants has Oslo?", {"number"}),
        ("Which company has the higher debt?", {"number"}),
        ("Who raised the tax?", set[Kind]()),
        ("What is a whenever clause?", set[Kind]()),
        ("香港立法会何时选举？", {"date"}),
        ("哪家公司的更新时间更早？", {"date"}),
        ("立法會有多少個議席？", {"number"}),
        ("立法會什麼時候選舉？", {"date"}),
        ("谁是市长？", set[Kind]()),
    ],
)
def test_a_question_asks_for_a_date_or_a_number_by_its_words(question: str, kinds: set[Kind]) -> None:
    assert kinds_asked_for(question) == kinds


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("It was raised in May.", {"date"}),
        ("It may be raised.", set[Kind]()),
        ("It was raised in 1999.", {"date", "number"}),
        ("It has three seats.", {"number"}),
        ("Bread is baked.", set[Kind]()),
        ("选举于九月四日举行。", {"date"}),
        ("共有七十个议席。", {"number"}),
        ("面包是烤的。", set[Kind]()),
    ],
)
def test_a_text_tells_a_date_or_a_number_in_figures_or_words(text: str, kinds: set[Kind]) -> None:
    assert kinds_told(text, ALL) == kinds


def test_only_kinds_that_were_asked_for_are_told() -> None:
    assert kinds_told("It was raised to 40 in May.", frozenset({"date"})) == {"date"}
