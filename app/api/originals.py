"""Originals: a document's file as it was uploaded, and its pages as images."""

from collections.abc import Iterator
from typing import Annotated, BinaryIO
from urllib.parse import quote

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field
from starlette.background import BackgroundTask
from starlette.responses import StreamingResponse

from app.api.bodies import Id
from app.api.dependencies import KeyGiven, Readable, ServicesGiven, TurnTaken, audit
from app.api.problems import UnknownPage
from app.auth import Forbidden
from app.db.types import DocumentRecord, KeyRecord
from app.wiring import Services
from ingestion.types import DocumentId
from retrieval.types import Box, ChunkId, Condition, Scope

router = APIRouter(tags=["documents"])

_BLOCK = 1 << 16
_PAGE_MAX = 100_000  # where the document does not say how many pages it has
_SCALE = 2.0  # pixels per point of a rendered page
_HEADERS = {"Content-Security-Policy": "sandbox; default-src 'none'", "X-Content-Type-Options": "nosniff"}

_BoxText = Annotated[str, Field(pattern=r"^\d{1,5}(\.\d+)?(,\d{1,5}(\.\d+)?){3}$", max_length=80)]


@router.get("/v1/documents/{id}/file", response_class=Response, responses={200: {"content": {"*/*": {}}}})
def download(id: Id, request: Request, key: KeyGiven, scope: Readable, services: ServicesGiven) -> Response:
    """The original, always as an attachment, never as something that a browser would run."""
    record = services.documents.get(DocumentId(id), scope)
    _permit(record, key)
    content = services.blobs.open(record.blob_key)
    audit(request, "document.download", id)
    headers = {
        **_HEADERS,
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(record.name, safe='')}",
        "Content-Length": str(record.size),
    }
    media_type = "application/octet-stream" if "html" in record.media_type else record.media_type
    return StreamingResponse(_blocks(content), 200, headers, media_type, BackgroundTask(content.close))


@router.get(
    "/v1/documents/{id}/pages/{number}.png", response_class=Response, responses={200: {"content": {"image/png": {}}}}
)
def render_page(
    id: Id,
    number: int,
    key: KeyGiven,
    scope: Readable,
    services: ServicesGiven,
    _: TurnTaken,
    chunk: Annotated[int | None, Query(ge=0, lt=2**63)] = None,
    box: Annotated[tuple[_BoxText, ...], Query(max_length=200)] = (),
) -> Response:
    """A page of a PDF as an image, with a chunk's boxes marked, or those given as `box=x0,y0,x1,y1` in points."""
    record = services.documents.get(DocumentId(id), scope)
    _permit(record, key)
    if record.media_type != "application/pdf" or not 1 <= number <= (record.pages or _PAGE_MAX):
        raise UnknownPage(str(number))
    boxes = [_box(text) for text in box] + (_boxes_of(services, scope, id, chunk, number) if chunk is not None else [])
    with services.blobs.open(record.blob_key) as content:
        png = services.sandbox.render(content.read(), number, boxes, _SCALE)
    return Response(png, media_type="image/png", headers=_HEADERS)


def _permit(record: DocumentRecord, key: KeyRecord) -> None:
    """Originals and pictures of their pages show what was blackened in the text."""
    if record.redacted and key.role != "admin":
        raise Forbidden("personal data is blackened in this collection: its original files are for admins")


def _blocks(content: BinaryIO) -> Iterator[bytes]:
    while block := content.read(_BLOCK):
        yield block


def _box(text: str) -> Box:
    x0, y0, x1, y1 = map(float, text.split(","))
    return x0, y0, x1, y1


def _boxes_of(services: Services, scope: Scope, document: str, chunk: int, page_number: int) -> list[Box]:
    only = (Condition("document.id", "eq", document),)
    placed = services.chunks.placed([ChunkId(chunk)], scope, only)
    regions = [region for found in placed for region in found.placement.regions]
    return [region.box for region in regions if region.page == page_number and region.box is not None]
