"""Whether the process turns, whether the service can answer, and its figures."""

import asyncio
from collections.abc import Iterable
from contextlib import suppress

import structlog
from anyio.to_thread import run_sync
from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from app.api.bodies import Reply
from app.api.dependencies import App, AppGiven
from app.api.description import description_of
from app.api.overview import take_sample
from app.db.errors import DatabaseError
from app.history import SAMPLE_SECONDS
from app.wiring import Services
from retrieval.errors import RetrievalError

router = APIRouter(tags=["health"])

_TIDY_SECONDS = 60.0
_RETRY_SECONDS = 5.0
_PING_SECONDS = 2.0
_OPENED_AT_START = 16  # collections whose indexes are opened before the service says that it is ready

_log = structlog.stdlib.get_logger(__name__)


class Live(Reply):
    """The process turns."""

    status: str = "ok"


class Ready(Reply):
    """Whether the service can answer; a reason for each part that cannot be used."""

    status: str
    reasons: dict[str, str]


@router.get("/livez")
@router.head("/livez")
async def livez() -> Live:
    """200 while the process turns."""
    return Live()


@router.get("/readyz", responses={503: {"model": Ready}})
@router.head("/readyz", responses={503: {"model": Ready}})
async def readyz(app: AppGiven, response: Response) -> Ready:
    """200 when database, model and indexes can be used, else 503 with the reasons."""
    reasons = dict(app.not_ready)
    if not await _database_answers(app.services):
        reasons["database"] = "the database does not answer"
    if reasons:
        response.status_code = 503
        response.headers["Retry-After"] = "2"
    return Ready(status="not ready" if reasons else "ready", reasons=reasons)


@router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
def metrics(app: AppGiven) -> Response:
    """The figures in Prometheus' text format."""
    return Response(generate_latest(app.metrics.registry), headers={"Content-Type": CONTENT_TYPE_LATEST})


@router.get("/openapi.json", include_in_schema=False)
def openapi(request: Request) -> dict[str, object]:
    """The contract, for tools; only for admins, as all that helps an attacker find his way."""
    return description_of(request.app)


async def _database_answers(services: Services) -> bool:
    try:
        async with asyncio.timeout(_PING_SECONDS):
            await run_sync(services.db.ping, abandon_on_cancel=True)
    except (DatabaseError, TimeoutError):
        return False
    return True


async def warm_up(app: App) -> None:
    """Load the model and open the indexes, so that the first question finds both; tried until it succeeds."""
    while True:
        reasons = await run_sync(_open, app.services)
        app.not_ready.clear()
        app.not_ready.update(reasons)
        if not reasons:
            return
        await asyncio.sleep(_RETRY_SECONDS)


async def keep_tidy(app: App) -> None:
    """Let go of indexes that are idle, and of what index files hold of deleted documents."""
    while True:
        await asyncio.sleep(_TIDY_SECONDS)
        try:
            await run_sync(app.services.replica.tidy)
        except (RetrievalError, DatabaseError):
            _log.warning("the indexes could not be tidied; trying again later", exc_info=True)


def _open(services: Services) -> dict[str, str]:
    try:
        opened = [each for each in services.collections.list() if each.documents][:_OPENED_AT_START]
    except DatabaseError:
        _log.warning("collections cannot be listed", exc_info=True)
        return {"indexes": "a collection's indexes cannot be opened: the log says why"}
    reasons: dict[str, str] = {}
    for fingerprint in {each.fingerprint for each in opened} or {services.embedder.fingerprint}:
        try:
            services.embedders.of(fingerprint).embed_queries(["ready"])
        except RetrievalError:
            _log.warning("a model cannot be used", exc_info=True)
            if fingerprint == services.embedder.fingerprint:  # an earlier one's collections are searched by terms
                reasons["model"] = "the embedding model cannot be used: the log says why"
    try:
        for collection in opened:
            services.replica.indexes(collection.id)
    except (RetrievalError, DatabaseError):
        _log.warning("indexes cannot be opened", exc_info=True)
        reasons["indexes"] = "a collection's indexes cannot be opened: the log says why"
    return reasons


async def remember(app: App) -> None:
    """Add to the history of the figures, sample by sample."""
    while True:
        with suppress(DatabaseError):
            await run_sync(take_sample, app)
        await asyncio.sleep(SAMPLE_SECONDS)


class StoredFigures(Collector):
    """Jobs by status, and what the indexes have yet to catch up with; asked of the database when somebody looks."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def collect(self) -> Iterable[Metric]:
        """Nothing, while the database is away: the rest of the figures still matters."""
        jobs = GaugeMetricFamily("openbook_jobs", "Jobs by status.", labels=["status"])
        lag = GaugeMetricFamily("openbook_index_lag", "Changes not yet in an open index.", labels=["collection"])
        try:
            for status, count in self._services.jobs.depth().items():
                jobs.add_metric([status], count)
            seqs = self._services.replica.seqs()
            for name, collection in self._services.collections.ids().items():
                if collection in seqs:
                    seq = self._services.changes.head(collection).seq
                    lag.add_metric([name], max(0, seq - seqs[collection]))
        except (DatabaseError, RetrievalError):
            return
        yield from (jobs, lag)
