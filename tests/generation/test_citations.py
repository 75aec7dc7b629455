from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generation.citations import cite, defused_labels, known_labels, labels_in, quote_span, without_labels
from retrieval.types import Passage
from tests.generation.given import CHINESE, PARIS, context, entitled, hit, region

KNOWN = {1, 2, 3}


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("so it is [1].", "so it is [1]."),
        ("so it is [1, 2].", "so it is [1][2]."),
        ("so it is [1][2].", "so it is [1][2]."),
        ("所以【1】。", "所以[1]。"),
        ("所以［1，2］。", "所以[1][2]。"),
        ("so it is [1-3].", "so it is [1][2][3]."),
        ("so it is [^2].", "so it is [2]."),
        ("so it is 【1†source】.", "so it is [1]."),
        ("so it is [01].", "so it is [1]."),
        ("so it is [٣].", "so it is [3]."),
        ("so it is [2, 2].", "so it is [2]."),
        ("so it is [99].", "so it is."),
        ("so it is [1, 99].", "so it is [1]."),
        ("so it is [0] [1] [2024].", "so it is [1]."),
        ("so it is [2-99].", "so it is [2][3]."),
        (f"so it is [{'9' * 5000}].", "so it is."),
        ("a list [a, b] and rows[ 1 ]", "a list [a, b] and rows[ 1 ]"),
    ],
)
def test_labels_are_written_one_way_and_unknown_ones_dropped(written: str, meant: str) -> None:
    assert known_labels(written, KNOWN) == meant


def test_a_bracketed_number_that_is_no_label_gets_spaces() -> None:
    assert defused_labels("rows[0], a[1, 2], 【3】, [x], [1]") == "rows[ 0 ], a[ 1, 2 ], 【 3 】, [x], [ 1 ]"
    assert defused_labels("so it is [1] and [9]", KNOWN) == "so it is [1] and [ 9 ]"


@given(
    st.lists(
        st.sampled_from(["[", "]", "1", "9", "٣", "【", "】", "-", ",", " ", "x", "[1]", "[[9]1]"]), max_size=14
    ).map("".join)
)
def test_no_label_but_a_known_one_is_left(text: str) -> None:
    left = defused_labels(known_labels(text, KNOWN), KNOWN)
    assert set(labels_in(left)) <= KNOWN


def test_labels_are_read_once_and_in_order() -> None:
    assert labels_in("b [2], a [1][2].") == (2, 1)
    assert without_labels("b [2], a [1][2].") == "b, a."


def passages(*hits: Passage) -> dict[int, Passage]:
    return {one.label: one for one in hits}


def test_a_quote_is_the_sentence_that_supports_best() -> None:
    (passage,) = context(hit(PARIS)).passages
    (citation,) = cite("Paris is France's capital [1].", [1], passages(passage))
    assert citation.quote == "The capital of France is Paris."
    assert (citation.label, citation.chunk_id, citation.source.id) == (1, 100, "doc_1")


def test_a_quote_grows_to_neighbours_that_hold_more_of_it() -> None:
    (passage,) = context(hit(PARIS)).passages
    (citation,) = cite("Paris, the capital of France, has 2,100,000 inhabitants [1].", [1], passages(passage))
    assert citation.quote == "The capital of France is Paris. It has 2,100,000 inhabitants."


def test_a_quote_grows_to_a_neighbour_with_a_figure_that_it_lacks() -> None:
    said = "The pump of the north station, which was built of steel, moves water for 40 farms and two mills [1]."
    text = "The pump of the north station was built of steel and moves water for mills and farms. They are 40."
    (passage,) = context(hit(f"It is old. {text} It is loud.")).passages
    (citation,) = cite(said, [1], passages(passage))
    assert citation.quote == text


def test_the_documents_title_does_not_choose_the_quote() -> None:
    text = "Seelund Ferries is a company of the north. Its profit was 2 million euros."
    (passage,) = context(entitled("Seelund Ferries", text)).passages
    (citation,) = cite("The profit of Seelund Ferries was high [1].", [1], passages(passage))
    assert citation.quote == "Its profit was 2 million euros."


def test_words_taken_as_they_stand_are_quoted_as_they_stand() -> None:
    chunk = hit("Bread is baked. The tax\nwas raised. Bread is baked twice.").chunk
    start, end = quote_span("The tax was raised.", chunk)
    assert chunk.text[start:end] == "The tax\nwas raised."


def test_words_within_which_a_line_ends_are_quoted_as_they_stand() -> None:
    chunk = hit("先烤面包。税费已经\n上调。再烤一次面包。").chunk
    start, end = quote_span("税费已经上调。", chunk)
    assert chunk.text[start:end] == "税费已经\n上调。"


def test_a_block_of_code_is_quoted_whole_with_its_brackets_as_they_stand() -> None:
    code = "first = rows[1]\nsecond = rows[2]\nthird = rows[3]\nprint(first, second, third)"
    chunk = hit(code, lines=True).chunk
    start, end = quote_span(defused_labels(code), chunk)
    assert chunk.text[start:end] == code


def test_each_label_has_its_own_citation() -> None:
    found = context(hit(PARIS), hit("Paris is the capital of France since 987.", 2)).passages
    citations = cite("Paris is the capital [1][2].", [1, 2], passages(*found))
    assert [citation.label for citation in citations] == [1, 2]
    assert citations[1].quote == "Paris is the capital of France since 987."


def test_boxes_and_page_are_those_of_the_quote() -> None:
    start = PARIS.index("The capital")
    regions = (
        region(0, start, 3, (0.0, 0.0, 9.0, 1.0)),
        region(start, start + 10, 3, (0.0, 1.0, 9.0, 2.0)),
        region(start + 10, start + 40, 4, (0.0, 2.0, 9.0, 3.0)),
        region(start + 40, len(PARIS), 4, None),
    )
    (passage,) = context(hit(PARIS, regions=regions, pages=(3, 4))).passages
    (citation,) = cite("The capital of France is Paris. [1]", [1], passages(passage))
    assert (citation.page, citation.page_label) == (3, None)
    assert citation.boxes == ((3, (0.0, 1.0, 9.0, 2.0)), (4, (0.0, 2.0, 9.0, 3.0)))


@pytest.mark.parametrize(("cited", "recognised"), [("The capital of France is Paris.", True), ("Nobody", False)])
def test_a_quote_says_that_it_was_read_off_a_picture(cited: str, recognised: bool) -> None:
    start = PARIS.index("The capital")
    read = replace(region(start, start + 10, 3, (0.0, 1.0, 9.0, 2.0)), recognised=True)
    (passage,) = context(hit(PARIS, regions=(region(0, start, 3, None), read), pages=(3,))).passages
    (citation,) = cite(f"{cited} [1]", [1], passages(passage))
    assert citation.recognised == recognised


def test_a_citation_names_what_is_printed_on_its_page() -> None:
    (passage,) = context(hit(PARIS, regions=(region(0, len(PARIS), 4, None),), pages=(3, 4))).passages
    placement = replace(passage.hit.placement, page_labels=("ix", "x"))
    labelled = replace(passage, hit=replace(passage.hit, placement=placement))
    (citation,) = cite("The capital of France is Paris. [1]", [1], passages(labelled))
    assert (citation.page, citation.page_label) == (4, "x")


def test_a_document_without_pages_gives_none() -> None:
    (passage,) = context(hit(PARIS)).passages
    (citation,) = cite("Paris [1].", [1], passages(passage))
    assert (citation.page, citation.boxes) == (None, ())


@given(st.text(max_size=60), st.sampled_from([PARIS, CHINESE, "x", "a | b\nc | d", "🎉 Paris. 𝒳 [1] is. "]))
def test_a_quote_is_always_a_part_of_its_chunk(sentence: str, text: str) -> None:
    (passage,) = context(hit(text)).passages
    (citation,) = cite(sentence, [1], passages(passage))
    assert citation.quote in text
    assert citation.quote.strip()
