import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.parsers.markup import MAX_DEPTH, flatten, strip_tags

tags = ["<div>", "</div>", "<p>", "<br>", "<b>", "</b>", "<li>", "word "]
pages = st.lists(st.sampled_from(tags)).map("".join)
torn_pages = st.lists(st.sampled_from([*tags, "<", ">", "<!--", "-->"])).map("".join)


@given(torn_pages)
def test_shallow_pages_are_left_as_they_are(html: str) -> None:
    if html.count("<") < MAX_DEPTH:
        assert flatten(html) == (html, False)


@given(pages, st.integers(0, 20))
def test_flattening_loses_no_text(html: str, extra: int) -> None:
    flat, was_deep = flatten("<div>" * (MAX_DEPTH + 1 + extra) + html + "end")

    assert was_deep
    assert re.findall("word|end", flat) == ["word"] * html.count("word") + ["end"]


@pytest.mark.parametrize("tag", ["p", "li", "td", "tr", "dt", "option"])
def test_tags_that_close_each_other_do_not_nest(tag: str) -> None:
    html = f"<{tag}>x" * (3 * MAX_DEPTH)

    assert flatten(html) == (html, False)


def test_a_tag_with_thousands_of_attributes_is_dropped() -> None:
    flat, mattered = flatten("<p " + " ".join(f"a{n}=1" for n in range(5000)) + ">text</p>")

    assert (flat.strip(), mattered) == ("text", True)


def test_an_image_in_a_data_address_is_dropped_without_a_word() -> None:
    flat, mattered = flatten(f'<p>text<img src="data:image/png;base64,{"ab/=" * 4000}"></p>')

    assert "base64" not in flat
    assert not mattered


def test_stripping_leaves_text_and_entities_resolved() -> None:
    html = "<script>var x = '<p>no</p>'</script>a<b>b</b> &lt;c&gt;<!-- <p>no</p> --><p>d</p><style>no</style>"

    assert strip_tags(html).split() == ["ab", "<c>", "d"]
