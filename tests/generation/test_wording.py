import pytest

from generation.wording import asked_about, content_terms, names, numbers, share


def test_words_that_any_question_has_are_no_content() -> None:
    assert content_terms("What is the capital of France?") == content_terms("capital, France")
    assert content_terms("What is it and how does it do that?") == frozenset()


def test_forms_of_a_word_are_one_term() -> None:
    assert content_terms("declared parameters") == content_terms("declare a parameter")


def test_chinese_content_is_pairs_of_characters_without_question_words() -> None:
    terms = content_terms("香港有多少个议席？")
    assert {"香港", "议席"} <= terms
    assert not {"多少", "少个", "香"} & terms


@pytest.mark.parametrize(
    ("question", "about"),
    [
        ("哪兩個機構擁有否決權？", "機構擁有否決權"),
        ("這些島嶼為什麼在何時消失了呢？", "島嶼 消失"),
        ("香港有幾個議席？", "香港 議席"),
    ],
)
def test_traditional_question_words_are_no_content_either(question: str, about: str) -> None:
    assert content_terms(question) == content_terms(about)


def test_content_is_the_same_in_both_scripts() -> None:
    assert {"国家", "条约"} <= content_terms("國家的條約") == content_terms("国家的条约")


def test_a_single_character_counts_where_it_stands_alone() -> None:
    assert content_terms("什么是茶？") == {"茶"}


@pytest.mark.parametrize(
    ("question", "about"),
    [
        ("How long is a label kept?", "label kept"),
        ("How far in advance are flights booked?", "advance flights booked"),
        ("What does error E07 mean?", "error E07"),
        ("What happens when I am ill?", "ill"),
        ("免租期有多长？", "免租期"),
        ("免租期多长时间", "免租期 时间"),
        ("续租需要提前多久通知？", "续租 提前 通知"),
        ("Is the mean price a long-term figure?", "mean price long-term figure"),
        ("多大的大学？", "多大的大学"),
        ("What is the geometric mean?", "geometric mean"),
        ("How deep learning differs from statistics", "deep learning differs statistics"),
        ("How large language models work", "large language models work"),
        ("What type annotations are there?", "type annotations there"),
        ("马斯洛的需要层次", "马斯洛的需要层次"),
    ],
)
def test_what_a_question_asks_by_is_not_what_it_asks_about(question: str, about: str) -> None:
    assert asked_about(question) == content_terms(about)


def test_a_question_that_asks_by_all_of_its_words_is_about_them() -> None:
    assert asked_about("How far?") == content_terms("far")


def test_numbers_are_the_same_with_and_without_grouping() -> None:
    assert numbers("1,000 people, 3.5 % at 10:30") == {"1000", "3.5", "10:30"}


def test_the_share_of_nothing_is_nothing() -> None:
    assert share(frozenset(), frozenset({"a"})) == 0.0
    assert share(frozenset({"a", "b"}), frozenset({"a"})) == 0.5


@pytest.mark.parametrize(
    ("question", "named"),
    [
        ("Who did the Carolina Panthers beat in Super Bowl 50?", "carolina panther super bowl 50"),
        ("Where is it? In Oslo. Who says so?", "oslo"),
        ("«What» does «GDPR» say of élan?", "gdpr"),
        ("50 Cent's first record", "50 cent"),
        ("香港在2016年有多少议席？iPhone的API呢？", "2016 api"),
        ("are you well", ""),
    ],
)
def test_names_are_words_with_a_capital_inside_a_sentence_and_numbers(question: str, named: str) -> None:
    assert names(question) == frozenset(named.split())
