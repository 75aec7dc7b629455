"""The loop: claim jobs, read files while others are embedded, keep the leases, wait out outages, and stop in order."""

import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace

from ingestion.bench import Bench
from ingestion.debts import Debts
from ingestion.errors import NoLongerWanted, Outage, TookTooLong
from ingestion.leases import Leases
from ingestion.outages import Pause, failure_of, is_outage
from ingestion.pipeline import Pipeline, Read, Work
from ingestion.ports import JobQueue
from ingestion.sweep import Sweep
from ingestion.types import Failure, Job, WorkerId
from retrieval.errors import InputRefused, ModelUnavailable

Step = Callable[[], bool]
"""Does a piece of work and says whether there may be more at once."""

logger = logging.getLogger(__name__)

_READING = 128  # jobs between claim and bench
_READING_BYTES = 4 << 20  # of their files; one always may pass it
_READY_CHUNKS = 512  # on the bench: two pieces for the embedder
_READY_LARGE = 6
_PUBLISHERS = 2  # threads that embed and publish: while one writes to the database, the other keeps the encoder busy
_PAPER_BYTES = 1 << 20  # what is larger waits for no quick try, and no quick one waits for it
_NOTE_BYTES = 1 << 16
_QUICK_SECONDS = 5.0  # for a first try: a file that hangs is then parsed beside the others, not before them
_POLL_SECONDS = 0.05
_LOOK_SECONDS = 0.5  # between two looks at what was cancelled; an embedding that has begun takes as long again or more
_BACK_OFF_SECONDS = 2.0
_STOP_SECONDS = 3.0  # for the steps of the other threads: a supervisor has little patience
_SWEEP_SECONDS = 600.0
_CHORE_SECONDS = 0.5


class Worker:
    """Runs until told to stop. An error that is nobody's fault here (a lost database) is waited out, not died of.

    `chores` are steps that are tried beside the work all the time.
    """

    def __init__(
        self,
        name: WorkerId,
        jobs: JobQueue,
        pipeline: Pipeline,
        sweeper: Sweep,
        lease_seconds: float,
        chores: Sequence[Step] = (),
    ) -> None:
        self._name = name
        self._jobs = jobs
        self._pipeline = pipeline
        self._sweeper = sweeper
        self._chores = chores
        self._beat_seconds = lease_seconds / 3
        self._beaten = time.monotonic()
        self._leases = Leases()
        self._bench = Bench()
        self._stopping = threading.Event()
        self._reads: queue.Queue[Read] = queue.Queue()
        self._bulky: deque[tuple[Job, int]] = deque()  # saved, and read again once the bench has room
        self._debts = Debts(jobs)
        self._pause = Pause()
        places = pipeline.sandbox.processes
        self._patience = min(_QUICK_SECONDS, pipeline.sandbox.timeout_seconds / 4)
        self._quick = ThreadPoolExecutor(places, thread_name_prefix="quick")
        self._patient = ThreadPoolExecutor(places, thread_name_prefix="patient")
        self._books = places + 1
        self._cutter = ThreadPoolExecutor(1, thread_name_prefix="cutter")  # one book at a time: notes need no turn

    def run(self) -> None:
        """Claim and ingest until `stop`; what was not published then is given back and due again."""
        threads = [
            threading.Thread(target=self._guarded, args=(step, pause), name=step.__name__.strip("_"), daemon=True)
            for step, pause in (
                (self._claim_next, _POLL_SECONDS),
                (self._gather, 0.0),
                *((self._publish_next, 0.0),) * (_PUBLISHERS - 1),
                (self._look, min(_LOOK_SECONDS, self._beat_seconds)),
                (self._sweep, _SWEEP_SECONDS),
                *((chore, _CHORE_SECONDS) for chore in self._chores),
            )
        ]
        for thread in threads:
            thread.start()
        self._guarded(self._publish_next, 0.0)
        for lane in (self._quick, self._patient, self._cutter):
            lane.shutdown(wait=False, cancel_futures=True)
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
            except Outage as error:
                logger.warning("worker step failed; trying again in %s s: %s", _BACK_OFF_SECONDS, error)
                self._stopping.wait(_BACK_OFF_SECONDS)
                continue
            except Exception:
                logger.exception("worker step failed; trying again in %s s", _BACK_OFF_SECONDS)
                self._stopping.wait(_BACK_OFF_SECONDS)
                continue
            if not worked:
                self._stopping.wait(pause)

    def _claim_next(self) -> bool:
        if self._pause.lasts or self._bench.small() >= _READY_CHUNKS:
            return False
        in_hand = self._leases.jobs()
        reading = self._bench.without(in_hand)
        size = sum(job.blob.size for job in reading if job.blob.size <= _PAPER_BYTES)
        if len(reading) > _READING // 2 or size > _READING_BYTES // 2:
            return False  # a claim costs the database as much for one job as for many
        self._debts.settle()
        if time.monotonic() > self._beaten + 2 * self._beat_seconds:
            self._beat()  # after an outage: else we would take our own jobs for lost
        jobs = self._jobs.claim(self._name, _READING - len(reading), _READING_BYTES - size, self._largest(in_hand))
        self._leases.take(jobs)
        for job in jobs:
            is_quick = job.blob.size <= _PAPER_BYTES
            self._submit(job, self._quick if is_quick else self._patient, self._patience if is_quick else None)
        return bool(jobs)

    def _largest(self, in_hand: Sequence[Job]) -> int | None:
        """The largest file that may still be claimed: large ones leave room for smaller ones."""
        if self._bench.large() >= _READY_LARGE:
            return _NOTE_BYTES
        books = sum(job.blob.size > _PAPER_BYTES for job in in_hand)
        return _PAPER_BYTES if books >= self._books else None

    def _submit(self, job: Job, lane: ThreadPoolExecutor, patience: float | None) -> None:
        with suppress(RuntimeError):  # it was shut down, since we stop: the job is given back with the others
            lane.submit(self._read, job, patience)

    def _read(self, job: Job, patience: float | None) -> None:
        try:
            read = self._pipeline.read(job, self._goes_on, patience)
        except TookTooLong:
            self._submit(job, self._patient, None)
        except NoLongerWanted:
            self._let_go([job])
        except Exception as error:  # noqa: BLE001 - whatever it is, the job's end says so and the next one is read
            self._blame([job], error)
        else:
            if read is None:
                self._let_go([job])
            else:
                self._reads.put(read)

    def _gather(self) -> bool:
        """Save what was read, all in one transaction, and have it cut into chunks: a large document beside the rest."""
        reads = self._arrived()
        if reads:
            try:
                saved = self._pipeline.save(reads)
            except Exception as error:  # noqa: BLE001
                self._blame([read.job for read in reads], error)
                return True
            kept = {read.job.id for read in saved}
            self._let_go([read.job for read in reads if read.job.id not in kept])
            for read in saved:
                self._place(read)
        elif self._bulky and self._bench.reserve(*self._bulky[0]):
            job, _ = self._bulky.popleft()
            self._submit(replace(job, stage="publish"), self._patient, None)
        return True

    def _arrived(self) -> list[Read]:
        reads: list[Read] = []
        try:
            reads.append(self._reads.get(timeout=_POLL_SECONDS))
            while len(reads) < _READING:
                reads.append(self._reads.get_nowait())
        except queue.Empty:
            pass
        return reads

    def _place(self, read: Read) -> None:
        """Cut it, or keep it back while the bench has no room for it."""
        if not self._goes_on(read.job):
            self._let_go([read.job])
        elif not self._bench.holds(read.job) and not self._bench.reserve(read.job, len(read.content)):
            self._bulky.append((read.job, len(read.content)))
        elif len(read.content) <= _PAPER_BYTES:
            self._cut(read)
        else:
            with suppress(RuntimeError):  # as in `_submit`
                self._cutter.submit(self._cut, read)

    def _cut(self, read: Read) -> None:
        try:
            parsed = self._pipeline.cut(read, self._goes_on)
        except NoLongerWanted:
            self._let_go([read.job])
        except Exception as error:  # noqa: BLE001
            self._blame([read.job], error)
        else:
            if parsed is None:
                self._let_go([read.job])
            else:
                self._bench.add(parsed)

    def _publish_next(self) -> bool:
        if self._pause.lasts:
            return False
        work = self._bench.next(_POLL_SECONDS)
        if work is None:
            return True
        jobs = [parsed.job for parsed in work.parsed]
        try:
            is_done = self._pipeline.advance(work, self._goes_on)
        except InputRefused as error:
            self._bench.remove(work)
            self._refused(work, error)
        except Exception as error:  # noqa: BLE001
            self._bench.remove(work)
            embedder = jobs[0].fingerprint if jobs and isinstance(error, ModelUnavailable) else None
            self._blame([*jobs, *self._bench.clear(embedder)] if is_outage(error) else jobs, error)
        else:
            self._pause.succeeded()
            if is_done:
                self._bench.remove(work)
                self._let_go(jobs)
            else:
                self._bench.put_back(work)
        return True

    def _refused(self, work: Work, error: InputRefused) -> None:
        """The embedder does not take some text: each document gets its own turn, and the culprit alone is blamed."""
        if len(work.parsed) > 1:
            self._bench.split(work)
        else:
            self._end([parsed.job for parsed in work.parsed], Failure("input_refused", str(error), transient=True))

    def _goes_on(self, job: Job) -> bool:
        return self._leases.has(job) and not self._stopping.is_set()

    def _let_go(self, jobs: Sequence[Job]) -> None:
        self._leases.drop(jobs)
        self._bench.leave(jobs)

    def _blame(self, jobs: Sequence[Job], error: Exception) -> None:
        """End attempts by an error: an outage costs them nothing, and all work that it concerns pauses for a while."""
        if is_outage(error):
            seconds = self._pause.lengthen()
            if not (isinstance(error, ModelUnavailable) and self._embeds_otherwise(jobs)):
                self._pause.begin(seconds)
            logger.warning("%s jobs wait for %s s: %s", len(jobs), seconds, error)
            self._end(jobs, failure_of(error), pause_seconds=seconds)
        else:
            logger.error("an unexpected error ends the attempts of %s jobs", len(jobs), exc_info=error)
            message = f"{type(error).__name__} inside Openbook: the worker's log says more"
            self._end(jobs, Failure("unexpected", message, transient=True))

    def _embeds_otherwise(self, jobs: Sequence[Job]) -> bool:
        """Whether there is work in hand for another embedder than theirs: that goes on."""
        fingerprints = {job.fingerprint for job in jobs}
        return any(job.fingerprint not in fingerprints for job in self._leases.jobs())

    def _end(self, jobs: Sequence[Job], failure: Failure, pause_seconds: float | None = None) -> None:
        """Write how attempts ended, now or as soon as the database takes it."""
        self._debts.add(jobs, failure, pause_seconds)
        self._let_go(jobs)
        try:
            self._debts.settle()
        except Outage:
            logger.warning("the database cannot be told yet: %s", failure.message)

    def _look(self) -> bool:
        """Drop what was cancelled, deleted or retaken; renew the leases of the rest when it is time."""
        self._debts.settle()
        if time.monotonic() >= self._beaten + self._beat_seconds:
            self._beat()
        elif asked := self._leases.jobs():
            self._leases.keep(asked, self._jobs.held(self._name, [job.id for job in asked]))
        return False

    def _beat(self) -> None:
        if asked := self._leases.jobs():
            self._leases.keep(asked, self._jobs.heartbeat(self._name, [job.id for job in asked]))
        self._beaten = time.monotonic()

    def _sweep(self) -> bool:
        self._sweeper.run(lambda: not self._stopping.is_set())
        return False
