"""How the service is doing, for its administrators: parts, queue, indexes, room, and the last hour of this process."""

import shutil
from collections.abc import Mapping
from datetime import UTC, datetime

from fastapi import APIRouter

from app.api.bodies import Reply
from app.api.dependencies import App, AppGiven, ServicesGiven
from app.db.types import JobStatus
from app.history import SAMPLE_SECONDS, Outcome, RouteFigures, Sample, Times, routes
from app.wiring import Services

router = APIRouter(prefix="/v1/admin/health", tags=["health"])


class TimesBody(Reply):
    """How long requests took, in milliseconds; null where there were none."""

    count: int
    p50_ms: float | None
    p95_ms: float | None


class SampleBody(Reply):
    """What happened in `sample_seconds` that ended `at`, and how the queue stood then."""

    at: datetime
    requests: Mapping[Outcome, int]
    answers: TimesBody
    searches: TimesBody
    queued: int
    running: int


class RouteBody(Reply):
    """What happened on one route in the last hour."""

    route: str
    requests: Mapping[Outcome, int]
    times: TimesBody


class QueueBody(Reply):
    """Jobs by status, and for how long the oldest of those that wait has waited, in seconds."""

    jobs: Mapping[JobStatus, int]
    oldest_seconds: float | None


class IndexBody(Reply):
    """A collection's index: chunks that answer, bytes on the disk, and changes that this process has yet to take in.

    `lag` is null while the index is not open here: it is opened by the first search.
    """

    collection: str
    documents: int
    chunks: int
    bytes: int
    lag: int | None


class RoomBody(Reply):
    """The disk that the data folder is on, in bytes."""

    free: int
    total: int


class Health(Reply):
    """All of it; `reasons` say why the service cannot answer, `degraded` counts answers without a part in the hour."""

    reasons: Mapping[str, str]
    degraded: Mapping[str, int]
    generator: str
    embedder: str
    queue: QueueBody
    indexes: list[IndexBody]
    room: RoomBody
    routes: list[RouteBody]
    sample_seconds: float
    samples: list[SampleBody]


@router.get("")
def overview(app: AppGiven, services: ServicesGiven) -> Health:
    """How the service is doing; the samples and routes are those of the process that replies."""
    now = datetime.now(UTC)
    passed = app.history.last_hour(now)
    disk = shutil.disk_usage(services.settings.data_dir)
    return Health(
        reasons=dict(app.not_ready),
        degraded={part: count for part, count in passed.degraded.items() if count},
        generator=services.answerer.default_generator,
        embedder=services.embedder.fingerprint.partition("|")[0],
        queue=QueueBody(jobs=services.jobs.depth(), oldest_seconds=services.jobs.oldest_seconds()),
        indexes=_indexes(services),
        room=RoomBody(free=disk.free, total=disk.total),
        routes=[_route(each) for each in routes(passed)],
        sample_seconds=SAMPLE_SECONDS,
        samples=[_sample(each) for each in list(app.history.samples)],
    )


def take_sample(app: App) -> None:
    """Add what happened since the last sample to the history."""
    depth = app.services.jobs.depth()
    app.history.take(datetime.now(UTC), depth["queued"], depth["running"])


def _indexes(services: Services) -> list[IndexBody]:
    seqs, chunks = services.replica.seqs(), services.collections.chunks()
    return [
        IndexBody(
            collection=each.name,
            documents=each.documents,
            chunks=chunks.get(each.id, 0),
            bytes=services.replica.bytes_on_disk(each.id),
            lag=max(0, services.changes.head(each.id).seq - seqs[each.id]) if each.id in seqs else None,
        )
        for each in services.collections.list()
    ]


def _route(figures: RouteFigures) -> RouteBody:
    return RouteBody(route=figures.route, requests=figures.requests, times=_times(figures.times))


def _sample(sample: Sample) -> SampleBody:
    return SampleBody(
        at=sample.at,
        requests=sample.requests,
        answers=_times(sample.answers),
        searches=_times(sample.searches),
        queued=sample.queued,
        running=sample.running,
    )


def _times(times: Times) -> TimesBody:
    return TimesBody(count=times.count, p50_ms=times.p50_ms, p95_ms=times.p95_ms)
