from hypothesis import example, given
from hypothesis import strategies as st

from ingestion.normalize import one_line
from ingestion.parsers.pdf.hyphens import Hyphens
from ingestion.parsers.pdf.layout import blocks, compose
from ingestion.parsers.pdf.lines import Line
from ingestion.parsers.pdf.order import in_order
from ingestion.parsers.pdf.rows import rows
from ingestion.parsers.pdf.tables import with_tables

words = st.text(st.sampled_from("abcXY12.-,()$%é的模型，。 "), min_size=1, max_size=12).map(one_line).filter(bool)


@st.composite
def line(draw: st.DrawFn) -> Line:
    x, y = draw(st.integers(0, 400)), draw(st.integers(0, 700))
    height = draw(st.sampled_from([9.0, 10.0, 18.0]))
    box = (float(x), float(y), float(x + draw(st.integers(1, 200))), y + height)
    page, bold, hyphen = draw(st.integers(1, 3)), draw(st.booleans()), draw(st.booleans())
    return Line(draw(words), page, box, height, height, bold=bold, hyphen=hyphen)


@given(st.lists(st.lists(line(), min_size=1, max_size=4), min_size=1, max_size=4))
def test_each_lines_region_is_exactly_its_text(groups: list[list[Line]]) -> None:
    text, regions = compose(groups, Hyphens({"ab-c"}))

    every = [line for group in groups for line in group]
    assert [(region.page, region.box) for region in regions] == [(line.page, line.box) for line in every]
    end = 0
    for region, source in zip(regions, every, strict=True):
        assert text[end : region.start] in ("", " ", "\n", "-")
        assert source.text in (text[region.start : region.end], text[region.start : region.end] + "-")
        end = region.end
    assert end == len(text)


TWICE = [Line("1", 1, (0.0, 9.0 * row, right, 9.0 * row + 9.0), 9.0, 9.0) for row in range(2) for right in (1.0, 5.0)]


@given(st.lists(st.lists(line(), max_size=12), max_size=3))
@example([TWICE])
def test_no_letter_of_a_page_is_lost_or_doubled_however_its_lines_lie(pages: list[list[Line]]) -> None:
    laid_out = [with_tables(in_order(rows(page))) for page in pages]

    found = list(blocks(laid_out, {}))

    given = sorted("".join(line.text for page in pages for line in page).replace("-", ""))
    got = sorted("".join(block.text.replace("|", "").replace("-", "") for block in found))
    assert [sign for sign in got if not sign.isspace()] == [sign for sign in given if not sign.isspace()]
    assert all(block.text == block.text.strip() for block in found)
