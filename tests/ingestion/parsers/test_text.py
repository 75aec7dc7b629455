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
