"""A real worker, or a service at a request, in a process of its own that kills itself at a named point.

Processes are forked from one that has imported all this already: a worker then starts in no time, of which a test that
kills has many. Pieces are small, so that a document of ten chunks is a large one.
"""

import itertools
import os
import signal
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, event

import app.archives.readers
import ingestion.bench
import ingestion.pipeline
from app.db.copies.exchange import ExchangeStore
from app.db.index.hypothetical import HypotheticalStore
from app.db.index.publications import PublicationStore
from app.db.index.reindexes import ReindexStore
from app.db.library.collections import CollectionStore
from app.db.library.documents import DocumentStore
from app.db.queue.jobs import JobStore
from app.db.remains import RemainsStore
from app.pinned_blobs import PinnedBlobStore
from app.settings import Settings
from app.wiring import Services, build
from app.worker import make, new_name
from ingestion.sandbox.sandbox import Sandbox
from ingestion.tesseract import Tesseract
from retrieval.embedders.hashing import HashingEmbedder
from retrieval.errors import InputRefused, ModelUnavailable
from retrieval.types import PassageEmbedding, PassageInput
from tests.acceptance import lingering_child

PIECE = 4
SETTLING_SECONDS = 0.1  # until the last thread has stopped as well: it must not begin a transaction before
PORTS: Mapping[str, type] = {
    "blobs": PinnedBlobStore,
    "collections": CollectionStore,
    "embedder": HashingEmbedder,
    "exchange": ExchangeStore,
    "questions": HypotheticalStore,
    "queue": JobStore,
    "register": DocumentStore,
    "reindexes": ReindexStore,
    "remains": RemainsStore,
    "sandbox": Sandbox,
    "tesseract": Tesseract,
    "versions": PublicationStore,
}


@dataclass(frozen=True, slots=True)
class Death:
    """`point` is a method of what stands behind a port: `queue.claim`, `remains.sweep`, ...

    `queue.report` comes from a child in the midst of parsing, `tesseract._said` from an OCR that waits for its picture.
    `moment` is `before` the `nth` call of it, `inside` it (just before its transaction commits, of several the
    `commit`-th) or `after` it.
    """

    point: str
    moment: str
    nth: int
    by: signal.Signals = signal.SIGKILL
    commit: int = 1


def work(environment: Mapping[str, str], death: Death | None) -> None:
    """A worker's whole life, by that environment's settings."""
    services = _built(environment, death)
    worker = make(services, new_name())
    signal.signal(signal.SIGTERM, lambda _signal, _frame: worker.stop())
    worker.run()


def serve(environment: Mapping[str, str], request: Callable[[Services], object], death: Death) -> None:
    """Do what the service does when it is asked for that, and die over it."""
    request(_built(environment, death))


class Connections:
    """Those in use in this process: a stopped one would hold its locks, and a database its one writer's.

    One is in use until its transaction has ended for certain: the event of a commit comes before the commit. A new one
    is in use while it is prepared, which on SQLite takes locks as well.
    """

    def __init__(self, engine: Engine) -> None:
        self.returned = threading.Condition()
        self.in_use = 0
        event.listen(engine, "do_connect", self.take)
        event.listen(engine, "connect", self.give_back)
        event.listen(engine, "checkout", self.take)
        event.listen(engine, "checkin", self.give_back)

    def take(self, *_: object) -> None:
        with self.returned:
            self.in_use += 1

    def give_back(self, *_: object) -> None:
        with self.returned:
            self.in_use -= 1
            self.returned.notify_all()


def _built(environment: Mapping[str, str], death: Death | None) -> Services:
    os.environ.update(environment)
    ingestion.bench.PIECE = ingestion.pipeline.PIECE = PIECE
    app.archives.readers._AHEAD = PIECE  # pyright: ignore[reportPrivateUsage, reportConstantRedefinition]
    services = build(Settings())
    if death is not None:
        _set_trap(services, death)
        _lead_to(services, death.point)
    return services


def _set_trap(services: Services, death: Death) -> None:
    """The process, which is nobody else's, dies at that call."""
    connections = Connections(services.db.engine)
    name, method = death.point.split(".")
    real = getattr(PORTS[name], method)
    calls, commits = itertools.count(1), itertools.count(1)
    inside: set[int] = set()  # which thread is

    def die() -> None:
        if death.by == signal.SIGKILL:
            os.kill(os.getpid(), death.by)
        with connections.returned:  # until it goes on nobody takes one
            connections.returned.wait_for(lambda: connections.in_use == 0)
            os.kill(os.getpid(), death.by)
            time.sleep(SETTLING_SECONDS)

    def call(*args: Any, **options: Any) -> Any:
        if next(calls) != death.nth:
            return real(*args, **options)
        if death.moment == "before":
            die()
        if death.moment == "inside":
            inside.add(threading.get_ident())
        result = real(*args, **options)
        die()
        return result

    def commit(_connection: object) -> None:
        if threading.get_ident() in inside and next(commits) == death.commit:
            die()

    event.listen(services.db.engine, "commit", commit)
    setattr(PORTS[name], method, call)


def _lead_to(services: Services, point: str) -> None:
    """See to it that a worker comes to that point."""
    if point == "queue.report":
        services.sandbox.module = lingering_child.__name__
    embed = HashingEmbedder.embed_passages

    def embed_passages(self: HashingEmbedder, passages: Sequence[PassageInput]) -> list[PassageEmbedding]:
        match point:
            case "queue.heartbeat":
                time.sleep(services.settings.job_lease_seconds)
            case "queue.fail":
                raise InputRefused("not these texts")
            case "queue.postpone":
                raise ModelUnavailable("not now")
            case "queue.release":
                os.kill(os.getpid(), signal.SIGTERM)
            case _:
                pass
        return embed(self, passages)

    HashingEmbedder.embed_passages = embed_passages
