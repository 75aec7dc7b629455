from collections.abc import Sequence

from ingestion.parsers.pdf.parser import PdfParser
from tests.ingestion.files import PdfPage, Text, lines, pdf

LEFT = (
    "In the left column stands the first",
    "half of what there is to say about",
    "the matter, and it goes on for some",
    "lines until it ends at the very foot",
    "of its column, in the middle of what",
    "is a sentence of uncommon length and",
)
RIGHT = (
    "goes on at the head of the right one,",
    "as columns do wherever they stand on",
    "a page that somebody set with a care",
    "for its readers, who know that after",
    "the left column comes the right, and",
    "nowhere else does the text continue.",
)


def read(*pages: Sequence[Text]) -> list[str]:
    return [block.text for block in PdfParser().parse(pdf(*map(PdfPage, pages))).blocks]


def test_columns_are_read_one_after_the_other_and_a_paragraph_over_both_is_one() -> None:
    assert read([*lines(*LEFT, x=72), *lines(*RIGHT, x=320)]) == [" ".join((*LEFT, *RIGHT))]


def test_columns_that_a_page_writes_line_by_line_across_are_columns_still() -> None:
    woven = [text for pair in zip(lines(*LEFT, x=72), lines(*RIGHT, x=270), strict=True) for text in pair]

    assert read(woven) == [" ".join((*LEFT, *RIGHT))]


def test_a_title_that_the_page_writes_last_comes_first_and_the_right_column_after_the_left() -> None:
    title = [Text(72, 760, "A title over both columns of the page as it stands", 18)]

    assert read([*lines(*RIGHT, x=320), *lines(*LEFT, x=72), *title]) == [
        "A title over both columns of the page as it stands",
        " ".join((*LEFT, *RIGHT)),
    ]


def test_bands_of_columns_under_each_other_are_read_band_by_band() -> None:
    between = [Text(72, 620, "Under the upper band stands a line over both columns, and then the lower band.")]
    lower = [*lines(*RIGHT, x=320, top=560), *lines(*LEFT, x=72, top=560)]

    assert read([*lower, *between, *lines(*RIGHT, x=320), *lines(*LEFT, x=72)]) == [
        " ".join((*LEFT, *RIGHT)),
        between[0].text,
        " ".join((*LEFT, *RIGHT)),
    ]


def test_notes_come_after_the_text_that_they_would_interrupt() -> None:
    first = [*lines(*LEFT[:3], "lines until1", x=72), *lines("1 A note in small print.", x=72, top=60, size=7)]
    second = [*lines("it ends on the next page.", "A new one begins here.", x=72)]

    assert read(first, second) == [
        " ".join((*LEFT[:3], "lines until1 it ends on the next page.", "A new one begins here.")),
        "1 A note in small print.",
    ]


def test_small_print_at_the_foot_of_a_column_does_not_part_a_sentence() -> None:
    small = lines(
        "Permission to make copies of all of", "this is granted to everybody.", x=72, top=640, leading=8, size=7
    )

    assert read([*lines(*LEFT, x=72), *small, *lines(*RIGHT, x=320)]) == [
        " ".join((*LEFT, *RIGHT)),
        "Permission to make copies of all of this is granted to everybody.",
    ]


def test_a_paragraph_over_a_page_break_is_one_block_with_regions_on_both_pages() -> None:
    pages = [
        PdfPage(lines("A paragraph that does not end on this", "page, for its last word is bro-")),
        PdfPage(lines("ken.")),
    ]

    [block] = PdfParser().parse(pdf(*pages)).blocks

    assert block.text == "A paragraph that does not end on this page, for its last word is broken."
    assert [region.page for region in block.regions] == [1, 1, 2]


def test_a_table_or_caption_between_its_halves_does_not_part_a_paragraph() -> None:
    first = [*lines("A paragraph goes on", "below the table and"), Text(72, 100, "Table 1: What is known.")]
    rows = [Text(x, 720 - 14 * n, f"{x + n}") for n in range(3) for x in (72, 200, 300)]
    second = [*rows, *lines("its text is whole.", top=600)]

    assert read(first, second) == [
        "A paragraph goes on below the table and its text is whole.",
        "Table 1: What is known.",
        "72 | 200 | 300\n73 | 201 | 301\n74 | 202 | 302",
    ]


def test_a_paragraph_that_ended_and_one_that_begins_stay_two() -> None:
    assert read(lines("The first ends here."), lines("The second begins here.")) == [
        "The first ends here.",
        "The second begins here.",
    ]
