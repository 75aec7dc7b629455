"""`make bench BENCH=fidelity`: every module's tables, for the data sets that are there."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

from fidelity import (
    articles,
    chinese_pdfs,
    edge_pdfs,
    filing_pdfs,
    personal_data,
    report_pdfs,
    scanned_pdfs,
    scans,
    word_files,
)
from measure import Table

MODULES: dict[str, Callable[[Path], list[Table]]] = {
    "pdfjs_edge": edge_pdfs.run,
    "docling_docs/pdf": report_pdfs.run,
    "docling_docs": word_files.run,
    "docling_docs/ocr": scanned_pdfs.run,
    "html_article_extraction": articles.run,
    "so_large_lm": chinese_pdfs.run,
    "financebench": filing_pdfs.run,
    "presidio_pii": personal_data.run,
    "so_large_lm/pdf": scans.run,
    "financebench/pdfs": scans.run,
}
"""By the data set's folder in FIDELITY_DATA, what measures it."""


def run() -> list[Table]:
    found: list[Table] = []
    folder = Path(os.environ.get("FIDELITY_DATA", ""))
    for name, measure in MODULES.items():
        if (folder / name).is_dir():
            found += measure(folder / name)
        else:
            sys.stderr.write(f"{folder / name} is not there: left out\n")
    return found
