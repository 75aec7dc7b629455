"""Memory of the worker while it takes in files as large as they may be."""

import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import TypeAlias

import corpora
from measure import Table, command_of, process_tree, pss_mebibytes
from service import Running, running
from tests.ingestion.files import PdfPage, lines, pdf, scanned, word_archive

MEBIBYTES = 20
PAGES = 2000
LINES = 10  # of a page
LINE_WORDS = 8
PARAGRAPHS = 5000  # of the Word file, which is some three hundred pages
TABLE_ROWS = 20  # after each hundred paragraphs
SCANS = 8  # pages
BOUND_MEBIBYTES = 1536
LOOK_SECONDS = 0.2
WORKER = "app.worker_process"


_File: TypeAlias = tuple[str, bytes]
"""A name and what the file holds."""


def run() -> list[Table]:
    texts = _texts()
    hashing = {"embedder": "hashing"}
    report, word = ("report.pdf", _pdf(PAGES)), ("report.docx", _word())
    kinds: dict[str, tuple[Sequence[_File], dict[str, str]]] = {
        "a note, with the packaged model": ([("note.txt", b"A note of one sentence.")], {}),
        f"a PDF of {PAGES:,} pages, with the packaged model": ([report], {}),
        f"a Word file of {PARAGRAPHS:,} paragraphs, with the packaged model": ([word], {}),
        "the PDF and the Word file at once": ([report, word], {"parse_processes": "2"}),
        f"a web page of {PARAGRAPHS:,} paragraphs, with the packaged model": ([("report.html", _html())], {}),
        f"a scan of {SCANS} pages, recognised": ([("scan.pdf", scanned(_pdf(SCANS)))], {"ocr_languages": "eng"}),
        "paragraphs": ([("book.txt", "\n\n".join(texts).encode())], hashing),
        "one paragraph": ([("paragraph.txt", " ".join(texts).encode())], hashing),
    }
    return [
        Table(
            "Memory of the worker at most, whatever the file",
            ("file", "MiB", "chunks", "status", "worker, PSS MiB at most", "largest child, peak RSS MiB"),
            tuple(_row(kind, *given) for kind, given in kinds.items()),
            (
                f"A running service's worker, looked at five times a second; its bound is {BOUND_MEBIBYTES} MiB. Its "
                "children, which parse and recognise, have limits of their own. The largest files are embedded by "
                "hashing, to save time.",
            ),
        )
    ]


def _texts() -> list[str]:
    texts: list[str] = []
    size = 0
    for text in corpora.zipf_texts(MEBIBYTES * 2000):
        if size >= MEBIBYTES << 20:
            break
        texts.append(text)
        size += len(text) + 2
    return texts


def _pdf(count: int) -> bytes:
    """Pages full of words, with a heading each."""
    words = _words()
    pages = (
        PdfPage(
            lines(f"Chapter {page}", *(" ".join(islice(words, LINE_WORDS)) for _ in range(LINES)), top=760, leading=16)
        )
        for page in range(count)
    )
    return pdf(*pages)


def _word() -> bytes:
    """Paragraphs, with a table after each hundred."""
    words = _words()

    def paragraph(count: int) -> str:
        return f"<w:p><w:r><w:t>{' '.join(islice(words, count))}.</w:t></w:r></w:p>"

    row = "".join(f"<w:tc>{paragraph(4)}</w:tc>" for _ in range(4))
    table = f"<w:tbl>{f'<w:tr>{row}</w:tr>' * TABLE_ROWS}</w:tbl>"
    return word_archive("".join(paragraph(30) + table * (place % 100 == 99) for place in range(PARAGRAPHS)))


def _html() -> bytes:
    """Paragraphs, with a heading before each ten and a table after each hundred."""
    words = _words()

    def said(count: int) -> str:
        return " ".join(islice(words, count))

    def part(place: int) -> str:
        heading = f"<h2>Part {place // 10}</h2>" * (place % 10 == 0)
        row = "<tr>" + "".join(f"<td>{said(4)}</td>" for _ in range(4)) + "</tr>"
        return f"{heading}<p>{said(30)}.</p>" + f"<table>{row * TABLE_ROWS}</table>" * (place % 100 == 99)

    return f"<html><body><main><h1>Report</h1>{''.join(map(part, range(PARAGRAPHS)))}</main></body></html>".encode()


def _words() -> Iterator[str]:
    for text in corpora.zipf_texts(PAGES * LINES):
        yield from text.split()


def _row(kind: str, files: Sequence[_File], settings: Mapping[str, str]) -> tuple[str, ...]:
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / name for name, _ in files]
        for path, (_, content) in zip(paths, files, strict=True):
            path.write_bytes(content)
        given = {"samples": "false", "parse_processes": "1", **settings}
        with running(Path(folder), **given) as service:
            service.client.ensure_collection("default")
            [worker] = [pid for pid in process_tree(service.pid) if WORKER in command_of(pid)]
            most, child, (chunks, status) = _watched(worker, lambda: _taken_in(service, paths))
    size = sum(len(content) for _, content in files) / 2**20
    return kind, f"{size:.1f}", f"{chunks:,}", status, f"{most:.0f}", f"{child:.0f}"


def _taken_in(service: Running, paths: Sequence[Path]) -> tuple[int, str]:
    """The chunks of all, and what became of them."""
    made = {service.client.add(path, "default", {})["id"] for path in paths}
    documents = list(service.client.settled("default", made))
    return sum(each["chunks"] or 0 for each in documents), ", ".join(sorted({each["status"] for each in documents}))


def _watched(pid: int, work: Callable[[], tuple[int, str]]) -> tuple[float, float, tuple[int, str]]:
    """The most memory that the process held during the work, and any child of it; and what the work gives."""
    ended = threading.Event()
    most, child = [0.0], [0.0]

    def look() -> None:
        while not ended.wait(LOOK_SECONDS):
            most[0] = max(most[0], pss_mebibytes(pid))
            for each in process_tree(pid)[1:]:
                with suppress(OSError):  # ended while we looked
                    child[0] = max(child[0], _peak_mebibytes(each))

    looking = threading.Thread(target=look, daemon=True)
    looking.start()
    try:
        given = work()
    finally:
        ended.set()
        looking.join()
    return most[0], child[0], given


def _peak_mebibytes(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8", errors="replace").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return 0.0
