"""A real worker, in a process of its own, that kills itself at a named point.

Processes are forked from one that has imported all this already: a worker then starts in no time, of which a test that
kills has many. Pieces are small, so that a document of ten chunks is a large one.
"""

import os
import signal
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Engine, event

import app.db.generations
import ingestion.bench
import ingestion.pipeline
from app.settings import Settings
from app.wiring import Services, build
from app.worker import make, new_name
from ingestion.types import DocumentId
from tests.acceptance import lingering_child

PIECE = 4
SETTLING_SECONDS = 0.1  # until the last thread has stopped as well: it must not begin a transaction before


@dataclass(frozen=True, slots=True)
class Death:
    """`point` is a method of a port (`queue.claim`, `remains.sweep`, ...) or `generations.switch`.

    `queue.report` comes from a child in the midst of parsing.
    `moment` is `before` the `nth` call of it, `inside` it (just before its transaction commits) or `after` it.
    """

    point: str
    moment: str
    nth: int
    by: signal.Signals = signal.SIGKILL


def work(environment: Mapping[str, str], death: Death | None) -> None:
    """A worker's whole life, by that environment's settings."""
    os.environ.update(environment)
    ingestion.bench.PIECE = ingestion.pipeline.PIECE = PIECE
    services = build(Settings())
    worker = make(_rigged(services, death) if death else services, new_name())
    signal.signal(signal.SIGTERM, lambda _signal, _frame: worker.stop())
    worker.run()


def delete(environment: Mapping[str, str], document: DocumentId, death: Death) -> None:
    """Delete a document as the service does, and die over it."""
    os.environ.update(environment)
    _rigged(build(Settings()), death).pipeline.forget(document)


class KillAt:
    """Stands before a port and kills the process at one call of one method."""

    def __init__(self, port: object, method: str, death: Death, die: Callable[[], None]) -> None:
        self._port = port
        self._method = method
        self._moment = death.moment
        self._left = death.nth
        self._die = die
        self.committing = False

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._port, name)
        if name != self._method:
            return real

        def call(*args: Any, **options: Any) -> Any:
            self._left -= 1
            if self._left:
                return real(*args, **options)
            if self._moment == "before":
                self._die()
            self.committing = self._moment == "inside"
            result = real(*args, **options)
            self._die()
            return result

        return call


class Slow:
    """An embedder that takes longer than a lease: its jobs are kept by heartbeats."""

    def __init__(self, embedder: Any, seconds: float) -> None:
        self._embedder = embedder
        self._seconds = seconds

    def __getattr__(self, name: str) -> Any:
        return getattr(self._embedder, name)

    def embed_passages(self, passages: Any) -> Any:
        time.sleep(self._seconds)
        return self._embedder.embed_passages(passages)


class Always:
    """The same embedder, whatever the fingerprint."""

    def __init__(self, embedder: Any) -> None:
        self._embedder = embedder

    def of(self, _fingerprint: str) -> Any:
        return self._embedder


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


def _rigged(services: Services, death: Death) -> Services:
    connections = Connections(services.db.engine)

    def die() -> None:
        if death.by == signal.SIGKILL:
            os.kill(os.getpid(), death.by)
        with connections.returned:  # until it goes on nobody takes one
            connections.returned.wait_for(lambda: connections.in_use == 0)
            os.kill(os.getpid(), death.by)
            time.sleep(SETTLING_SECONDS)

    name, method = death.point.split(".")
    elsewhere = {"embedder": services.embedder, "generations": app.db.generations, "remains": services.remains}
    port = elsewhere[name] if name in elsewhere else getattr(services.pipeline, name)
    trap: Any = KillAt(port, method, death, die)
    if death.moment == "inside":

        def commit(_connection: object) -> None:
            if trap.committing:
                die()

        event.listen(services.db.engine, "commit", commit)
    if name == "generations":
        setattr(app.db.generations, method, getattr(trap, method))
        return services
    if name == "remains":
        return replace(services, remains=trap)
    part: dict[str, Any] = {"embedders": Always(trap)} if name == "embedder" else {name: trap}
    rigged = replace(services, pipeline=replace(services.pipeline, **part))
    if method == "report":
        services.sandbox.module = lingering_child.__name__
    if method == "heartbeat":
        slow = Slow(services.embedder, services.settings.job_lease_seconds)
        rigged = replace(rigged, pipeline=replace(rigged.pipeline, embedders=Always(slow)))  # pyright: ignore[reportArgumentType]
    return replace(rigged, jobs=trap) if name == "queue" else rigged
