"""The life of a job's attempt: its fence, and how it ends when it does not succeed.

Transactions lock in one order, so that none waits for another in a circle: collections by id, documents by id, jobs by
id, versions.
"""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import case, select, update
from sqlalchemy.orm import Session

from app.db import tables
from app.db.clock import Clock
from app.db.sql import among, epoch, storable
from ingestion.types import Failure, Job, JobId, Progress, Stage

BACKOFF_SECONDS: Final = 2.0
BACKOFF_MAX_SECONDS: Final = 300.0
_QUADRUPLINGS: Final = 16  # past which it is the most in any case: outages let a job make a thousand attempts

GAVE_UP: Final = "gave_up"
WORKER_LOST: Final = "worker_lost"
UNEXPECTED: Final = "unexpected"
SUSPECT: Final = frozenset({WORKER_LOST, UNEXPECTED})
"""What may have killed the worker, or harmed the jobs beside it: a parser's child that dies takes nobody along."""
CANCELLED: Final = "cancelled"


def held(session: Session, jobs: Sequence[Job]) -> set[JobId]:
    """Lock those jobs whose fence still holds, to the end of the transaction, and give their ids."""
    rows = session.execute(
        select(tables.Job.id, tables.Job.worker, tables.Job.attempts)
        .where(among(tables.Job.id, [job.id for job in jobs]))
        .where(tables.Job.status == "running", tables.Job.cancel_requested.is_(False))
        .order_by(tables.Job.id)
        .with_for_update()
    )
    fences = {(job.id, job.worker, job.attempt) for job in jobs}
    return {JobId(job) for job, worker, attempt in rows if (job, worker, attempt) in fences}


def show(session: Session, job: Job, stage: Stage, progress: Progress, clock: Clock) -> None:
    """Write the progress of an attempt under its fence; later than the attempt's own end it changes nothing.

    A job that had come to its second stage may be back at its first: when its saved parse is of other parsers.
    """
    share = min(max(progress.share, 0.0), 1.0)
    session.execute(
        update(tables.Job)
        .where(tables.Job.id == job.id, tables.Job.worker == job.worker)
        .where(tables.Job.attempts == job.attempt, tables.Job.status == "running")
        .values(progress=case((tables.Job.progress < share, share), else_=tables.Job.progress))
        .values(stage=stage, done=progress.done, total=progress.total, updated_at=clock())
    )


def end(session: Session, job: JobId, failure: Failure, clock: Clock) -> None:
    """End the attempt of a job that the transaction holds: queued again later, or failed with its version."""
    attempts, max_attempts = session.execute(
        select(tables.Job.attempts, tables.Job.max_attempts).where(tables.Job.id == job)
    ).one()
    again = failure.transient and attempts < max_attempts
    message = storable(failure.message)
    session.execute(
        update(tables.Job)
        .where(tables.Job.id == job)
        .values(
            status="queued" if again else "failed",
            worker=None,
            lease_until=None,
            run_after=epoch() + _backoff(attempts),
            error_code=failure.code,
            error_message=message,
            updated_at=clock(),
        )
    )
    if again:
        set_version(session, job, "queued")
    else:
        set_version(session, job, "failed", failure.code, message)


def postpone(session: Session, jobs: Sequence[JobId], failure: Failure, seconds: float, clock: Clock) -> None:
    """Queue jobs that the transaction holds again: what stopped them was not their fault, so the attempt is free."""
    session.execute(
        update(tables.Job)
        .where(among(tables.Job.id, jobs))
        .values(status="queued", worker=None, lease_until=None, run_after=epoch() + seconds, done=None, total=None)
        .values(max_attempts=tables.Job.max_attempts + 1, updated_at=clock())
        .values(error_code=failure.code, error_message=storable(failure.message))
    )
    versions = select(tables.Job.version_id).where(among(tables.Job.id, jobs), tables.Job.generation == tables.UPLOADED)
    session.execute(
        update(tables.Version)
        .where(tables.Version.id.in_(versions.scalar_subquery()))
        .values(status="queued", error_code=None, error_message=None)
        .execution_options(synchronize_session=False)
    )


def set_version(session: Session, job: str, status: str, code: str | None = None, message: str | None = None) -> None:
    """What the version shows of its upload's job; it answers, and shows nothing of a re-index's."""
    version = select(tables.Job.version_id).where(tables.Job.id == job, tables.Job.generation == tables.UPLOADED)
    session.execute(
        update(tables.Version)
        .where(tables.Version.id == version.scalar_subquery())
        .values(status=status, error_code=code, error_message=message)
        .execution_options(synchronize_session=False)
    )


def _backoff(attempts: int) -> float:
    return min(BACKOFF_SECONDS * 4 ** min(attempts - 1, _QUADRUPLINGS), BACKOFF_MAX_SECONDS)
