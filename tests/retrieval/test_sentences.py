"""Sentences end where a reader says they end, and nothing but white space lies between them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.sentences import line_spans, sentence_spans


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("", []),
        ("No full stop", ["No full stop"]),
        ("Dr. Smith paid $3.50 on Jan. 5. He left!", ["Dr. Smith paid $3.50 on Jan. 5.", "He left!"]),
        ("Did he? Yes (really).  J. K. Lee did.", ["Did he?", "Yes (really).", "J. K. Lee did."]),
        ("Pens, ink, etc. The rest follows.", ["Pens, ink, etc.", "The rest follows."]),
        ("今天天气好。我们去吧！「好的。」他说。", ["今天天气好。", "我们去吧！", "「好的。」", "他说。"]),
        ("1. First\n2. Second\n- third. And more.", ["1. First", "2. Second", "- third.", "And more."]),
        ("Free? The answer is no. See No. 5 below.", ["Free?", "The answer is no.", "See No. 5 below."]),
        ("It rose.[2] It fell [3].[4][15] Then", ["It rose.[2]", "It fell [3].[4][15]", "Then"]),
        ("税款到期。[1]然后交税。", ["税款到期。[1]", "然后交税。"]),
        ("A line\nwrapped here. Next\n\nNew", ["A line\nwrapped here.", "Next", "New"]),
    ],
)
def test_sentences_end_where_a_reader_says(text: str, sentences: list[str]) -> None:
    assert [text[start:end] for start, end in sentence_spans(text)] == sentences


def test_lines_of_a_table_are_its_sentences() -> None:
    text = "a | b\n\n  c. d | e \n"

    assert [text[start:end] for start, end in line_spans(text)] == ["a | b", "c. d | e"]


@given(st.text(alphabet="ab .!?。！\n-1\u3000\t)”", max_size=80))
def test_nothing_but_white_space_lies_between_sentences(text: str) -> None:
    for spans in (sentence_spans(text), line_spans(text)):
        end = 0
        for start, stop in spans:
            assert not text[end:start].strip()
            assert start < stop
            assert text[start:stop] == text[start:stop].strip()
            end = stop
        assert not text[end:].strip()
