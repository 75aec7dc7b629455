"""A real worker that kills itself with SIGKILL at a named point: `python killed_worker.py POINT MOMENT NTH [SIGNAL]`.

POINT is a method of a port (`queue.claim`, `versions.publish`, ...) or `generations.switch`, MOMENT is `before` the
call, `inside` it (just before its transaction commits) or `after` it; NTH counts the calls. Another SIGNAL, as in
SIGSTOP, takes the place of SIGKILL. Pieces are small, so that a document of ten chunks is a large one.
"""

import os
import signal
import sys
import threading
from dataclasses import replace
from typing import Any

from sqlalchemy import Engine, event

import app.db.generations
import ingestion.bench
import ingestion.pipeline
from app.settings import Settings
from app.wiring import Services, build
from app.worker import make, new_name

PIECE = 4


class KillAt:
    """Stands before a port and kills the process at one call of one method."""

    def __init__(self, port: object, method: str, moment: str, nth: int) -> None:
        self._port = port
        self._method = method
        self._moment = moment
        self._left = nth
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
                die()
            self.committing = self._moment == "inside"
            result = real(*args, **options)
            die()
            return result

        return call


class Always:
    """The same embedder, whatever the fingerprint."""

    def __init__(self, embedder: Any) -> None:
        self._embedder = embedder

    def of(self, _fingerprint: str) -> Any:
        return self._embedder


class Transactions:
    """Those that are open in this process: a stopped one would hold its locks, and a database its one writer's."""

    def __init__(self, engine: Engine) -> None:
        self.ended = threading.Condition()
        self.open = 0
        event.listen(engine, "begin", self.begin, insert=True)
        event.listen(engine, "commit", self.end)
        event.listen(engine, "rollback", self.end)

    def begin(self, _connection: object) -> None:
        with self.ended:
            self.open += 1

    def end(self, _connection: object) -> None:
        with self.ended:
            self.open -= 1
            self.ended.notify_all()


def die() -> None:
    if len(sys.argv) < 5:
        os.kill(os.getpid(), signal.SIGKILL)
    with transactions.ended:
        transactions.ended.wait_for(lambda: transactions.open == 0)
        os.kill(os.getpid(), signal.Signals[sys.argv[4]])


def rigged(services: Services, point: str, moment: str, nth: int) -> Services:
    name, method = point.split(".")
    elsewhere = {"embedder": services.embedder, "generations": app.db.generations}
    port = elsewhere[name] if name in elsewhere else getattr(services.pipeline, name)
    trap: Any = KillAt(port, method, moment, nth)
    if moment == "inside":

        def commit(_connection: object) -> None:
            if trap.committing:
                die()

        event.listen(services.db.engine, "commit", commit)
    if name == "generations":
        setattr(app.db.generations, method, getattr(trap, method))
        return services
    part: dict[str, Any] = {"embedders": Always(trap)} if name == "embedder" else {name: trap}
    rigged_services = replace(services, pipeline=replace(services.pipeline, **part))
    return replace(rigged_services, jobs=trap) if name == "queue" else rigged_services


if __name__ == "__main__":
    ingestion.bench.PIECE = ingestion.pipeline.PIECE = PIECE
    services = build(Settings())
    transactions = Transactions(services.db.engine)
    if len(sys.argv) > 1:
        services = rigged(services, sys.argv[1], sys.argv[2], int(sys.argv[3]))
    worker = make(services, new_name())
    signal.signal(signal.SIGTERM, lambda _signal, _frame: worker.stop())
    worker.run()
