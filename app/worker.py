"""A worker until it is told to stop, and the supervision by `serve` of one in the embedded setting."""

import hashlib
import logging
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from types import FrameType

from app.settings import Settings
from app.wiring import Services, build, close
from ingestion.sweep import Sweep
from ingestion.types import WorkerId
from ingestion.worker import Worker

logger = logging.getLogger(__name__)

_RESTART_SECONDS = 1.0
_SWITCH_SECONDS = 0.0005
_KEPT_PRIMITIVES = "256"


def new_name() -> WorkerId:
    """A name that no other worker has, readable in the jobs table."""
    return WorkerId(f"{socket.gethostname()[:40]}-{os.getpid()}-{secrets.token_hex(4)}")


def embedded_name(data_dir: Path) -> WorkerId:
    """The name of the worker that a service keeps: one per data folder, which one service at a time holds."""
    place = f"{socket.gethostname()}:{data_dir.absolute()}"
    return WorkerId(f"embedded-{hashlib.sha256(place.encode()).hexdigest()[:16]}")


def make(services: Services, name: WorkerId) -> Worker:
    """The loop on these services."""
    return Worker(
        name,
        services.jobs,
        services.pipeline,
        Sweep(services.remains, services.blobs),
        services.settings.job_lease_seconds,
        chores=(
            services.reindexes.advance,
            *([services.questioner.advance] if services.questioner is not None else []),
        ),
    )


def run(settings: Settings, name: WorkerId) -> None:
    """Work until SIGTERM or SIGINT, then give the leases back."""
    # PyTorch and oneDNN below it keep what they compiled for each shape of a batch, a thousand by default: hundreds of
    # megabytes where a model meets ever new shapes. The packaged model meets few, and keeps all.
    for kept in ("LRU_CACHE_CAPACITY", "ONEDNN_PRIMITIVE_CACHE_CAPACITY"):
        os.environ.setdefault(kept, _KEPT_PRIMITIVES)
    # A tokenizer would share every batch among threads of its own, which cost twice the time beside a busy encoder's.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    services = build(settings)
    services.db.migrate()
    services.embedders.remember()
    # The encoder gives Python's lock away at every operation and must get it back from the threads that cut chunks:
    # with the default of 5 ms it may wait longer for that than its operation took.
    sys.setswitchinterval(_SWITCH_SECONDS)
    worker = make(services, name)

    def stop(_signal: int, _frame: FrameType | None) -> None:
        worker.stop()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    if name == embedded_name(settings.data_dir):
        threading.Thread(target=_stop_with_parent, args=(worker,), name="parent", daemon=True).start()
    try:
        worker.run()
    finally:
        close(services)


def _stop_with_parent(worker: Worker) -> None:
    """Standard input is a pipe that only the parent holds: when it ends, the parent is gone, however it died."""
    while os.read(0, 1):  # not sys.stdin, whose lock a thread that never returns would hold until the interpreter ends
        pass
    worker.stop()


class Supervisor:
    """Keeps one embedded worker alive: when it dies, its leases are due at once and a new one starts."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._name = embedded_name(services.settings.data_dir)
        self._stopping = threading.Event()
        self._child: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._keep_alive, name="supervisor", daemon=True)

    def start(self) -> None:
        """Start the worker and watch it."""
        self._thread.start()

    def stop(self, within_seconds: float) -> None:
        """End the worker in order; kill it when it takes longer than that."""
        self._stopping.set()
        child = self._child
        if child is not None:
            child.terminate()
            try:
                child.wait(within_seconds)
            except subprocess.TimeoutExpired:
                child.kill()
        self._thread.join(within_seconds)

    def _keep_alive(self) -> None:
        while not self._stopping.is_set():
            try:
                self._services.jobs.expire(self._name)  # no other of that name can live: we hold the data folder
                with subprocess.Popen(
                    [sys.executable, "-m", "app.worker_process"],
                    stdin=subprocess.PIPE,
                    start_new_session=True,  # a Ctrl-C is ours to pass on: it would stop before us, and be replaced
                ) as self._child:
                    if self._stopping.is_set():
                        self._child.terminate()
                    code = self._child.wait()
            except Exception:
                logger.exception("the worker could not be started; trying again in %s s", _RESTART_SECONDS)
            else:
                if not self._stopping.is_set():
                    logger.error("the worker ended with code %s; starting a new one", code)
            self._stopping.wait(_RESTART_SECONDS)
