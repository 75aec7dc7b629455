from hypothesis import given
from hypothesis import strategies as st

from ingestion.normalize import one_line
from ingestion.parsers.pdf_layout import blocks, compose
from ingestion.parsers.pdf_lines import Line

words = st.text(st.sampled_from("abcXY12.-,()$%é的模型，。 "), min_size=1, max_size=12).map(one_line).filter(bool)
cells = st.lists(words, min_size=1, max_size=3).map(tuple)


@st.composite
def line(draw: st.DrawFn) -> Line:
    x, y = draw(st.integers(0, 400)), draw(st.integers(0, 700))
    height = draw(st.sampled_from([9.0, 10.0, 18.0]))
    box = (float(x), float(y), float(x + draw(st.integers(1, 200))), y + height)
    return Line(draw(cells), draw(st.integers(1, 3)), box, height, bold=draw(st.booleans()), hyphen=draw(st.booleans()))


@given(st.lists(st.lists(line(), min_size=1, max_size=4), min_size=1, max_size=4))
def test_each_lines_region_is_exactly_its_text(groups: list[list[Line]]) -> None:
    text, regions = compose(groups, {"ab-c"})

    every = [line for group in groups for line in group]
    assert [(region.page, region.box) for region in regions] == [(line.page, line.box) for line in every]
    end = 0
    for region, source in zip(regions, every, strict=True):
        assert text[end : region.start] in ("", " ", "\n", "-")
        assert source.text in (text[region.start : region.end], text[region.start : region.end] + "-")
        end = region.end
    assert end == len(text)


@given(st.lists(st.lists(line(), max_size=8), max_size=3))
def test_every_line_of_a_document_stands_in_exactly_one_block(pages: list[list[Line]]) -> None:
    found = list(blocks(pages, {}))

    boxes = [region.box for block in found for region in block.regions]
    assert boxes == [line.box for page in pages for line in page]
    assert all(block.text == block.text.strip() for block in found)
