"""The queue: jobs as rows, leased on the database's time, each write under its fence."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, get_args

from sqlalchemy import Row, Select, func, select, update
from sqlalchemy.orm import Session

from app.db import tables
from app.db.clock import Clock, utc_now
from app.db.database import Database
from app.db.errors import Conflict, UnknownJob
from app.db.queue import attempts, claims
from app.db.sql import among, changed, epoch
from app.db.types import JobRecord, JobStatus
from ingestion.ports import JobQueue
from ingestion.types import DocumentId, Failure, Job, JobId, Progress, Stage, WorkerId
from retrieval.types import Scope


@dataclass(frozen=True, slots=True)
class JobStore(JobQueue):
    """Work to do. `attempts` only ever rises, so no two holders of a job share a fence.

    Due jobs go by priority (see `registration.priority`), then by age: a thousand notes do not wait for a book. Each
    claim also takes the job that has waited longest, so that the book does not wait for ever either. Where a worker
    died over a job, the last attempt is made by a worker that holds nothing else: what kills it for the last time takes
    no neighbour along. What a worker gives back or puts off, and what is retried by hand, gets its attempt back as a
    higher cap.
    """

    db: Database
    lease_seconds: float = 60.0
    max_attempts: int = 3
    clock: Clock = utc_now

    def claim(self, worker: WorkerId, limit: int, max_bytes: int, largest: int | None = None) -> list[Job]:
        with self.db.read() as session:
            if not session.scalars(claims.IS_ANY_DUE).one():
                return []
        with self.db.write() as session:
            in_hand = claims.in_hand(session, worker)
            if any(row.error_code in attempts.SUSPECT and row.attempts >= row.max_attempts for row in in_hand):
                return []
            claimable = claims.claimable(largest)
            rows = [*self._lost(session, claimable, limit), *claims.queued(session, claimable, limit)]
            return self._lease(session, worker, claims.chosen(rows, in_hand, limit, max_bytes))

    def held(self, worker: WorkerId, jobs: Sequence[JobId]) -> set[JobId]:
        with self.db.read() as session:
            return {JobId(job) for job in session.scalars(_mine(worker, jobs))}

    def heartbeat(self, worker: WorkerId, jobs: Sequence[JobId]) -> set[JobId]:
        # Locked in the order of ids first, as publications do: an UPDATE alone locks in whatever order it meets them.
        with self.db.write() as session:
            held = session.scalars(_mine(worker, jobs).order_by(tables.Job.id).with_for_update()).all()
            if held:
                session.execute(
                    update(tables.Job)
                    .where(among(tables.Job.id, held))
                    .values(lease_until=epoch() + self.lease_seconds)
                )
            return {JobId(job) for job in held}

    def report(self, job: Job, stage: Stage, progress: Progress) -> None:
        with self.db.write() as session:
            attempts.show(session, job, stage, progress, self.clock)

    def fail(self, job: Job, failure: Failure) -> None:
        with self.db.write() as session:
            if attempts.held(session, [job]):
                attempts.end(session, job.id, failure, self.clock)

    def postpone(self, jobs: Sequence[Job], failure: Failure, seconds: float) -> None:
        with self.db.write() as session:
            attempts.postpone(session, list(attempts.held(session, jobs)), failure, seconds, self.clock)

    def release(self, worker: WorkerId) -> int:
        mine = (
            select(tables.Job.id)
            .where(tables.Job.worker == worker, tables.Job.status == "running")
            .order_by(tables.Job.id)
            .with_for_update()
        )
        with self.db.write() as session:
            held = session.scalars(mine).all()
            for job in held:
                self._queue(session, job, more_attempts=1)
            return len(held)

    def expire(self, worker: WorkerId) -> int:
        """The worker is known to be dead: its jobs are due at once, each a lost attempt; gives how many that were."""
        with self.db.write() as session:
            lost = update(tables.Job).where(tables.Job.worker == worker, tables.Job.status == "running")
            return changed(session.execute(lost.values(lease_until=0.0)))

    def get(self, id: JobId, scope: Scope) -> JobRecord:
        """Raises UnknownJob, for a foreign one too."""
        with self.db.read() as session:
            return _get(session, id, scope)

    def several(self, ids: Sequence[JobId], scope: Scope) -> list[JobRecord]:
        """Those of the jobs that there are within the scope, oldest first."""
        statement = _within(scope).where(among(tables.Job.id, ids)).order_by(tables.Job.id)
        with self.db.read() as session:
            return [_record(row) for row in session.execute(statement)]

    def cancel(self, id: JobId, scope: Scope) -> JobRecord:
        """In force at once: a running attempt's fence is gone. Raises UnknownJob, and Conflict for one at its end."""
        with self.db.write() as session:
            row = _lock(session, id, scope)
            if row.status not in {"queued", "running"}:
                raise Conflict(f"job {id} is {row.status} already and cannot be cancelled")
            reason = "cancelled on request"
            session.execute(
                update(tables.Job)
                .where(tables.Job.id == id)
                .values(status="cancelled", cancel_requested=True, worker=None, lease_until=None)
                .values(error_code=attempts.CANCELLED, error_message=reason, updated_at=self.clock())
            )
            attempts.set_version(session, id, "failed", attempts.CANCELLED, reason)
            return _get(session, id, scope)

    def retry(self, id: JobId, scope: Scope) -> JobRecord:
        """Queue a failed or cancelled job anew, with all its attempts. Raises UnknownJob, Conflict for any other."""
        with self.db.write() as session:
            row = _lock(session, id, scope)
            if row.status not in {"failed", "cancelled"}:
                raise Conflict(f"job {id} is {row.status}: only a failed or cancelled one can be tried again")
            more = row.attempts + self.max_attempts - row.max_attempts
            self._queue(session, id, more_attempts=more)
            return _get(session, id, scope)

    def depth(self) -> dict[JobStatus, int]:
        """How many jobs there are in each status, none left out."""
        with self.db.read() as session:
            counted = session.execute(select(tables.Job.status, func.count()).group_by(tables.Job.status)).all()
        counts: dict[str, int] = {status: count for status, count in counted}  # noqa: C416 dict() loses the types
        statuses: tuple[JobStatus, ...] = get_args(JobStatus)
        return {status: counts.get(status, 0) for status in statuses}

    def oldest_seconds(self) -> float | None:
        """For how long the oldest job that may be taken has waited; None where none waits."""
        oldest = select(func.min(tables.Job.id)).where(tables.Job.status == "queued", tables.Job.run_after <= epoch())
        made = select(tables.Job.created_at).where(tables.Job.id == oldest.scalar_subquery())
        with self.db.read() as session:
            created_at = session.scalars(made).one_or_none()
        return None if created_at is None else max(0.0, (self.clock() - created_at).total_seconds())

    def _lost(self, session: Session, claimable: Select[*tuple[Any, ...]], limit: int) -> list[Row[Any]]:
        """Jobs whose worker went silent: due again, or failed when their attempts are used up."""
        expired = session.execute(
            claimable.where(tables.Job.status == "running", tables.Job.lease_until < epoch())
            .order_by(tables.Job.priority, tables.Job.id)
            .limit(limit)
        ).all()
        for row in expired:
            if row.attempts >= row.max_attempts:
                told = row.error_message if row.error_code != attempts.WORKER_LOST else None
                before = f" (the attempt before said: {told})" if told else ""
                message = (
                    f"the worker died or fell silent in {row.attempts} attempts; the last was at the stage "
                    f"{row.stage!r}{before}: try the job again, or upload a simpler file"
                )
                failure = Failure(attempts.GAVE_UP, message, transient=False)
                attempts.end(session, JobId(row.id), failure, self.clock)
        return [row for row in expired if row.attempts < row.max_attempts]

    def take(self, session: Session, worker: WorkerId, document: DocumentId) -> Job:
        """Lease the job that the transaction has just queued for a document, before any other worker sees it."""
        [job] = self._lease(session, worker, claims.of_document(session, document))
        return job

    def _lease(self, session: Session, worker: WorkerId, rows: Sequence[Row[Any]]) -> list[Job]:
        lost = [row.id for row in rows if row.status == "running"]
        if lost:
            words = "the worker of the attempt before died or fell silent"
            session.execute(
                update(tables.Job)
                .where(among(tables.Job.id, lost))
                .values(error_code=attempts.WORKER_LOST, error_message=words)
            )
        if rows:
            session.execute(
                update(tables.Job)
                .where(among(tables.Job.id, [row.id for row in rows]))
                .values(status="running", worker=worker, attempts=tables.Job.attempts + 1)
                .values(progress=0.0, done=None, total=None)
                .values(lease_until=epoch() + self.lease_seconds, updated_at=self.clock())
            )
            session.execute(
                update(tables.Version)
                .where(among(tables.Version.id, [row.version_id for row in rows if row.beside is None]))
                .values(status="processing", error_code=None, error_message=None)
            )
        return [claims.job(row, worker) for row in rows]

    def _queue(self, session: Session, id: str, *, more_attempts: int) -> None:
        result = session.execute(
            update(tables.Job)
            .where(tables.Job.id == id)
            .values(status="queued", worker=None, lease_until=None, run_after=0.0)
            .values(progress=0.0, done=None, total=None)
            .values(cancel_requested=False, error_code=None, error_message=None, updated_at=self.clock())
            .values(max_attempts=tables.Job.max_attempts + more_attempts)
        )
        if changed(result) == 1:
            attempts.set_version(session, id, "queued")


def _mine(worker: WorkerId, jobs: Sequence[JobId]) -> Select[str]:
    return (
        select(tables.Job.id)
        .where(among(tables.Job.id, jobs), tables.Job.worker == worker)
        .where(tables.Job.status == "running", tables.Job.cancel_requested.is_(False))
    )


def _within(scope: Scope) -> Select[*tuple[Any, ...]]:
    return (
        select(tables.Job.__table__, tables.Version.status.label("version_status"))
        .join(tables.Version, tables.Version.id == tables.Job.version_id)
        .join(tables.Document, tables.Document.id == tables.Job.document_id)
        .where(among(tables.Document.collection_id, scope.collections))
    )


def _lock(session: Session, id: JobId, scope: Scope) -> Row[Any]:
    row = session.execute(_within(scope).where(tables.Job.id == id).with_for_update(of=tables.Job)).one_or_none()
    if row is None:
        raise UnknownJob(f"there is no job {id}")
    return row


def _get(session: Session, id: JobId, scope: Scope) -> JobRecord:
    row = session.execute(_within(scope).where(tables.Job.id == id)).one_or_none()
    if row is None:
        raise UnknownJob(f"there is no job {id}")
    return _record(row)


def _record(row: Row[Any]) -> JobRecord:
    return JobRecord(
        id=JobId(row.id),
        document_id=DocumentId(row.document_id),
        status=row.status,
        version_status=row.version_status,
        stage=row.stage,
        progress=row.progress,
        done=row.done,
        total=row.total,
        attempts=row.attempts,
        error_code=row.error_code,
        error_message=row.error_message,
        updated_at=row.updated_at,
    )
