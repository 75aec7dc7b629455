"""Jobs: how far the reading of a document has come, as JSON or as events; cancelled and tried again."""

import asyncio
from collections.abc import AsyncGenerator
from datetime import datetime
from typing import Annotated, Literal

from anyio.to_thread import run_sync
from fastapi import APIRouter, Query, Request, Response
from fastapi.sse import ServerSentEvent

from app.api.bodies import Failure, Id, Page, Reply, failure
from app.api.dependencies import AppGiven, Readable, ServicesGiven, WatchHeld, audit
from app.api.events import EventStream, error_event, event
from app.api.problems import request_id_of
from app.db.types import JobRecord, JobStatus
from app.wiring import Services
from ingestion.types import JobId, VersionStatus
from retrieval.types import Scope

router = APIRouter(prefix="/v1", tags=["jobs"])

WATCH_SECONDS = 3600.0
_POLL_SECONDS = 0.25
_POLL_MOST_SECONDS = 2.0
_ENDED = ("succeeded", "failed", "cancelled")
_JOBS_MOST = 200
JobIds = Annotated[tuple[Annotated[str, Query(max_length=64)], ...], Query(min_length=1, max_length=_JOBS_MOST)]


class Job(Reply):
    """A job; `done` of `total` pages or chunks are through at this stage, where that is known.

    `version_status` is that of the version that it reads: what succeeded may be `ready` or `partial`.
    """

    id: str
    document_id: str
    status: JobStatus
    version_status: VersionStatus
    stage: str
    progress: float
    done: int | None
    total: int | None
    unit: Literal["pages", "chunks"]
    attempts: int
    error: Failure | None
    updated_at: datetime


@router.get("/jobs")
def list_jobs(id: JobIds, scope: Readable, services: ServicesGiven) -> Page[Job]:
    """Many jobs as they stand, by their ids; those that are unknown are left out."""
    jobs = services.jobs.several([JobId(each) for each in id], scope)
    return Page(items=[_shown(job) for job in jobs], next_cursor=None)


@router.get("/jobs/{id}")
def get_job(id: Id, scope: Readable, services: ServicesGiven) -> Job:
    """A job as it stands."""
    return _shown(services.jobs.get(JobId(id), scope))


@router.get("/jobs/{id}/events", response_class=Response, responses={200: {"content": {"text/event-stream": {}}}})
async def watch_job(id: Id, request: Request, scope: Readable, app: AppGiven, _: WatchHeld) -> EventStream:
    """The job now and at each change, until it has ended; raises for an unknown one before the stream begins."""
    first = await run_sync(app.services.jobs.get, JobId(id), scope)
    request_id = request_id_of(request.scope)
    source = _changes(app.services, scope, first)
    return EventStream(source, lambda error: error_event(error, request_id), app.streams, WATCH_SECONDS)


@router.post("/admin/jobs/{id}/cancel")
def cancel(id: Id, request: Request, scope: Readable, services: ServicesGiven) -> Job:
    """Stop a job that has not ended."""
    job = services.jobs.cancel(JobId(id), scope)
    audit(request, "job.cancel", id)
    return _shown(job)


@router.post("/admin/jobs/{id}/retry")
def retry(id: Id, request: Request, scope: Readable, services: ServicesGiven) -> Job:
    """Try a failed or cancelled job again."""
    job = services.jobs.retry(JobId(id), scope)
    audit(request, "job.retry", id)
    return _shown(job)


async def _changes(services: Services, scope: Scope, job: JobRecord) -> AsyncGenerator[ServerSentEvent, None]:
    pause = _POLL_SECONDS
    yield event("job", _shown(job).model_dump(mode="json"))
    while job.status not in _ENDED:
        await asyncio.sleep(pause)
        now = await run_sync(services.jobs.get, job.id, scope)
        pause = _POLL_SECONDS if now != job else min(pause * 1.5, _POLL_MOST_SECONDS)
        if now != job:
            yield event("job", _shown(now).model_dump(mode="json"))
        job = now


def _shown(record: JobRecord) -> Job:
    return Job(
        id=record.id,
        document_id=record.document_id,
        status=record.status,
        version_status=record.version_status,
        stage=record.stage,
        progress=record.progress,
        done=record.done,
        total=record.total,
        unit="pages" if record.stage == "parse" else "chunks",
        attempts=record.attempts,
        error=failure(record.error_code, record.error_message),
        updated_at=record.updated_at,
    )
