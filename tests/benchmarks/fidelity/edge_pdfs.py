"""PDFs at the edge of the format, uploaded and ingested: each must become what its class in the manifest says."""

import json
import re
import tempfile
from collections import Counter, defaultdict
from contextlib import closing
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TypedDict, cast

import pypdfium2 as pdfium

from app.wiring import Services
from fidelity.tokens import recall, text_of, tokens
from ingestion import parsed_json
from ingestion.errors import IngestionError, PasswordRequired
from ingestion.intake import IncomingFile
from measure import Table
from tests.app.library import WORKER, everything, services

READABLE = 0.95
_ASKED = "refused: password_required, with it"
_BROKEN_WORD = re.compile("[\x02\ufffe]\r?\n?")  # what PDFium writes for a hyphen at a line's end


class Entry(TypedDict):
    file: str
    cls: str
    password: str | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a file became: a status, or an error's code, and the share of its tokens that is read of it."""

    became: str
    recall: float | None = None

    def holds(self, entry: Entry) -> bool:
        """Whether that is what the manifest's class says."""
        match entry["cls"]:
            case "unreadable":
                return self.became == "failed: unreadable"
            case "image_only" | "empty_text":
                return self.became == "failed: no_text"
            case "password" if entry["password"] is None:
                return self.became == "refused: password_required"
            case "password" if not self.became.startswith(_ASKED):
                return False
            case "password":
                return self._is_read if self.recall is not None else self.became == f"{_ASKED} failed: no_text"
            case _:
                return self._is_read

    @property
    def _is_read(self) -> bool:
        return self.recall is not None and self.recall >= READABLE


def run(folder: Path) -> list[Table]:
    entries = cast("list[Entry]", json.loads((folder / "manifest.json").read_text(encoding="utf-8")))
    outcomes: dict[str, list[tuple[Entry, Outcome]]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as data, services(Path(data)) as given:
        given.collections.ensure("default", given.embedder.fingerprint)
        for entry in entries:
            outcomes[entry["cls"]].append((entry, _outcome(given, (folder / entry["file"]).read_bytes(), entry)))
    odd = [(entry, each) for found in outcomes.values() for entry, each in found if not each.holds(entry)]
    return [
        Table(
            "Fidelity: PDFs at the edge of the format (pdfjs_edge)",
            ("class", "files", "became", "as the class says", "lowest token recall"),
            tuple(_cells(name, found) for name, found in sorted(outcomes.items())),
            (
                "Uploaded, read, cut and published by the services that `openbook serve` has, without OCR. password: "
                "refused without one, and with the manifest's read or, of images alone, failed for want of text; "
                "unreadable: failed as damaged; image_only and empty_text: failed for want of text; all others: ready "
                f"or partial, with at least {READABLE:.0%} of the tokens (runs of letters and digits, NFKC, one case; "
                "a CJK character each) of PDFium's raw text.",
                *(f"{entry['file']} ({entry['cls']}): {outcome.became}." for entry, outcome in odd),
            ),
        )
    ]


def _cells(name: str, found: list[tuple[Entry, Outcome]]) -> tuple[str, ...]:
    shares = [outcome.recall for _, outcome in found if outcome.recall is not None]
    became = Counter(outcome.became for _, outcome in found)
    held = sum(outcome.holds(entry) for entry, outcome in found)
    told = "; ".join(f"{count} {each}" for each, count in became.most_common())
    return name, str(len(found)), told, str(held), f"{min(shares):.3f}" if shares else ""


def _outcome(given: Services, content: bytes, entry: Entry) -> Outcome:
    try:
        return _ingested(given, content, entry["file"], None)
    except PasswordRequired as refusal:
        if entry["password"] is None:
            return Outcome(f"refused: {refusal.code}")
        opened = _ingested(given, content, entry["file"], entry["password"])
        return Outcome(f"{_ASKED} {opened.became}", opened.recall)
    except IngestionError as refusal:
        return Outcome(f"refused: {refusal.code}")


def _ingested(given: Services, content: bytes, name: str, password: str | None) -> Outcome:
    collection = given.collections.ids()["default"]
    accepted = given.intake.accept(IncomingFile(name, BytesIO(content), {}, password), collection)
    jobs = given.jobs.claim(WORKER, 1, 1 << 30)
    given.pipeline.ingest(jobs)
    document = given.documents.get(accepted.document, everything(given))
    stored = given.pipeline.versions.parsed(jobs[0])
    if not document.chunks or stored is None:
        return Outcome(f"{document.status}: {document.error_code or 'no chunks'}")
    said = tokens(raw_text(content, password))
    return Outcome(document.status, recall(said, tokens(text_of(parsed_json.load(stored)))))


def raw_text(content: bytes, password: str | None = None) -> str:
    """PDFium's own text of a PDF, words that lines break in one."""
    with closing(pdfium.PdfDocument(content, password)) as document:
        texts = [page.get_textpage().get_text_range() for page in document]
    return _BROKEN_WORD.sub("", "\n".join(texts))
