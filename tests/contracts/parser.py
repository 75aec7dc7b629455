"""What every parser must do."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingestion.errors import ParseError
from ingestion.normalize import clean
from ingestion.parsed_json import dump, load
from ingestion.parsers.registry import PARSERS
from ingestion.ports import Parser
from ingestion.types import ParsedDocument


class ParserContract:
    """Inherit, and give the fixtures `parser`, `sample` (a file with text) and `textless` (one without)."""

    def test_it_is_the_registered_parser_of_its_media_type(self, parser: Parser) -> None:
        assert type(PARSERS[parser.media_type]) is type(parser)

    def test_blocks_hold_clean_text_and_nothing_but_headings_has_a_level(self, parser: Parser, sample: bytes) -> None:
        parsed = parser.parse(sample)

        assert parsed.blocks
        for block in parsed.blocks:
            assert block.text.strip()
            assert clean(block.text) == block.text
            assert (1 <= block.level <= 6) if block.kind == "heading" else block.level == 0

    def test_regions_lie_in_the_text_in_order_and_on_pages_that_exist(self, parser: Parser, sample: bytes) -> None:
        assert_regions_hold(parser.parse(sample))

    def test_the_same_bytes_give_the_same_document(self, parser: Parser, sample: bytes) -> None:
        assert parser.parse(sample) == parser.parse(sample)

    def test_what_it_gives_survives_being_stored(self, parser: Parser, sample: bytes) -> None:
        parsed = parser.parse(sample)

        assert load(dump(parsed)) == parsed

    def test_a_file_without_text_gives_no_blocks_and_a_warning(self, parser: Parser, textless: bytes) -> None:
        parsed = parser.parse(textless)

        assert parsed.blocks == ()
        assert parsed.warnings

    # The fixtures do not change between examples, and every parser's class is meant to run this one test.
    @settings(
        max_examples=30,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors],
    )
    @given(cut=st.floats(0, 1), flips=st.lists(st.tuples(st.floats(0, 0.999), st.integers(1, 255)), max_size=8))
    def test_a_damaged_file_is_read_or_refused(
        self, parser: Parser, sample: bytes, cut: float, flips: list[tuple[float, int]]
    ) -> None:
        damaged = bytearray(sample[: int(len(sample) * cut)])
        for place, bits in flips:
            if damaged:
                damaged[int(len(damaged) * place)] ^= bits

        try:
            parsed = parser.parse(bytes(damaged))
        except ParseError:
            return
        assert load(dump(parsed)) == parsed
        assert_regions_hold(parsed)


def assert_regions_hold(parsed: ParsedDocument) -> None:
    pages = {page.number: page for page in parsed.pages}
    for block in parsed.blocks:
        end = 0
        for region in block.regions:
            assert end <= region.start < region.end <= len(block.text)
            assert region.page in pages
            if region.box is not None:
                x0, y0, x1, y1 = region.box
                assert 0 <= x0 <= x1 <= pages[region.page].width
                assert 0 <= y0 <= y1 <= pages[region.page].height
            end = region.end
