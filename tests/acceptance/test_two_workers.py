"""Two workers on one queue, killed from outside at random or stopped for a while.

`SOAK_JOBS=1000` makes a soak of it (`make soak`); `SOAK_SEED` repeats a run.
"""

import os
import random
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any, cast

import pytest
from sqlalchemy import func, select

from app.db.tables import Change, Chunk, Embedding, Job, Version
from app.wiring import Services
from retrieval.ports import Embedder
from retrieval.types import PassageEmbedding, PassageInput
from tests.acceptance.killed_worker import Death
from tests.acceptance.workers import (
    LEASE_SECONDS,
    assert_killed,
    assert_whole,
    end_workers,
    services_of,
    settings_of,
    start_worker,
    upload_notes,
    wait_until_drained,
    worker,
    worker_here,
)
from tests.builders import Known

pytestmark = pytest.mark.timeout(300)

JOBS = int(os.environ.get("SOAK_JOBS", "40"))
KILLS = max(3, JOBS // 50)
SEED = int(os.environ.get("SOAK_SEED") or random.SystemRandom().randrange(1 << 32))
MOST_ATTEMPTS = 20
STOPPED = Death("embedder.embed_passages", "after", 1, signal.SIGSTOP)


def test_random_kills_lose_nothing_and_double_nothing(database_url: str, tmp_path: Path) -> None:
    sys.stdout.write(f"SOAK_SEED={SEED}\n")  # pytest shows it when the test fails
    chosen = random.Random(SEED)
    environment = settings_of(database_url, tmp_path, MOST_ATTEMPTS)
    with services_of(environment) as services:
        chunks = upload_notes(services, JOBS)
        workers = [start_worker(environment) for _ in range(2)]
        try:
            for _ in range(KILLS):
                time.sleep(chosen.uniform(0.2, 1.9))
                victim = chosen.randrange(2)
                workers[victim].kill()
                assert_killed(workers[victim])
                workers[victim] = start_worker(environment)
            wait_until_drained(services, JOBS + 1, 60 + JOBS / 5)
        finally:
            end_workers(*workers)
        assert_whole(services, JOBS + 1, chunks)


def test_a_worker_that_wakes_up_after_its_lease_was_taken_writes_nothing(database_url: str, tmp_path: Path) -> None:
    """It is stopped between two transactions: one that is stopped inside of one on SQLite holds the whole database."""
    environment = settings_of(database_url, tmp_path, MOST_ATTEMPTS)
    with services_of(environment) as services:
        chunks = upload_notes(services, 3)
        with worker(environment, STOPPED) as sleeper:
            _wait_until_stopped(sleeper)
            time.sleep(LEASE_SECONDS)
            with worker_here(services):
                wait_until_drained(services, 4)
            assert sleeper.pid is not None
            os.kill(sleeper.pid, signal.SIGCONT)
            more = upload_notes(services, 5, with_book=False) - 3  # the first three are there already
            wait_until_drained(services, 6)  # by the one that slept: it goes on with what is left
        assert_whole(services, 6, chunks + more)


@pytest.mark.parametrize("point", ["versions.save_piece", "versions.publish"])
def test_a_worker_that_wakes_up_beside_the_newer_attempt_writes_nothing(
    database_url: str, tmp_path: Path, point: str
) -> None:
    """It is stopped before a write, goes on with it while the newer attempt embeds, and is stopped again after it."""
    environment = settings_of(database_url, tmp_path, MOST_ATTEMPTS)
    late = {**environment, "OPENBOOK_JOB_LEASE_SECONDS": "60"}
    with services_of(environment) as services, services_of(late) as newer:
        chunks = upload_notes(services, 3)
        held_up = HeldUp(services.embedder)
        with worker(environment, Death(point, "before", 1, signal.SIGSTOP)) as sleeper:
            _wait_until_stopped(sleeper)
            time.sleep(LEASE_SECONDS)
            pipeline = replace(newer.pipeline, embedders=Known(cast("Embedder", held_up)))
            with worker_here(replace(newer, pipeline=pipeline)):
                assert held_up.is_asked.wait(30)
                _wait_until(lambda: _all_are_read(services), "not all files were read")
                before = _written(services)
                assert sleeper.pid is not None
                os.kill(sleeper.pid, signal.SIGCONT)
                _wait_until_stopped(sleeper)
                assert _written(services) == before
                held_up.may_answer.set()
                wait_until_drained(services, 4)
            os.kill(sleeper.pid, signal.SIGCONT)
        assert_whole(services, 4, chunks)


class HeldUp:
    """An embedder that answers once it may."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self.is_asked = threading.Event()
        self.may_answer = threading.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._embedder, name)

    def embed_passages(self, passages: Sequence[PassageInput]) -> list[PassageEmbedding]:
        self.is_asked.set()
        assert self.may_answer.wait(30)
        return self._embedder.embed_passages(passages)


def _written(services: Services) -> tuple[Any, ...]:
    """What attempts write: how far each job is and in whose hands, and how many rows there are of their results."""
    with services.db.read() as session:
        jobs = session.execute(
            select(Job.id, Job.worker, Job.status, Job.attempts, Job.stage, Job.progress, Job.error_code).order_by(
                Job.id
            )
        ).all()
        rows = [session.scalar(select(func.count()).select_from(table)) for table in (Chunk, Embedding, Change)]
        return jobs, rows, session.scalars(select(Version.status).order_by(Version.id)).all()


def _all_are_read(services: Services) -> bool:
    with services.db.read() as session:
        return set(session.scalars(select(Job.stage).where(Job.status == "running"))) == {"publish"}


def _wait_until_stopped(process: ForkServerProcess) -> None:
    stat = Path(f"/proc/{process.pid}/stat")
    _wait_until(lambda: stat.read_text().rpartition(")")[2].split()[0] == "T", "the worker did not stop")


def _wait_until(holds: Callable[[], bool], otherwise: str) -> None:
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline, otherwise
        time.sleep(0.02)
