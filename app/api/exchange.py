"""Collections as files: exported with originals, chunks and vectors, and imported."""

import errno
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, BinaryIO
from urllib.parse import quote

from fastapi import APIRouter, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from starlette.background import BackgroundTask
from starlette.responses import StreamingResponse

from app import auth
from app.api.bodies import CollectionName, Reply
from app.api.dependencies import KeyGiven, ServicesGiven, TransferHeld, audit
from app.archives import exchange
from app.db.types import KeyRecord
from app.wiring import Services

router = APIRouter(prefix="/v1/admin/collections", tags=["collections"])

MEDIA_TYPE = "application/x-tar"
_BLOCK = 1 << 20
_LOOK_BYTES = 64 << 20
_REFUSED_SHOWN = 100  # documents of an import, with the reasons
_SPARED_BYTES = 256 << 20
"""Room on the disk that a file on its way in leaves to all others."""


Anew = Annotated[bool, Query(description="Ingest the originals again, whatever the chunks and vectors are.")]


class ImportedCollection(Reply):
    """What became of a file's documents; `waiting` are queued, to be read and embedded by a worker."""

    collection: str
    documents: int
    duplicates: int
    waiting: int
    refused: list[str]


@router.get("/{name}/export", response_class=Response, responses={200: {"content": {MEDIA_TYPE: {}}}})
def export_collection(name: str, request: Request, key: KeyGiven, services: ServicesGiven, _: TransferHeld) -> Response:
    """The collection at this instant as one file; made whole before its first byte is sent."""
    [collection] = auth.scope_of(services.collections, key, [name]).collections
    file = tempfile.TemporaryFile(dir=services.settings.data_dir)  # noqa: SIM115  # the reply closes it
    try:
        documents = exchange.export(services, collection, file)
        audit(request, "collection.export", name[:255], f"{documents} documents")
        size = file.tell()
        file.seek(0)
    except BaseException:
        file.close()
        raise
    headers = {
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}.tar",
        "Content-Length": str(size),
    }
    return StreamingResponse(_blocks(file), 200, headers, MEDIA_TYPE, BackgroundTask(file.close))


@router.post("/import", openapi_extra={"requestBody": {"required": True, "content": {MEDIA_TYPE: {}}}})
async def import_collection(
    request: Request,
    key: KeyGiven,
    services: ServicesGiven,
    _: TransferHeld,
    collection: Annotated[CollectionName | None, Query()] = None,
    anew: Anew = False,  # noqa: FBT002  # a query's parameter
) -> ImportedCollection:
    """Take in an exported collection, the request's body, under its own name or another; all of it is checked first."""
    with tempfile.TemporaryFile(dir=services.settings.data_dir) as file:
        await _receive(request, file, services.settings.data_dir)
        imported = await run_in_threadpool(_import, services, key, file, collection, anew=anew)
    told = f"{imported.documents + imported.waiting} documents"
    await run_in_threadpool(audit, request, "collection.import", imported.collection, told)
    return imported


def _import(services: Services, key: KeyRecord, file: BinaryIO, name: str | None, *, anew: bool) -> ImportedCollection:
    if key.collections is not None:
        auth.scope_of(services.collections, key, [name or ""])  # a limited key names one of its own
    imported = exchange.take_in(services, file, name, anew=anew)
    return ImportedCollection(
        collection=imported.collection,
        documents=imported.documents,
        duplicates=imported.duplicates,
        waiting=imported.waiting,
        refused=imported.refused[:_REFUSED_SHOWN],
    )


async def _receive(request: Request, file: BinaryIO, folder: Path) -> None:
    """The body, as far as the disk has room for it and for others."""
    seen = looked = 0
    declared = request.headers.get("content-length", "0")
    _require_room(folder, int(declared) if declared.isdecimal() else 0)
    async for piece in request.stream():
        seen += len(piece)
        if seen - looked >= _LOOK_BYTES:
            looked = seen
            _require_room(folder, 0)
        await run_in_threadpool(file.write, piece)


def _require_room(folder: Path, size: int) -> None:
    if shutil.disk_usage(folder).free < size + _SPARED_BYTES:
        raise OSError(errno.ENOSPC, "no room for this file")


def _blocks(file: BinaryIO) -> Iterator[bytes]:
    while block := file.read(_BLOCK):
        yield block
