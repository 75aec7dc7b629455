"""PDFs at the edge of the format: each must do what its class in the manifest says."""

import json
import re
from collections import defaultdict
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict, cast

import pypdfium2 as pdfium

from fidelity.tokens import recall, text_of, tokens
from ingestion.errors import PasswordRequired, Unreadable
from ingestion.parsers.pdf.parser import PdfParser, unlock
from measure import Table

READABLE = 0.95
_TEXTLESS = ("image_only", "empty_text")
_BROKEN_WORD = re.compile("[\x02\ufffe]\r?\n?")  # what PDFium writes for a hyphen at a line's end


class Entry(TypedDict):
    file: str
    cls: str
    password: str | None
    needs_pass: bool | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """Whether a file did what its class says, the share of its tokens found, and what was odd about it."""

    holds: bool
    recall: float | None = None
    remark: str = ""


def run(folder: Path) -> list[Table]:
    entries = cast("list[Entry]", json.loads((folder / "manifest.json").read_text(encoding="utf-8")))
    outcomes: dict[str, list[tuple[str, Outcome]]] = defaultdict(list)
    for entry in entries:
        outcomes[entry["cls"]].append((entry["file"], _outcome((folder / entry["file"]).read_bytes(), entry)))
    rows: list[tuple[str, ...]] = []
    remarks: list[str] = []
    for name, found in sorted(outcomes.items()):
        shares = [outcome.recall for _, outcome in found if outcome.recall is not None]
        rows.append(
            (
                name,
                str(len(found)),
                str(sum(outcome.holds for _, outcome in found)),
                f"{min(shares):.3f}" if shares else "",
            )
        )
        remarks += [f"{file} ({name}): {outcome.remark}." for file, outcome in found if outcome.remark]
    return [
        Table(
            "Fidelity: PDFs at the edge of the format (pdfjs_edge)",
            ("class", "files", "as the class says", "lowest token recall"),
            tuple(rows),
            (
                "password: refused without one, opened by the manifest's; unreadable: refused as damaged; image_only "
                "and empty_text: no blocks, and a warning or pages marked as images; all others: at least "
                f"{READABLE:.0%} of the tokens (runs of letters and digits, NFKC, one case; a CJK character each) of "
                "PDFium's raw text.",
                *remarks,
            ),
        )
    ]


def _outcome(content: bytes, entry: Entry) -> Outcome:
    try:
        asked, plain = _unlocked(content, entry["password"])
        parsed = None if plain is None else PdfParser().parse(plain)
    except Unreadable:
        return Outcome(
            entry["cls"] == "unreadable", remark="" if entry["cls"] == "unreadable" else "refused as damaged"
        )
    if plain is None or parsed is None:
        return Outcome(bool(entry["needs_pass"]))
    if not parsed.blocks:
        is_told = any("no text" in warning for warning in parsed.warnings) or any(
            page.textless for page in parsed.pages
        )
        textless = entry["cls"] in _TEXTLESS or entry["cls"] == "password"
        return Outcome(is_told and textless, remark="" if textless else "nothing was found")
    share = recall(tokens(raw_text(plain)), tokens(text_of(parsed)))
    if entry["cls"] == "password" and not asked:
        return Outcome(share >= READABLE, share, "PDFium opens it without a password")
    if entry["cls"] in {"unreadable", *_TEXTLESS}:
        return Outcome(holds=False, recall=share, remark="PDFium reads it and finds text: it is indexed")
    return Outcome(share >= READABLE, share)


def _unlocked(content: bytes, password: str | None) -> tuple[bool, bytes | None]:
    """Whether a password was asked for, and the plain file; no file where nobody knows the password."""
    try:
        unlock(content, None)
    except PasswordRequired:
        if password is None:
            return True, None
        return True, unlock(content, password) or content
    return False, content


def raw_text(content: bytes) -> str:
    """PDFium's own text of a PDF, words that lines break in one."""
    with closing(pdfium.PdfDocument(content)) as document:
        texts = [page.get_textpage().get_text_range() for page in document]
    return _BROKEN_WORD.sub("", "\n".join(texts))
