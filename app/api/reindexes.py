"""Re-indexing a collection beside the index that answers: begun, shown, cancelled, forced."""

from datetime import datetime

from fastapi import APIRouter, Request

from app.api.bodies import Closed, Reply
from app.api.dependencies import ServicesGiven, audit
from app.db.types import ReindexRecord, ReindexStatus

router = APIRouter(prefix="/v1/admin/collections/{name}/reindex", tags=["collections"])


class ReindexOptions(Closed):
    """How to go about it."""

    without_failed: bool = False


class FailedDocument(Reply):
    """A document that could not be read or embedded."""

    id: str
    name: str
    code: str
    message: str


class Reindex(Reply):
    """How many of the documents have their place in the next generation, or failed; some of those that failed."""

    status: ReindexStatus
    generation: int
    embedder: str
    documents: int
    done: int
    failed: int
    failures: list[FailedDocument]
    started_at: datetime


@router.post("", status_code=202)
def begin(name: str, request: Request, services: ServicesGiven, options: ReindexOptions | None = None) -> Reindex:
    """Make the next generation with the embedder that is set, or go on where one was cancelled or stopped.

    `without_failed` lets one that has stopped answer as it is; what failed answers no more.
    """
    if options is not None and options.without_failed:
        record = services.reindexes.switch_without_failed(name)
    else:
        record = services.reindexes.begin(name, services.embedder.fingerprint)
    audit(request, "collection.reindex", name[:255])
    return shown(record)


@router.get("")
def get(name: str, services: ServicesGiven) -> Reindex:
    """How far it has come; 404 when none is under way."""
    return shown(services.reindexes.get(name))


@router.post("/cancel")
def cancel(name: str, request: Request, services: ServicesGiven) -> Reindex:
    """Stop it. Begun again within the hour, it goes on where it was."""
    record = services.reindexes.cancel(name)
    audit(request, "collection.reindex.cancel", name[:255])
    return shown(record)


def shown(record: ReindexRecord) -> Reindex:
    """A re-index as clients see it."""
    return Reindex(
        status=record.status,
        generation=record.generation,
        embedder=record.fingerprint.partition("|")[0],
        documents=record.documents,
        done=record.done,
        failed=record.failed,
        failures=[
            FailedDocument(id=one.id, name=one.name, code=one.code, message=one.message) for one in record.failures
        ],
        started_at=record.started_at,
    )
