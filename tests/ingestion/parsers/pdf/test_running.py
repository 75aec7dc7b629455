from collections.abc import Sequence

from ingestion.parsers.pdf.parser import PdfParser
from ingestion.types import ParsedDocument
from tests.ingestion.files import PdfPage, Text, lines, pdf


def parse(pages: Sequence[Sequence[Text]]) -> ParsedDocument:
    return PdfParser().parse(pdf(*map(PdfPage, pages)))


def body(number: int, size: int = 10) -> list[Text]:
    """Lines of which each is on this page alone, right up to where headers and footers stand."""
    words = [f"sentinel {'abcdefghij'[number]}{'klmnopqrst'[line]} stays." for line in range(size)]
    return lines(*words, top=724, leading=660 / size)


def texts(parsed: ParsedDocument) -> str:
    return "\n".join(block.text for block in parsed.blocks)


def test_headers_footers_and_page_numbers_go_and_no_word_of_the_body_goes_with_them() -> None:
    pages = [
        [Text(72, 760, "Annual report 2023"), *body(number), Text(72, 40, "Acme Ltd."), Text(500, 40, f"{number + 7}")]
        for number in range(6)
    ]

    parsed = parse(pages)

    assert parsed.counts["running_lines"] == 18
    assert "Acme" not in texts(parsed)
    assert "Annual" not in texts(parsed)
    assert texts(parsed).split() == " ".join(text.text for n in range(6) for text in body(n)).split()


def test_headers_of_left_and_right_pages_go_with_the_numbers_in_them() -> None:
    heads = [Text(72, 760, f"{n} A. Lee") if n % 2 else Text(400, 760, f"On tables {n}") for n in range(8)]

    assert parse([[head, *body(n)] for n, head in enumerate(heads)]).counts == {"running_lines": 8}


def test_page_numbers_that_follow_the_text_go_wherever_they_stand() -> None:
    pages = [[*body(n), Text(300, 60 - 5 * n, f"F-{n + 1}")] for n in range(6)]

    assert parse(pages).counts == {"running_lines": 6}


def test_numbers_that_do_not_count_the_pages_stay() -> None:
    pages = [[Text(72, 760, f"Invoice {number}"), *body(n)] for n, number in enumerate((10023, 10711, 11002, 11950))]

    parsed = parse(pages)

    assert parsed.counts == {}
    assert [word in texts(parsed) for word in ("10023", "10711", "11002", "11950")] == [True] * 4


def test_pages_that_are_all_alike_keep_their_text() -> None:
    parsed = parse([body(0)] * 5)

    assert parsed.counts == {}
    assert texts(parsed).split() == " ".join(text.text for text in body(0) * 5).split()


def test_what_stands_further_in_than_body_text_stays() -> None:
    pages = [
        [Text(72, 760, f"Chapter {'abcde'[n]} says"), Text(72, 740, "Always here"), *body(n)[2:]] for n in range(5)
    ]

    assert texts(parse(pages)).count("Always here") == 5


def test_a_line_that_two_pages_share_stays() -> None:
    assert texts(parse([[Text(72, 760, "Twice"), *body(n)] for n in range(2)])).count("Twice") == 2


def test_lines_of_very_many_or_very_long_numbers_are_body_text() -> None:
    rows = [" ".join(str(number * 7 + place) for place in range(40)) for number in range(4)]
    wide = [[Text(72, 760, row, 4), Text(72, 740, "9" * 5000, 1)] for row in rows]

    parsed = PdfParser().parse(pdf(*(PdfPage(page, media=(0, 0, 3000, 792)) for page in wide)))

    assert parsed.counts == {}
    assert texts(parsed).count("9" * 5000) == 4
