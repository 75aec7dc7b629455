"""Annual and quarterly reports as PDFs: how fast they are parsed, what is left out, and that nothing else is."""

import time
from pathlib import Path

from fidelity.edge_pdfs import raw_text
from fidelity.tokens import recall, text_of, tokens
from ingestion.parsers.pdf.parser import PdfParser
from measure import Table


def run(folder: Path) -> list[Table]:
    rows: list[tuple[str, ...]] = []
    pages, seconds, expected, kept = 0, 0.0, 0, 0.0
    for path in sorted((folder / "pdfs").glob("*.pdf")):
        content = path.read_bytes()
        start = time.process_time()
        parsed = PdfParser().parse(content)
        took = time.process_time() - start
        wanted = tokens(raw_text(content))
        share = recall(wanted, tokens(text_of(parsed)))
        pages, seconds = pages + len(parsed.pages), seconds + took
        expected, kept = expected + wanted.total(), kept + share * wanted.total()
        counts = [str(parsed.counts.get(step, 0)) for step in ("tables", "running_lines", "hidden_characters")]
        rows.append((path.stem, str(len(parsed.pages)), f"{len(parsed.pages) / took:.0f}", *counts, f"{share:.4f}"))
    rows.append(("all", str(pages), f"{pages / seconds:.0f}", "", "", "", f"{kept / expected:.4f}"))
    return [
        Table(
            "Fidelity: reports of companies (financebench)",
            ("PDF", "pages", "pages/s", "tables", "running lines", "hidden characters", "tokens kept"),
            tuple(rows),
            (
                "Pages per second of one core's time, parsing alone. Tokens kept: the share of the tokens of PDFium's "
                "raw text that stand in a block; running headers, footers, page numbers and hidden text should not.",
            ),
        )
    ]
