import pytest

from ingestion.parsers.pdf.parser import PdfParser
from tests.ingestion.files import PdfPage, lines, pdf

OWN = (
    "The pre-tax income of this year is what the pre-",
    "tax income of last year was, of which one-",
    "third is risk-",
)
PARTED = ("What was compiled in spring was com-", "piled again in fall, of which a popu-", "lation of one was risk-")


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (
            (*OWN, "adjusted."),
            "The pre-tax income of this year is what the pre-tax income of last year was, "
            "of which one-third is risk-adjusted.",
        ),
        (
            (*PARTED, "adjusted."),
            "What was compiled in spring was compiled again in fall, of which a population of one was riskadjusted.",
        ),
        (("Nothing tells here of one-", "third."), "Nothing tells here of onethird."),
    ],
    ids=["its words' own", "put in where lines end", "no habit"],
)
def test_words_that_stand_nowhere_else_are_joined_as_most_of_the_document_is(written: list[str], read: str) -> None:
    [block] = PdfParser().parse(pdf(PdfPage(lines(*written)))).blocks

    assert block.text == read
