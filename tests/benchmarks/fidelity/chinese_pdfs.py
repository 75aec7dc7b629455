"""Chinese PDFs beside the Markdown that they were made of."""

from pathlib import Path

from fidelity.tokens import bigrams, recall, text_of
from ingestion.parsers.pdf.parser import PdfParser
from measure import Table

_LEAST_BIGRAMS = 100  # a Markdown file with fewer is not what a PDF was made of


def run(folder: Path) -> list[Table]:
    sources = {path.name: bigrams(path.read_text(encoding="utf-8")) for path in sorted((folder / "md").glob("*.md"))}
    sources = {name: found for name, found in sources.items() if found.total() >= _LEAST_BIGRAMS}
    rows: list[tuple[str, ...]] = []
    pairs, met = 0, 0.0
    for path in sorted((folder / "pdf").glob("*.pdf")):
        found = bigrams(text_of(PdfParser().parse(path.read_bytes())))
        share, name = max((recall(expected, found), name) for name, expected in sources.items())
        pairs, met = pairs + sources[name].total(), met + share * sources[name].total()
        rows.append((path.stem, name, str(sources[name].total()), f"{share:.3f}"))
    rows.append(("all", "", str(pairs), f"{met / max(pairs, 1):.3f}"))
    return [
        Table(
            "Fidelity: Chinese PDFs against their Markdown (so_large_lm)",
            ("PDF", "Markdown", "character pairs", "found in the PDF"),
            tuple(rows),
            (
                "Pairs of neighbouring Chinese characters, each as often as the Markdown has it. The Markdown of a PDF "
                "is the file most of which is in it; the two differ in edition.",
            ),
        )
    ]
