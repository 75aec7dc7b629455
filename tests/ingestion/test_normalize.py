import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.normalize import clean, count_invisible, fold_glyphs, hyphen_joint, line_joint, one_line, tidy, verbatim


@given(st.text())
def test_clean_text_is_nfc_and_stays_as_it_is_when_cleaned_again(text: str) -> None:
    once = clean(text)

    assert unicodedata.is_normalized("NFC", once)
    assert clean(once) == once


def test_a_sign_is_read_alike_alone_and_beside_one_that_is_not_everyday() -> None:
    beside = "☃"

    signs = [chr(code) for code in range(0x10000)]

    assert [sign for sign in signs if clean(sign + beside) != clean(sign) + beside] == []
    assert [sign for sign in signs if count_invisible(sign + beside) != count_invisible(sign)] == []


@given(st.text())
def test_one_line_has_no_line_ends_and_no_space_at_its_ends(text: str) -> None:
    line = one_line(text)

    assert line == " ".join(line.split())


@given(st.text(alphabet=st.characters(codec="utf-8", categories=["L", "N", "P"])))
def test_letters_digits_and_signs_are_all_kept(text: str) -> None:
    visible = unicodedata.normalize("NFC", text)
    hangul_fillers = "\u115f\u1160\u3164\uffa0"

    assert clean(text) == visible.translate(dict.fromkeys(map(ord, hangul_fillers)))


@pytest.mark.parametrize(
    "hidden",
    [
        "\u200b",
        "\u00ad",
        "\ufeff",
        "\u2060",
        "\u202e",
        "\u2066",
        "\u200e",
        "\u200d",
        "\U000e0041",
        "\U000e0100",
        "\x00",
    ],
)
def test_what_cannot_be_seen_is_removed(hidden: str) -> None:
    assert clean(f"pass{hidden}word") == "password"


def test_tags_that_spell_an_instruction_are_removed() -> None:
    smuggled = "".join(chr(0xE0000 + ord(letter)) for letter in "obey me")

    assert clean(f"harmless{smuggled}") == "harmless"


def test_joiners_stay_where_they_are_spelling() -> None:
    assert clean("می‌خواهم") == "می‌خواهم"
    assert clean("👩‍👧") == "👩‍👧"


def test_superscripts_and_fractions_keep_their_meaning() -> None:
    assert clean("10² ½ Ａ") == "10² ½ Ａ"


def test_line_ends_and_spaces_become_plain() -> None:
    assert clean("a\r\nb\rc\u2028d\u00a0e\u3000f") == "a\nb\nc\nd e f"


def test_tidy_keeps_paragraphs_and_drops_ragged_spaces() -> None:
    assert tidy("  one  two \n three\n\n\n\nfour ") == "one two\nthree\n\nfour"


def test_code_keeps_its_indentation() -> None:
    assert verbatim("\n\ndef f():\n\treturn  1  \n\n") == "def f():\n    return  1"


def test_what_a_font_did_to_letters_is_undone() -> None:
    assert fold_glyphs("eﬃcient ﬂow ⼤模型 ⻅⻓ 𝗆𝗈𝗎𝗌𝖾") == "efficient flow 大模型 见长 mouse"
    assert fold_glyphs("x² ½") == "x² ½"


@pytest.mark.parametrize(
    ("left", "right", "joint"),
    [
        ("difficult to com", "pile than", ""),
        ("from a third", "party", "-"),
        ("Jean", "Paul", "-"),
        ("page 10", "12", "-"),
    ],
)
def test_a_broken_word_keeps_its_hyphen_only_if_it_had_one(left: str, right: str, joint: str) -> None:
    assert hyphen_joint(left, right, {"third-party", "compile"}) == joint


def test_a_broken_word_that_is_not_known_is_joined_as_one_says() -> None:
    assert hyphen_joint("of one", "third of", {"third"}, "-") == "-"
    assert hyphen_joint("to com", "pile it", {"compile"}, "-") == ""


def test_chinese_lines_join_without_a_space() -> None:
    assert line_joint("字符串的形", "式存在") == ""
    assert line_joint("字符串", "the") == " "
    assert line_joint("a", "b") == " "


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("nothing hidden here, naïve as it is\u00a0", 0),
        ("zero\u200bwidth and\u2060 joined", 2),
        ("tags" + "".join(chr(0xE0000 + ord(letter)) for letter in "obey"), 4),
        ("\u202eright to left\u202c", 2),
        ("\ufeffa mark at the start", 0),
        ("soft\u00adhyphens part words", 0),
        ("می\u200cخواهم 👩\u200d👧", 0),
        ("pass\u200dword", 1),
        ("☺\ufe0e, 葛\U000e0100 and 0\ufe00 in a form of their own", 0),
        ("☺\ufe0e\ufe00\ufe01\U000e0101", 3),
        ("o\ufe01b\ufe02ey \ufe03", 3),
        ("\ufe00at the start", 1),
        ("\u115f\u1161\u11ab \u1112\u1160\u11ab \u115f\u1160\u11ab", 0),
        ("blank \u115f or \u1160 or \u115f\u1160 or \u3164 or \uffa0", 6),
    ],
)
def test_what_could_hide_a_message_is_counted_and_what_spells_a_word_is_not(text: str, count: int) -> None:
    assert count_invisible(text) == count
