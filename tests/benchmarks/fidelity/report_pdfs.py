"""PDFs with a reviewed Markdown beside them: tokens, and the rows of the tables."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from fidelity.tokens import recall, text_of, tokens
from ingestion.parsers.pdf import PdfParser
from ingestion.types import ParsedDocument
from measure import Table

_NOT_TEXT = re.compile(r"<!--.*?-->|\\|^\|[ :|-]+\|$", re.MULTILINE)


def run(folder: Path) -> list[Table]:
    rows: list[tuple[str, ...]] = []
    for path in sorted((folder / "sources").glob("*.pdf")):
        truth = folder / "groundtruth" / f"{path.stem}.md"
        if not truth.is_file():
            continue
        markdown = truth.read_text(encoding="utf-8")
        parsed = PdfParser().parse(path.read_bytes())
        expected, found = tokens(_NOT_TEXT.sub("", markdown)), tokens(text_of(parsed))
        kept, all_rows = _rows_kept(list(_rows(markdown)), parsed)
        rows.append(
            (
                path.stem,
                f"{recall(expected, found):.3f}",
                f"{recall(found, expected):.3f}",
                f"{kept} of {all_rows}" if all_rows else "",
            )
        )
    return [
        Table(
            "Fidelity: PDFs against reviewed Markdown (docling_docs)",
            ("PDF", "token recall", "token precision", "table rows kept together"),
            tuple(rows),
            (
                "Tokens: runs of letters and digits, NFKC, one case; a CJK character each; as multisets. A row of the "
                "Markdown is kept together if every token of its cells stands in one line of one table block.",
            ),
        )
    ]


def _rows(markdown: str) -> Iterator[set[str]]:
    for line in markdown.splitlines():
        if line.startswith("|") and (row := set(tokens(_NOT_TEXT.sub("", line)))):
            yield row


def _rows_kept(expected: Sequence[set[str]], parsed: ParsedDocument) -> tuple[int, int]:
    lines = [set(tokens(line)) for block in parsed.blocks if block.kind == "table" for line in block.text.split("\n")]
    return sum(any(row <= line for line in lines) for row in expected), len(expected)
