"""Two workers on one queue, killed from outside at random or stopped for a while.

`SOAK_JOBS=1000` makes a soak of it (`make soak`); `SOAK_SEED` repeats a run.
"""

import os
import random
import signal
import sys
import time
from multiprocessing.context import ForkServerProcess
from pathlib import Path

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
    environment = settings_of(database_url, tmp_path)
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


def _wait_until_stopped(process: ForkServerProcess) -> None:
    deadline = time.monotonic() + 30
    while Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0] != "T":
        assert time.monotonic() < deadline, "the worker did not stop"
        time.sleep(0.02)
