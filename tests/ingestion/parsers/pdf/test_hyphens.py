import pytest

from ingestion.parsers.pdf.parser import PdfParser
from tests.ingestion.files import PdfPage, lines, pdf

OWN = (
    "The pre-tax income of this first-quarter is what the pre-",
    "tax income of the last first-",
    "quarter was, of which one-",
    "third is risk-",
)
LETTER = ("The informa-", "tion of a well-known fund concerns the manage-", "ment of well-")
PARTED = ("What was compiled in spring was com-", "piled again in fall, of which a popu-", "lation of one was risk-")


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (
            (*OWN, "adjusted."),
            "The pre-tax income of this first-quarter is what the pre-tax income of the last first-quarter was, "
            "of which one-third is risk-adjusted.",
        ),
        (
            (*PARTED, "adjusted."),
            "What was compiled in spring was compiled again in fall, of which a population of one was riskadjusted.",
        ),
        (
            (*LETTER, "known funds."),
            "The information of a well-known fund concerns the management of well-known funds.",
        ),
        (("Nothing tells here of one-", "third."), "Nothing tells here of onethird."),
    ],
    ids=["its words' own", "put in where lines end", "one word is no habit", "no habit"],
)
def test_words_that_stand_nowhere_else_are_joined_as_most_of_the_document_is(written: list[str], read: str) -> None:
    [block] = PdfParser().parse(pdf(PdfPage(lines(*written)))).blocks

    assert block.text == read
