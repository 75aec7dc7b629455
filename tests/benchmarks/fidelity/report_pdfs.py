"""PDFs with a reviewed Markdown beside them."""

from pathlib import Path

from fidelity import reviewed
from ingestion.parsers.pdf.parser import PdfParser
from measure import Table


def run(folder: Path) -> list[Table]:
    compared = list(reviewed.compare(folder, ".pdf", PdfParser()))
    return [
        Table(
            "Fidelity: PDFs against reviewed Markdown (docling_docs)",
            ("PDF", *reviewed.COLUMNS),
            tuple(each.cells() for each in compared),
            (reviewed.NOTE,),
        )
    ]
