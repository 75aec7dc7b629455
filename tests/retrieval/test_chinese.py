import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.chinese import simplified


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("臺灣大學的計畫", "台湾大学的计划"),
        ("乾隆年間，乾淨的藉口", "乾隆年间，干净的借口"),
        ("為什麼要用 FastAPI？", "为什么要用 FastAPI？"),
        ("什么都不用改", "什么都不用改"),
        ("Café 한국어 ひらがな", "Café 한국어 ひらがな"),
        ("漢\ud800字\x00體", "汉\ud800字\x00体"),
        ("plain", "plain"),
        ("", ""),
    ],
)
def test_chinese_becomes_simplified_and_all_else_stays(written: str, expected: str) -> None:
    assert simplified(written) == expected


@given(st.text(st.characters(min_codepoint=0x4E00, max_codepoint=0x9FFF) | st.characters()))
def test_every_character_keeps_its_place(text: str) -> None:
    assert len(simplified(text)) == len(text)
