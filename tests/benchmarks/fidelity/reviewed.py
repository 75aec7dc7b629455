"""Files with a reviewed Markdown beside them: their tokens, and the rows of their tables."""

import html
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from fidelity.tokens import recall, text_of, tokens
from ingestion.errors import ParseError
from ingestion.ports import Parser
from ingestion.types import ParsedDocument

NOTE = (
    "Tokens: runs of letters and digits, NFKC, one case; a CJK character each; as multisets. A row of the Markdown is "
    "kept together if every token of its cells stands in one line of one table block."
)
COLUMNS = ("token recall", "token precision", "table rows kept together")
# Where a picture was, where a link leads, the lines under tables' heads.
_NOT_TEXT = re.compile(r"<!--.*?-->|\]\([^()\s]*\)|^\|[ :|-]+\|$", re.MULTILINE)
_FORMULA = re.compile(r"\$\$.+?\$\$|\$[^$\n]+\$")
_GENERAL_FRACTION = re.compile(r"\\genfrac(?:\{\w*\}){4}")
_COMMAND = re.compile(r"\s*\\([A-Za-z]+)\s*")
_PRINTED = frozenset(("arg", "cos", "det", "exp", "inf", "lim", "ln", "log", "max", "min", "sin", "sup", "tan"))
_LETTERS = {"epsilon": "ε", "pi": "π"}


@dataclass(frozen=True, slots=True)
class Compared:
    """One file's shares and rows, or why it was refused."""

    file: str
    recall: float
    precision: float
    kept: int
    rows: int
    refusal: str = ""

    def cells(self) -> tuple[str, ...]:
        if self.refusal:
            return (self.file, f"refused: {self.refusal}", "", "")
        rows = f"{self.kept} of {self.rows}" if self.rows else ""
        return (self.file, f"{self.recall:.3f}", f"{self.precision:.3f}", rows)


def compare(folder: Path, ending: str, parser: Parser) -> Iterator[Compared]:
    """All files of the folder that have that ending and a Markdown, in the order of their names."""
    for path in sorted((folder / "sources").glob(f"*{ending}")):
        truths = (folder / "groundtruth" / f"{name}.md" for name in (path.stem, path.name))
        truth = next((found for found in truths if found.is_file()), None)
        if truth is not None:
            yield _compared(path, truth.read_text(encoding="utf-8"), parser)


def _compared(path: Path, markdown: str, parser: Parser) -> Compared:
    try:
        parsed = parser.parse(path.read_bytes())
    except ParseError as error:
        return Compared(path.stem, 0, 0, 0, 0, str(error))
    expected, found = tokens(_plain(markdown)), tokens(text_of(parsed))
    kept, rows = _rows_kept(list(_rows(markdown)), parsed)
    return Compared(path.stem, recall(expected, found), recall(found, expected), kept, rows)


def _plain(markdown: str) -> str:
    """The Markdown's text; of a formula's TeX what it prints: letters, numbers and the names of functions."""
    return html.unescape(_NOT_TEXT.sub("", _FORMULA.sub(_printed, markdown)).replace("\\", " "))


def _printed(formula: re.Match[str]) -> str:
    return _COMMAND.sub(_print_command, _GENERAL_FRACTION.sub(" ", formula[0]))


def _print_command(command: re.Match[str]) -> str:
    name = command[1]
    return _LETTERS.get(name) or (f" {name} " if name in _PRINTED else " ")


def _rows(markdown: str) -> Iterator[set[str]]:
    for line in markdown.splitlines():
        if line.startswith("|") and (row := set(tokens(_plain(line)))):
            yield row


def _rows_kept(expected: Sequence[set[str]], parsed: ParsedDocument) -> tuple[int, int]:
    lines = [set(tokens(line)) for block in parsed.blocks if block.kind == "table" for line in block.text.split("\n")]
    return sum(any(row <= line for line in lines) for row in expected), len(expected)
