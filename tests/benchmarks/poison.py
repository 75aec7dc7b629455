"""Throughput of ordinary documents through a running service, alone and with bombs before them in the queue."""

import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import corpora
from app.client import Client
from measure import Table
from service import running
from tests.ingestion import bombs

ORDINARY = 600
Bombs = Mapping[str, Callable[[], bytes]]
FAILING: Bombs = {
    "laughing.docx": bombs.laughing_docx,
    "inflating.pdf": bombs.inflating_pdf,
    "swelling.pdf": bombs.swelling_pdf,
    "laughing.pdf": bombs.laughing_pdf,
    "looping.pdf": bombs.looping_pdf,
}
READ: Bombs = {
    "dense.docx": bombs.dense_paragraphs,
    "wide.docx": bombs.wide_docx,
    "deep.html": bombs.deep_html,
    "flat.html": bombs.flat_html,
    "long.html": bombs.long_html,
}
"""What is read of these is work too, and takes its turn."""


def run() -> list[Table]:
    alone, _ = _seconds({})
    rows = [("none", f"{ORDINARY / alone:.1f}", "1", "")]
    for kind, given in {"which fail": FAILING, "of which much is read": READ}.items():
        beside, ends = _seconds(given)
        rows.append((f"{len(given)} {kind}", f"{ORDINARY / beside:.1f}", f"{alone / beside:.2f}", ", ".join(ends)))
    return [
        Table(
            f"{ORDINARY:,} ordinary documents behind bombs",
            ("bombs", "ordinary documents/s", "to alone", "how the bombs ended"),
            tuple(rows),
            (
                "A running service with its defaults; the bombs come first. The time is from the first upload of an "
                "ordinary document until the last of them is ready.",
            ),
        )
    ]


def _seconds(given: Bombs) -> tuple[float, list[str]]:
    """What the ordinary documents took, and each bomb's name with its status."""
    with tempfile.TemporaryDirectory() as folder, running(Path(folder), samples="false") as service:
        service.client.post("/v1/search", {"query": "load the model before the clock starts"})
        first = _upload(service.client, Path(folder) / "bombs", {name: make() for name, make in given.items()})
        ordinary = {f"ordinary-{n}.txt": text.encode() for n, text in enumerate(corpora.zipf_texts(ORDINARY))}
        began = time.perf_counter()
        for each in service.client.settled("default", _upload(service.client, Path(folder) / "ordinary", ordinary)):
            if each["latest_status"] != "ready":
                raise RuntimeError(f"{each['name']}: {each['latest_status']}")
        seconds = time.perf_counter() - began
        return seconds, [f"{each['name']} {each['latest_status']}" for each in service.client.settled("default", first)]


def _upload(client: Client, folder: Path, files: Mapping[str, bytes]) -> set[str]:
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return {document["id"] for _, document in client.upload(sorted(folder.iterdir()), "default")}
