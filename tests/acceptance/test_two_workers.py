"""Two workers on one queue, killed from outside at random or stopped for a while.

`SOAK_JOBS=1000` makes a soak of it (`make soak`); `SOAK_SEED` repeats a run.
"""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.acceptance.workers import (
    LEASE_SECONDS,
    assert_whole,
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


def test_random_kills_lose_nothing_and_double_nothing(database_url: str, tmp_path: Path) -> None:
    sys.stdout.write(f"SOAK_SEED={SEED}\n")  # pytest shows it when the test fails
    chosen = random.Random(SEED)
    environment = settings_of(database_url, tmp_path, MOST_ATTEMPTS)
    with services_of(environment) as services:
        chunks = upload_notes(services, JOBS)
        workers = [start_worker(environment) for _ in range(2)]
        try:
            for _ in range(KILLS):
                time.sleep(chosen.uniform(0.8, 2.5))  # a start takes about one
                victim = chosen.randrange(2)
                workers[victim].kill()
                workers[victim].wait(20)
                workers[victim] = start_worker(environment)
            wait_until_drained(services, JOBS + 1, 60 + JOBS / 5)
        finally:
            _end(workers)
        assert_whole(services, JOBS + 1, chunks)


def test_a_worker_that_wakes_up_after_its_lease_was_taken_writes_nothing(postgresql_url: str, tmp_path: Path) -> None:
    """On PostgreSQL alone: a process that is stopped in a transaction on SQLite holds the whole database."""
    environment = settings_of(postgresql_url, tmp_path)
    with services_of(environment) as services:
        chunks = upload_notes(services, 3)
        with worker(environment, "embedder.embed_passages", "after", "1", "SIGSTOP") as sleeper:
            _wait_until_stopped(sleeper)
            time.sleep(LEASE_SECONDS)
            with worker_here(services):
                wait_until_drained(services, 4)
            sleeper.send_signal(signal.SIGCONT)
            more = upload_notes(services, 5, with_book=False) - 3  # the first three are there already
            wait_until_drained(services, 6)  # by the one that slept: it goes on with what is left
        assert_whole(services, 6, chunks + more)


def _wait_until_stopped(process: subprocess.Popen[bytes]) -> None:
    _, status = os.waitpid(process.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status)


def _end(workers: list[subprocess.Popen[bytes]]) -> None:
    for process in workers:
        process.terminate()
    for process in workers:
        process.wait(20)
