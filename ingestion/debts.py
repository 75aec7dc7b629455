"""How attempts ended, told to the database now or, where it is away, as soon as it takes it."""

import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from ingestion.ports import JobQueue
from ingestion.types import Failure, Job


@dataclass(frozen=True, slots=True)
class _Debt:
    jobs: Sequence[Job]
    failure: Failure
    pause_seconds: float | None


class Debts:
    """What the database has yet to be told, in order. Any thread may add to it and settle it."""

    def __init__(self, jobs: JobQueue) -> None:
        self._jobs = jobs
        self._debts: deque[_Debt] = deque()
        self._settling = threading.Lock()

    def add(self, jobs: Sequence[Job], failure: Failure, pause_seconds: float | None = None) -> None:
        """Attempts that failed; with a pause, those that an outage ended, which cost the jobs nothing."""
        self._debts.append(_Debt(jobs, failure, pause_seconds))

    def settle(self) -> None:
        """Tell all of it. Raises what the database raises, and keeps what it was not told."""
        with self._settling:
            while self._debts:
                debt = self._debts[0]
                if debt.pause_seconds is not None:
                    self._jobs.postpone(debt.jobs, debt.failure, debt.pause_seconds)
                else:
                    for job in debt.jobs:
                        self._jobs.fail(job, debt.failure)
                self._debts.popleft()
