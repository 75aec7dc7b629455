import pytest

from ingestion.parsers.text import TextParser
from tests.contracts.parser import ParserContract


class TestTextParser(ParserContract):
    @pytest.fixture
    def parser(self) -> TextParser:
        return TextParser()

    @pytest.fixture
    def sample(self) -> bytes:
        return "First line\nsecond line\n\nNext paragraph, naïve.\n".encode()

    @pytest.fixture
    def textless(self) -> bytes:
        return b" \n\t\n \r\n"

    def test_blank_lines_part_paragraphs_and_lines_stay(self, parser: TextParser, sample: bytes) -> None:
        assert [(block.kind, block.text) for block in parser.parse(sample).blocks] == [
            ("paragraph", "First line\nsecond line"),
            ("paragraph", "Next paragraph, naïve."),
        ]

    @pytest.mark.parametrize(
        ("heading", "line", "below"),
        [
            ("1. Skylark 4", "\n", "The new station goes on sale on 12 May 2027.\nIt stays below 900 euros."),
            ("Skylark 4", "\n=========\n", "On sale in May."),
            ("Skylark 4", "\n---------\n\n", "On sale in May."),
            ("一、新站", "\n", "新站将于2027年5月12日上市，价格不变。"),
        ],
    )
    def test_a_short_or_underlined_line_right_above_a_text_is_its_heading(
        self, parser: TextParser, heading: str, line: str, below: str
    ) -> None:
        blocks = parser.parse(f"{heading}{line}{below}\n".encode()).blocks

        assert [(block.kind, block.text) for block in blocks] == [("heading", heading), ("paragraph", below)]

    @pytest.mark.parametrize(
        "paragraph",
        [
            "Lines that an editor has wrapped at forty\ncolumns, and that end where no more fits.",
            "The manual is at\nhttps://example.org/a/very/long/address/that/takes/a/line/of/its/own in English.",
            "It ends here.\n-------------\nSomething else begins.",
            "Dear Ada,\nI am glad to tell you that your paper was accepted.",
            "Milk\n- skimmed, for the coffee\n- whole, for the cakes of the weekend",
            "Ada Lovelace\n12 St James's Square\nLondon",
        ],
    )
    def test_lines_of_one_paragraph_stay_together(self, parser: TextParser, paragraph: str) -> None:
        assert [block.text for block in parser.parse(paragraph.encode()).blocks] == [paragraph]


@pytest.mark.parametrize(
    "lines", [("Cable length: 5 m", "Depth: 10 cm, 20 cm"), ("出租方：云栖公司", "承租方：启明公司")]
)
def test_lines_that_each_have_a_label_are_parted(lines: tuple[str, ...]) -> None:
    assert [block.text for block in TextParser().parse("\n".join(lines).encode()).blocks] == [*lines]


@pytest.mark.parametrize("text", ["Note: all of it\nwas written before.", "https://a.example\nhttps://b.example"])
def test_lines_of_which_one_has_no_label_stay_together(text: str) -> None:
    assert [block.text for block in TextParser().parse(text.encode()).blocks] == [text]


def test_what_cannot_be_seen_is_left_out_and_counted() -> None:
    hidden = "".join(chr(0xE0000 + ord(letter)) for letter in "obey")
    parsed = TextParser().parse(f"A ha\u200brmless{hidden} line.\n\n\x1b[32mgreen\x1b[0m".encode())

    assert [block.text for block in parsed.blocks] == ["A harmless line.", "green"]
    assert parsed.counts == {"hidden_characters": 5}


@pytest.mark.parametrize("encoding", ["gb18030", "utf-16", "utf-16-le", "utf-8-sig"])
def test_a_text_is_read_in_its_charset(encoding: str) -> None:
    text = "交通费凭票据实报销，住宿费每晚不超过五百元，超出部分由个人承担。"

    assert [block.text for block in TextParser().parse(text.encode(encoding)).blocks] == [text]
