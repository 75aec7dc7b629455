"""Services on a data folder of their own, without a server, with documents that are ready when they are added."""

import io
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from app.settings import Settings
from app.wiring import Services, build, close
from ingestion.intake import IncomingFile
from ingestion.types import DocumentId, Metadata, WorkerId
from retrieval.types import Scope
from tests.parsing import sharing_a_child

WORKER = WorkerId("library")
EMPTY: Metadata = {}


@contextmanager
def services(
    folder: Path, database_url: str | None = None, *, migrated: bool = True, **changes: Any
) -> Generator[Services]:
    """The embedded backends with the hashing embedder."""
    given: dict[str, Any] = {"data_dir": folder, "database_url": database_url, "embedder": "hashing"}
    given |= {"parse_processes": 1, **changes}
    built = build(Settings(**given))
    if migrated:
        built.db.migrate()
    try:
        yield sharing_a_child(built)
    finally:
        close(built)


def add(given: Services, name: str, text: str, collection: str = "default", metadata: Metadata = EMPTY) -> DocumentId:
    """A document that is ready."""
    home = given.collections.ensure(collection, given.embedder.fingerprint)
    accepted = given.intake.accept(IncomingFile(name, io.BytesIO(text.encode()), metadata), home.id)
    read_all(given)
    return accepted.document


def read_all(given: Services) -> None:
    """Do a worker's work until nothing is queued."""
    while jobs := given.jobs.claim(WORKER, 16, 1 << 30):
        given.pipeline.ingest(jobs)


def everything(given: Services) -> Scope:
    """Every collection."""
    return Scope(frozenset(given.collections.ids().values()))


def found(given: Services, query: str, k: int = 5) -> list[tuple[str, int]]:
    """Document and chunk ids of the hits, best first."""
    result = given.retriever.search(query, everything(given), k)
    return [(hit.source.id, int(hit.chunk.id)) for hit in result.hits]
