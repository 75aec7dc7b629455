"""Word files, web pages and Markdown files with a reviewed Markdown beside them."""

from pathlib import Path

from fidelity import reviewed
from ingestion.parsers.docx.parser import DocxParser
from ingestion.parsers.html.parser import HtmlParser
from ingestion.parsers.markdown.parser import MarkdownParser
from ingestion.ports import Parser
from measure import Table


def run(folder: Path) -> list[Table]:
    return [
        _table("Word files", folder / "docx", ".docx", DocxParser()),
        _table("small web pages", folder / "html", ".html", HtmlParser()),
        _table("Markdown files", folder / "md", ".md", MarkdownParser()),
    ]


def _table(kind: str, folder: Path, ending: str, parser: Parser) -> Table:
    compared = list(reviewed.compare(folder, ending, parser))
    read = [each for each in compared if not each.refusal]
    means = (sum(each.recall for each in read), sum(each.precision for each in read))
    kept, rows = sum(each.kept for each in read), sum(each.rows for each in read)
    mean = ("mean of those read", *(f"{total / max(1, len(read)):.3f}" for total in means), f"{kept} of {rows}")
    return Table(
        f"Fidelity: {kind} against reviewed Markdown (docling_docs)",
        ("file", *reviewed.COLUMNS),
        (*(each.cells() for each in compared), mean),
        (
            reviewed.NOTE,
            "Where a picture was and where a link leads is left out of the Markdown; of a formula's TeX, letters, "
            "numbers and the names of functions count. Refused files count in no mean.",
        ),
    )
