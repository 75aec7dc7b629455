"""Pages as a scanner gives them: how much of what they say is recognised, against the text that the PDF itself has."""

import re
import time
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager
from io import BytesIO
from pathlib import Path
from typing import cast

import pypdfium2 as pdfium

from ingestion import parsed_json
from ingestion.ocr import Ocr
from ingestion.sandbox.sandbox import Sandbox
from ingestion.tesseract import Tesseract
from ingestion.types import ParsedDocument
from measure import Table

_MEBIBYTE = 1 << 20
_DPI = 200
_PAGES = 6
_TOKEN = re.compile(r"[\u4e00-\u9fff]|[A-Za-z]+|\d+")
_FEWEST_TOKENS = 100


def run(folder: Path) -> list[Table]:
    """The first pages with enough text of the folder's PDFs, one page of each, in English and simplified Chinese."""
    rows: list[tuple[str, ...]] = []
    recalled = total = 0
    with recognising() as recognise:
        for path in sorted(folder.glob("**/*.pdf")):
            page = _page(path)
            if page is None:
                continue
            said, scan = page
            start = time.perf_counter()
            found = _tokens(recognise(scan))
            seconds = time.perf_counter() - start
            held = sum((said & found).values())
            recalled, total = recalled + held, total + sum(said.values())
            share = held / sum(said.values())
            rows.append((path.stem[:40], str(sum(said.values())), f"{share:.3f}", f"{seconds:.1f}"))
            if len(rows) == _PAGES:
                break
    note = f"{_DPI} dots per inch, no noise; tokens are Chinese characters, words in Latin letters and numbers."
    all_pages = ("all", str(total), f"{recalled / max(total, 1):.3f}", "")
    return [
        Table(
            f"Fidelity: scans of PDF pages ({folder.parent.name})",
            ("page of", "tokens", "recall", "seconds"),
            (*rows, all_pages),
            (note,),
        )
    ]


def _page(path: Path) -> tuple[Counter[str], bytes] | None:
    """The tokens of the first page that has enough, and the page as a scanner gives it."""
    with closing(pdfium.PdfDocument(path)) as document:
        for page in document:
            tokens = Counter(_TOKEN.findall(page.get_textpage().get_text_range()))
            if sum(tokens.values()) >= _FEWEST_TOKENS:
                bitmap = page.render(scale=_DPI / 72)  # pyright: ignore - its types say int, and a float will do
                picture = cast("pdfium.PdfBitmap", bitmap).to_pil().convert("L")
                packed = BytesIO()
                picture.save(packed, "PDF", resolution=_DPI)
                return tokens, packed.getvalue()
    return None


@contextmanager
def recognising() -> Generator[Callable[[bytes], ParsedDocument]]:
    """What reads a PDF as the service does that recognises English and simplified Chinese."""
    sandbox = Sandbox(1, 120.0, 1024 * _MEBIBYTE, 256 * _MEBIBYTE)
    ocr = Ocr(sandbox, Tesseract("eng+chi_sim", 120.0, 1024 * _MEBIBYTE))
    try:
        yield lambda scan: parsed_json.load(
            ocr.complete(scan, sandbox.read(scan, "application/pdf", "scan.pdf"), (), _unwatched)
        )
    finally:
        sandbox.close()


def _tokens(parsed: ParsedDocument) -> Counter[str]:
    return Counter(token for block in parsed.blocks for token in _TOKEN.findall(block.text))


def _unwatched(done: int | None, total: int | None) -> None:
    pass
