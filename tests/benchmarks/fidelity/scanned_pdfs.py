"""Scanned PDFs, each page of which shows one sentence: upright, on its side or on its head."""

import time
from collections import Counter
from pathlib import Path

from fidelity.scans import recognising
from fidelity.tokens import recall, text_of, tokens
from measure import Table

_SENTENCE = "groundtruth/tesseract/layout_regions/ocr_test.tesseract.layout_regions.md"


def run(folder: Path) -> list[Table]:
    sentence = tokens((folder / _SENTENCE).read_text(encoding="utf-8"))
    rows: list[tuple[str, ...]] = []
    with recognising() as recognise:
        for path in sorted((folder / "sources").glob("*.pdf")):
            start = time.perf_counter()
            parsed = recognise(path.read_bytes())
            seconds = (time.perf_counter() - start) / len(parsed.pages)
            shown = Counter({token: count * len(parsed.pages) for token, count in sentence.items()})
            found = tokens(text_of(parsed))
            shares = f"{recall(shown, found):.3f}", f"{recall(found, shown):.3f}"
            rows.append((path.stem, str(len(parsed.pages)), *shares, f"{seconds:.1f}"))
    return [
        Table(
            "Fidelity: scanned PDFs (docling_docs)",
            ("PDF", "pages", "token recall", "token precision", "seconds a page"),
            tuple(rows),
            ("Each page shows one sentence of 15 words: upright, on its side or on its head.",),
        )
    ]
