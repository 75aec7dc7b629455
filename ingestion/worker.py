"""The loop: claim jobs, parse the next group while the last is embedded, keep the leases, and stop in order."""

import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ingestion.pipeline import Parsed, Pipeline
from ingestion.ports import BlobStore, DocumentRegister, JobQueue
from ingestion.types import BlobKey, Job, JobId, WorkerId

Step = Callable[[], bool]
"""Does a piece of work and says whether there may be more at once."""

logger = logging.getLogger(__name__)

_GROUP = 128  # jobs claimed at once, enough to fill the batches of the embedder
_GROUP_BYTES = 32 << 20
_POLL_SECONDS = 0.05
_BACK_OFF_SECONDS = 2.0
_STOP_SECONDS = 3.0  # for the steps of the other threads, a long parse perhaps: a supervisor has less patience
_SWEEP_SECONDS = 600.0
_ORPHAN_SECONDS = 86_400.0  # an upload that is still being registered is younger than that


@dataclass(slots=True)
class _Leases:
    """The jobs in hand; those whose lease was lost leave it and are dropped at the next look."""

    held: dict[JobId, Job] = field(default_factory=dict[JobId, Job])
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, jobs: Sequence[Job]) -> None:
        with self.lock:
            self.held.update({job.id: job for job in jobs})

    def drop(self, jobs: Sequence[Job]) -> None:
        with self.lock:
            for job in jobs:
                if job.id in self.held and self.held[job.id].attempt == job.attempt:
                    del self.held[job.id]

    def keep(self, asked: Sequence[JobId], still: set[JobId]) -> None:
        with self.lock:
            for lost in set(asked) - still:
                self.held.pop(lost, None)

    def ids(self) -> list[JobId]:
        with self.lock:
            return list(self.held)

    def has(self, job: Job) -> bool:
        with self.lock:
            held = self.held.get(job.id)
            return held is not None and held.attempt == job.attempt  # not one that was cancelled and tried again


class Worker:
    """Runs until told to stop. An error that is nobody's fault here (a lost database) is waited out, not died of."""

    def __init__(
        self,
        name: WorkerId,
        jobs: JobQueue,
        pipeline: Pipeline,
        register: DocumentRegister,
        blobs: BlobStore,
        lease_seconds: float,
    ) -> None:
        self._name = name
        self._jobs = jobs
        self._pipeline = pipeline
        self._register = register
        self._blobs = blobs
        self._beat_seconds = lease_seconds / 3
        self._leases = _Leases()
        self._stopping = threading.Event()
        self._parsed: queue.Queue[list[Parsed]] = queue.Queue(maxsize=1)

    def run(self) -> None:
        """Claim and ingest until `stop`; what was not published then is given back and due again."""
        threads = [
            threading.Thread(target=self._guarded, args=(step, pause), name=step.__name__.strip("_"), daemon=True)
            for step, pause in (
                (self._parse_next, _POLL_SECONDS),
                (self._heartbeat, self._beat_seconds),
                (self._sweep, _SWEEP_SECONDS),
            )
        ]
        for thread in threads:
            thread.start()
        self._guarded(self._publish_next, 0.0)
        deadline = time.monotonic() + _STOP_SECONDS
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        try:
            self._jobs.release(self._name)
        except Exception:
            logger.exception("the leases could not be given back; they run out by themselves")

    def stop(self) -> None:
        """Ask the loop to end after the step in hand; safe from a signal's handler and from other threads."""
        self._stopping.set()

    def _guarded(self, step: Step, pause: float) -> None:
        """Repeat a step; wait out whatever it raises, so that one fault never ends the worker."""
        while not self._stopping.is_set():
            try:
                worked = step()
            except Exception:
                logger.exception("worker step failed; trying again in %s s", _BACK_OFF_SECONDS)
                self._stopping.wait(_BACK_OFF_SECONDS)
                continue
            if not worked:
                self._stopping.wait(pause)

    def _parse_next(self) -> bool:
        if self._parsed.full():
            return False  # one group that is embedded and the next one are as much as memory has to hold
        jobs = self._jobs.claim(self._name, _GROUP, _GROUP_BYTES)
        if not jobs:
            return False
        self._leases.take(jobs)
        try:
            parsed = self._pipeline.parse(jobs)
        except BaseException:
            self._leases.drop(jobs)  # the leases run out, and another attempt takes them
            raise
        in_hand = {each.job.id for each in parsed}
        self._leases.drop([job for job in jobs if job.id not in in_hand])
        if parsed:
            self._parsed.put(parsed)  # there is room: nobody else puts
        return True

    def _publish_next(self) -> bool:
        try:
            parsed = self._parsed.get(timeout=_POLL_SECONDS)
        except queue.Empty:
            return True
        try:
            self._pipeline.publish([each for each in parsed if self._goes_on(each.job)], self._goes_on)
        finally:
            self._leases.drop([each.job for each in parsed])
        return True

    def _goes_on(self, job: Job) -> bool:
        return self._leases.has(job) and not self._stopping.is_set()

    def _heartbeat(self) -> bool:
        asked = self._leases.ids()
        if asked:
            self._leases.keep(asked, self._jobs.heartbeat(self._name, asked))
        return False

    def _sweep(self) -> bool:
        """Delete originals that no version refers to: what a crash between storing and registering left.

        Crashes leave few: where most are nobody's, the database is another one than theirs, and nothing is deleted.
        """
        old = [key for key, age in self._blobs.stored() if age > _ORPHAN_SECONDS]
        orphans: set[BlobKey] = set()
        for start in range(0, len(old), 500):
            keys = old[start : start + 500]
            orphans |= set(keys) - self._register.referenced(keys)
        if 2 * len(orphans) > len(old):
            logger.warning("%s of %s originals belong to no document here and are kept", len(orphans), len(old))
            return False
        for key in orphans:
            self._blobs.delete(key)
        return False
