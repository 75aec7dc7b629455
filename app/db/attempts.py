"""The life of a job's attempt: its fence, and how it ends when it does not succeed.

Transactions lock in one order, so that none waits for another in a circle: collections by id, documents by id, jobs by
id, versions.
"""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.db import models
from app.db.clock import Clock
from app.db.sql import among, epoch
from ingestion.types import Failure, Job, JobId

BACKOFF_SECONDS: Final = 2.0
BACKOFF_MAX_SECONDS: Final = 300.0

GAVE_UP: Final = "gave_up"
CANCELLED: Final = "cancelled"


def held(session: Session, jobs: Sequence[Job]) -> set[JobId]:
    """Lock those jobs whose fence still holds, to the end of the transaction, and give their ids."""
    rows = session.execute(
        select(models.Job.id, models.Job.worker, models.Job.attempts)
        .where(among(models.Job.id, [job.id for job in jobs]))
        .where(models.Job.status == "running", models.Job.cancel_requested.is_(False))
        .order_by(models.Job.id)
        .with_for_update()
    )
    fences = {(job.id, job.worker, job.attempt) for job in jobs}
    return {JobId(job) for job, worker, attempt in rows if (job, worker, attempt) in fences}


def end(session: Session, job: JobId, failure: Failure, clock: Clock) -> None:
    """End the attempt of a job that the transaction holds: queued again later, or failed with its version."""
    attempts, max_attempts, version = session.execute(
        select(models.Job.attempts, models.Job.max_attempts, models.Job.version_id).where(models.Job.id == job)
    ).one()
    again = failure.transient and attempts < max_attempts
    session.execute(
        update(models.Job)
        .where(models.Job.id == job)
        .values(
            status="queued" if again else "failed",
            worker=None,
            lease_until=None,
            run_after=epoch() + min(BACKOFF_SECONDS * 4 ** (attempts - 1), BACKOFF_MAX_SECONDS),
            error_code=failure.code,
            error_message=failure.message,
            updated_at=clock(),
        )
    )
    if again:
        set_version(session, version, "queued")
    else:
        set_version(session, version, "failed", failure.code, failure.message)


def set_version(
    session: Session, version: int, status: str, code: str | None = None, message: str | None = None
) -> None:
    """What the version shows of its job."""
    session.execute(
        update(models.Version)
        .where(models.Version.id == version)
        .values(status=status, error_code=code, error_message=message)
    )
