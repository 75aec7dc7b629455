import io

from pypdf import PdfWriter
from pypdf.generic import IndirectObject

from ingestion.parsers.pdf.parser import PdfParser
from tests.ingestion.files import PdfPage, Text, lines, pdf

PROSE = [
    text for y in (600, 400) for text in lines("Prose that nobody would take for", "a heading at all, it is.", top=y)
]


def headings(content: bytes) -> list[tuple[str, int]]:
    return [(block.text, block.level) for block in PdfParser().parse(content).blocks if block.kind == "heading"]


def outlined(content: bytes, *entries: tuple[str, int, int]) -> bytes:
    """The file with an outline: titles, levels and pages (from 0), in order."""
    writer = PdfWriter(clone_from=io.BytesIO(content))
    parents: list[IndirectObject | None] = [None]
    for title, level, page in entries:
        del parents[level:]
        parents.append(writer.add_outline_item(title=title, page_number=page, parent=parents[-1]))
    packed = io.BytesIO()
    writer.write(packed)
    return packed.getvalue()


def test_the_larger_the_heading_the_higher_its_level_on_every_page() -> None:
    one = [Text(72, 740, "Title", 20), Text(72, 700, "Part", 16), Text(72, 640, "Weighty", 10, bold=True), *PROSE]
    two = [Text(72, 740, "Another part", 16), Text(72, 700, "Of weight", 10, bold=True), *PROSE]

    assert headings(pdf(PdfPage(one), PdfPage(two))) == [
        ("Title", 1),
        ("Part", 2),
        ("Weighty", 3),
        ("Another part", 2),
        ("Of weight", 3),
    ]


def test_what_the_outline_says_of_one_heading_holds_for_all_that_look_like_it() -> None:
    pages = [
        [Text(72, 740, "Chapter one", 16), Text(72, 700, "Section", 13), *PROSE],
        [
            Text(72, 740, "Chapter two", 16),
            Text(72, 700, "Not in the outline", 13),
            Text(72, 640, "Bold", 10, bold=True),
            *PROSE,
        ],
    ]
    content = outlined(
        pdf(*map(PdfPage, pages)), ("Book", 1, 0), ("Chapter one", 2, 0), ("Section", 3, 0), ("Chapter two", 2, 1)
    )

    assert headings(content) == [
        ("Chapter one", 2),
        ("Section", 3),
        ("Chapter two", 2),
        ("Not in the outline", 3),
        ("Bold", 4),
    ]


def test_bold_items_remarks_in_brackets_and_long_leads_are_no_headings() -> None:
    lead = "The following table tells how the amounts came about in the year:"
    bold = [
        Text(72, 740 - 40 * n, text, 10, bold=True)
        for n, text in enumerate(("(In millions)", lead, "– an item in bold"))
    ]

    assert headings(pdf(PdfPage([*bold, *PROSE]))) == []
