import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generation.plain_text import broken_addresses, broken_markup, without_controls, without_markup

ALIVE = re.compile(r"\]\(|!\[|<[A-Za-z/!?]|://|(?:javascript|data|vbscript):\S")


def cleaned(text: str) -> str:
    return broken_addresses(broken_markup(without_markup(text)))


@pytest.mark.parametrize(
    ("written", "left"),
    [
        ("See ![chart](https://evil.example/a.png?q=1) here", "See  here"),
        ("See [the guide](https://evil.example) here", "See the guide here"),
        ("See ![x][ref] here", "See  here"),
        ("See <img src=//evil.example/a.png onerror=alert(1)> here", "See  here"),
        ("See <https://evil.example/a> here", "See  here"),
        ("Go to https://evil.example/a?b=c#d now", "Go to  now"),
        ("Go to www.evil.example/a now", "Go to  now"),
        ("Go to //evil.example/a now", "Go to  now"),
        ("Go to evil.com/steal?x=1 now", "Go to  now"),
        ("a javascript:alert(1) b", "a (1) b"),
        ("a data:text/html;base64,AAAA b", "a  b"),
        ("<script>alert(1)</script>done", "alert(1)done"),
        ("<!-- hidden -->seen", "seen"),
        ("mail mailto:a@b.example?body=x now", "mail  now"),
        ("a < b and c > d, x<y", "a < b and c > d, x< y"),
        ("call f() and/or g()", "call f() and/or g()"),
        ("ratio 3:4, note: this, 10//3", "ratio 3:4, note: this, 10//3"),
    ],
)
def test_of_markup_and_addresses_only_words_are_left(written: str, left: str) -> None:
    assert cleaned(written) == left


@pytest.mark.parametrize(
    "written",
    [
        "![a. b](https://evil.example)",
        "<im<b>g src=x>",
        "ht<b>tps://evil.example",
        "[a]<b>(https://evil.example)",
        "![[a]](https://evil.example)",
        "[x]: https://evil.example",
        "<a href='x'>y",
        "<img src=x",
        "jav<i>ascript:alert(1)",
        "[a](ht[99]tps://evil.example)",
    ],
)
def test_what_is_broken_or_nested_does_not_come_alive(written: str) -> None:
    assert not ALIVE.search(cleaned(written))
    assert not re.search(r"^\s*\[[^\]]*\]:", cleaned(written))


@given(
    st.lists(
        st.sampled_from(
            [
                "![",
                "](",
                ")",
                "<",
                ">",
                "img",
                "a",
                "://",
                "https",
                "evil.example",
                " ",
                "\n",
                "[",
                "]",
                "!",
                "<b>",
                "1",
            ]
        ),
        max_size=14,
    ).map("".join)
)
def test_no_mixture_comes_alive(text: str) -> None:
    assert not ALIVE.search(cleaned(text))


@given(st.text())
def test_no_control_character_survives(text: str) -> None:
    plain = without_controls(text)
    assert not re.search(
        "[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]", plain
    )
    plain.encode()


def test_line_breaks_of_all_kinds_are_one_kind() -> None:
    assert without_controls("a\r\nb\rc\u2028d\x85e\tf") == "a\nb\nc\nd\ne\tf"


def test_hidden_tag_characters_are_dropped_and_joiners_stay() -> None:
    assert without_controls("a\U000e0041b\u200d\u200bc") == "ab\u200dc"


@pytest.mark.parametrize("unit", ["![", "[", "<", "<!--", "](", "a:", "www.", "((", "a.b", "//a"])
def test_cleaning_takes_time_in_proportion_to_length(unit: str) -> None:
    # far from the bound unless a pattern backtracks without end; the test's own timeout would tell as well
    assert len(cleaned(unit * 2000)) <= 3 * len(unit * 2000)
