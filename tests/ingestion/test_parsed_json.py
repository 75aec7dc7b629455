import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.parsed_json import dump, load
from ingestion.types import Block, Page, ParsedDocument
from retrieval.types import Region

texts = st.text(st.characters(codec="utf-8"), max_size=40)
sides = st.floats(0, 2000, allow_nan=False)
whole = st.integers(0, 2**31)
scalars = texts | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
boxes = st.tuples(sides, sides, sides, sides)
regions = st.builds(Region, whole, whole, whole, st.none() | boxes) | st.builds(
    Region, whole, whole, whole, boxes, st.booleans()
)
kinds = st.sampled_from(["heading", "paragraph", "list", "table", "code"])
blocks = st.builds(Block, kinds, texts, st.integers(0, 6), st.lists(regions, max_size=3).map(tuple))
pages = st.builds(Page, whole, sides, sides, st.none() | texts, st.booleans())
documents = st.builds(
    ParsedDocument,
    texts,
    st.lists(blocks, max_size=4).map(tuple),
    st.lists(pages, max_size=3).map(tuple),
    st.dictionaries(texts, scalars | st.lists(scalars, max_size=3).map(tuple), max_size=3),
    st.lists(texts, max_size=3).map(tuple),
    st.dictionaries(texts, whole, max_size=3),
)


@given(documents)
def test_what_is_written_is_read_back_the_same(parsed: ParsedDocument) -> None:
    assert load(dump(parsed)) == parsed


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"[]",
        b'{"title":"x","blocks":[[9,0,"x",[]]],"pages":[],"metadata":{},"warnings":[],"counts":{}}',
        b'{"title":"x","blocks":[["paragraph","x"]],"pages":[],"metadata":{},"warnings":[],"counts":{}}',
        b'{"title":"x","blocks":[],"pages":[],"metadata":{"a":{}},"warnings":[],"counts":{}}',
        b'{"title":"x","blocks":[],"pages":[],"metadata":{},"warnings":[],"counts":{"a":[]}}',
        b'{"title":"x","blocks":[[1,0,"x",[[0,1,1,2.0]]]],"pages":[],"metadata":{},"warnings":[],"counts":{}}',
        b'{"title":"x","blocks":[[1,0,"x",[[0,1,1,2,2,3,3,2]]]],"pages":[],"metadata":{},"warnings":[],"counts":{}}',
    ],
)
def test_bytes_that_nobody_wrote_are_no_document(content: bytes) -> None:
    with pytest.raises(ValueError):
        load(content)
