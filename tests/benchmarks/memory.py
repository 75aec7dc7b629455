"""Memory of the worker while it takes in files as large as they may be."""

import tempfile
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

import corpora
from measure import Table, process_tree, pss_mebibytes
from service import Running, running

MEBIBYTES = 20
BOUND_MEBIBYTES = 1536
LOOK_SECONDS = 0.2
WORKER = "app.worker"


def run() -> list[Table]:
    texts = _texts()
    hashing = {"embedder": "hashing"}
    files: dict[str, tuple[str, str, dict[str, str]]] = {
        "a note, with the packaged model": ("note.txt", "A note of one sentence.", {}),
        "paragraphs": ("book.txt", "\n\n".join(texts), hashing),
        "one paragraph": ("paragraph.txt", " ".join(texts), hashing),
    }
    return [
        Table(
            "Memory of the worker at most, whatever the file",
            ("file", "MiB", "chunks", "status", "PSS MiB at most"),
            tuple(_row(kind, *file) for kind, file in files.items()),
            (
                "A running service's worker, without its parsing children, which have a limit of their own, looked at "
                f"five times a second. Its bound is {BOUND_MEBIBYTES} MiB. The large files are embedded by hashing, "
                "which needs no network: the first line says what the packaged one takes.",
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


def _row(kind: str, name: str, text: str, settings: Mapping[str, str]) -> tuple[str, ...]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_text(text, encoding="utf-8")
        with running(Path(folder), samples="false", parse_processes="1", **settings) as service:
            service.client.ensure_collection("default")
            [worker] = [pid for pid in process_tree(service.pid) if WORKER in _command(pid)]
            most, document = _watched(worker, lambda: _taken_in(service, path))
    return kind, f"{len(text) / 2**20:.0f}", f"{document[0]:,}", document[1], f"{most:.0f}"


def _taken_in(service: Running, path: Path) -> tuple[int, str]:
    made = service.client.add(path, "default", {})
    [document] = service.client.settled("default", {made["id"]})
    return document["chunks"] or 0, document["status"]


def _watched(pid: int, work: Callable[[], tuple[int, str]]) -> tuple[float, tuple[int, str]]:
    """The most memory that the process held during the work, and what the work gives."""
    ended = threading.Event()
    most = [0.0]

    def look() -> None:
        while not ended.wait(LOOK_SECONDS):
            most[0] = max(most[0], pss_mebibytes(pid))

    looking = threading.Thread(target=look, daemon=True)
    looking.start()
    try:
        given = work()
    finally:
        ended.set()
        looking.join()
    return most[0], given


def _command(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").replace("\0", " ")
