"""The jobs that a worker has in hand."""

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ingestion.types import Job, JobId


@dataclass(slots=True)
class Leases:
    """Jobs in hand; those whose lease was lost leave it and are dropped at the next look. Any thread may ask."""

    _held: dict[JobId, Job] = field(default_factory=dict[JobId, Job])
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, jobs: Iterable[Job]) -> None:
        """From now on these are in hand."""
        with self._lock:
            self._held.update({job.id: job for job in jobs})

    def drop(self, jobs: Iterable[Job]) -> None:
        """These are done with; a later attempt of one of them stays."""
        with self._lock:
            for job in jobs:
                held = self._held.get(job.id)
                if held is not None and held.attempt == job.attempt:
                    del self._held[job.id]

    def keep(self, asked: Sequence[Job], still: set[JobId]) -> None:
        """Drop those of the asked that are not still ours."""
        self.drop(job for job in asked if job.id not in still)

    def jobs(self) -> list[Job]:
        """All that are in hand now."""
        with self._lock:
            return list(self._held.values())

    def has(self, job: Job) -> bool:
        """Whether this very attempt is in hand, and not one that was cancelled and tried again."""
        with self._lock:
            held = self._held.get(job.id)
            return held is not None and held.attempt == job.attempt
