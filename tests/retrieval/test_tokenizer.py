"""What becomes a term."""

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.tokenizer import MAX_TERM, significant, terms, weighed


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Running dogs' cats", ["run", "dog", "cat"]),
        ("The company's plan", ["the", "compani", "plan"]),
        ("The company’s plan", ["the", "compani", "plan"]),
        ("3.14 and 1,000.50, v2.0", ["3.14", "and", "1000.50", "v2.0", "v2"]),
        ("(1, 2,3)", ["1", "2", "3"]),
        ("snake_case", ["snake_cas", "snake", "case"]),
        ("__init__", ["init"]),
        ("HTTPServer getUserName", ["httpserver", "http", "server", "getusernam", "get", "user", "name"]),
        ("APIs PDFs", ["api", "pdf"]),
        ("C++ C# C++17", ["c++", "c#", "c++", "17"]),
        ("jane.doe@example.com", ["jane.doe@example.com", "jane", "doe", "exampl", "com"]),
        ("E-mail, x-rays", ["email", "mail", "xray", "ray"]),
        ("state-of-the-art", ["state", "of", "the", "art"]),
        ("the U.S. and U.S.A", ["the", "us", "and", "usa"]),
        ("Café NAÏVE Ørsted straße", ["cafe", "naiv", "orst", "strass"]),
        ("ＡＢＣ１２３ ﬁne", ["abc123", "abc", "123", "fine"]),
        ("FY2018 2018Q4 p53", ["fy2018", "fy", "2018", "2018q4", "2018", "q4", "p53"]),
        ("10-K 10K B-52 10-km 3-4", ["10k", "10", "10k", "10", "b52", "52", "10", "km", "3", "4"]),
        ("香港RCEP班", ["香", "港", "香港", "rcep", "班"]),
        ("臺灣", ["台", "湾", "台湾"]),
        ("한국어", ["한", "국", "어", "한국", "국어"]),
        ("ภาษา", ["ภ", "า", "ษ", "า", "ภา", "าษ", "ษา"]),
        ("हिन्दी भाषा", ["हिन्दी", "भाषा"]),
        ("— … ?! \x00 \ud800", []),
    ],
)
def test_a_text_becomes_these_terms(text: str, expected: list[str]) -> None:
    assert terms(text) == expected


def test_a_question_drops_its_function_words() -> None:
    assert significant(terms("What is the capital of France?")) == ["capit", "franc"]
    assert significant(terms("香港是什么")) == ["香", "港", "香港", "港是"]
    assert significant(terms("這個計畫是誰的")) == significant(terms("这个计划是谁的"))


def test_a_question_of_function_words_alone_keeps_them() -> None:
    assert significant(terms("To be or not to be")) == ["to", "be", "or", "not", "to", "be"]


def test_what_a_question_says_twice_counts_twice_and_so_do_its_numbers() -> None:
    assert weighed(terms("Which prices rose in 2023, and which prices fell?")) == {
        "price": 2,
        "rose": 1,
        "2023": 2,
        "fell": 1,
    }
    assert weighed(terms("FY2018, 2018")) == {"fy2018": 2, "fy": 1, "2018": 4}
    assert weighed(terms("2019年")) == {"2019": 2, "年": 1}


@given(st.text())
def test_no_term_is_empty_has_white_space_or_is_too_long(text: str) -> None:
    for term in terms(text):
        assert term
        assert term.split() == [term]
        assert len(term) <= 2 * MAX_TERM
        term.encode()


@given(st.text(alphabet=st.characters(codec="ascii")))
def test_letter_case_of_plain_words_does_not_matter(text: str) -> None:
    plain = " ".join(word for word in text.lower().split() if word.isalpha())

    assert terms(plain) == terms(plain.upper()) == terms(plain.title())


def test_threads_do_not_disturb_each_other() -> None:
    words = " ".join(f"running{number} jumping" for number in range(200))
    expected, seen = terms(words), list[list[str]]()
    threads = [threading.Thread(target=lambda: seen.extend(terms(words) for _ in range(20))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert seen == [expected] * 80
