import pytest

from ingestion.language import language_of

LONG_DUTCH = (
    "Het boek van de schrijver is of was een verhaal over de zee, en het was een van de beste van dat jaar. " * 3
)
LONG_GERMAN = "Der Vertrag endet, wenn eine der beiden Seiten ihn schriftlich kündigt. " * 4


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("The server must be restarted after the change.", "en"),
        ("La réunion aura lieu mardi prochain à Paris.", "fr"),
        ("你好", "zh"),
        ("The API 文档说明了如何使用 tokens", "zh"),
        ("The Chinese word 你好 greets whoever comes through the door of the house.", "en"),
        ("東京タワーはとても高いです", "ja"),
        ("안녕하세요", "ko"),
        ("2019 | 2020\n12 345 | 67 890", "und"),
        ("", "und"),
        ("Hello", "und"),
        ("x = 1", "und"),
    ],
)
def test_a_text_alone_is_in_the_language_that_it_tells_or_in_none(text: str, language: str) -> None:
    assert language_of(text) == language


@pytest.mark.parametrize(
    ("text", "document", "language"),
    [
        ("Total | 5", "en", "en"),
        ("Gesamt 2020", "de", "de"),
        ("你好", "en", "zh"),
        ("The server must be restarted after the change.", "zh", "en"),
        ("Total | 5", "zh", "und"),
        ("2019 | 2020\n12 345 | 67 890", "en", "und"),
        (LONG_GERMAN, "en", "de"),
        (LONG_DUTCH, "en", "nl"),
        ("The king of the old land and his people have not forgotten it.", "de", "en"),
    ],
)
def test_a_short_text_is_in_its_documents_language_unless_its_script_says_no(
    text: str, document: str, language: str
) -> None:
    assert language_of(text, otherwise=lambda: document) == language
