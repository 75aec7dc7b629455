"""Real PDFs through the running service with an encoder that costs next to nothing: pages by processor time."""

import os
import tempfile
import time
from pathlib import Path

from measure import Table, process_tree, processor_seconds
from service import running


def run() -> list[Table]:
    files = sorted((Path(os.environ["FIDELITY_DATA"]) / "financebench" / "pdfs").glob("*.pdf"))
    with (
        tempfile.TemporaryDirectory() as folder,
        running(Path(folder), samples="false", embedder="hashing") as service,
    ):
        service.client.ensure_collection("default")
        before, began = _processor_seconds(service.pid), time.perf_counter()
        ids = {service.client.add(path, "default", {})["id"] for path in files}
        documents = list(service.client.settled("default", ids))
        seconds, spent = time.perf_counter() - began, _processor_seconds(service.pid) - before
    pages, chunks = (sum(document[each] or 0 for document in documents) for each in ("pages", "chunks"))
    return [
        Table(
            f"Ingestion outside the encoder: {len(files)} PDFs, {pages:,} pages, {chunks:,} chunks",
            ("pages/s of one core's time", "pages/s by the clock", "processor seconds"),
            ((f"{pages / spent:.1f}", f"{pages / seconds:.1f}", f"{spent:.1f}"),),
            (
                "FinanceBench's PDFs, from upload to ready, embedded by hashing. The processor time is that of all the "
                "service's processes: API, worker and parsing children.",
            ),
        )
    ]


def _processor_seconds(pid: int) -> float:
    """Of the process and all below it."""
    return sum(processor_seconds(each) for each in process_tree(pid))
