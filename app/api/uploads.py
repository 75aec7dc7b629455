"""Uploads: new documents, and new versions of those there are."""

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, File, Form, Request, UploadFile
from pydantic import TypeAdapter, ValidationError

from app import auth
from app.api.bodies import METADATA_BYTES, CollectionName, GivenMetadata, Id, Reply
from app.api.dependencies import KeyGiven, Readable, ServicesGiven, audit
from app.api.documents import Document, fields_of
from app.api.forms import FormRoute, closed_form
from app.api.idempotency import IdempotencyKey, hash_of, once
from app.api.problems import InvalidRequest, problem, request_id_of, told
from app.db.types import KeyRecord
from app.wiring import Services
from ingestion.errors import IngestionError
from ingestion.intake import IncomingFile
from ingestion.types import Accepted, DocumentId, Metadata
from retrieval.types import CollectionId, MetadataValue, Scope

router = APIRouter(tags=["documents"], route_class=FormRoute)

DEFAULT_COLLECTION = "default"
_METADATA = TypeAdapter[dict[str, MetadataValue]](GivenMetadata)


class UploadedDocument(Document):
    """What became of an upload; `duplicate` says that the same bytes were there before."""

    duplicate: bool


class RefusedFile(Reply):
    """A file that was not taken, and why."""

    name: str
    problem: Mapping[str, Any]


class Uploaded(Reply):
    """One entry per file, in order."""

    documents: list[UploadedDocument | RefusedFile]


Files = Annotated[list[UploadFile], File(min_length=1)]
MetadataJson = Annotated[str, Form(max_length=METADATA_BYTES)]
Password = Annotated[str | None, Form(max_length=1024)]


@router.post(
    "/v1/admin/documents",
    status_code=202,
    response_model=Uploaded,
    dependencies=[Depends(closed_form("collection", "metadata", "password", several="file"))],
)
def upload(
    file: Files,
    request: Request,
    key: KeyGiven,
    services: ServicesGiven,
    collection: Annotated[CollectionName, Form()] = DEFAULT_COLLECTION,
    metadata: MetadataJson = "{}",
    password: Password = None,
    idempotency_key: IdempotencyKey = None,
) -> Mapping[str, Any]:
    """Take files in: what is accepted is stored before the reply, and read by a worker after it."""
    given = parsed_metadata(metadata)
    files = [IncomingFile(part.filename or "", part.file, given, password) for part in file]

    def work() -> Mapping[str, Any]:
        return _take(services, request, files, _collection(services, key, collection), key)

    texts = ("POST", collection, metadata, *([password] if password else []))
    return once(services.idempotency, key.id, idempotency_key, lambda: _hash(texts, files), work, 202)


@router.put(
    "/v1/admin/documents/{id}",
    status_code=202,
    response_model=UploadedDocument,
    dependencies=[Depends(closed_form("file", "metadata", "password"))],
)
def replace(
    id: Id,
    file: Annotated[UploadFile, File()],
    request: Request,
    key: KeyGiven,
    scope: Readable,
    services: ServicesGiven,
    metadata: MetadataJson = "{}",
    password: Password = None,
    idempotency_key: IdempotencyKey = None,
) -> Mapping[str, Any]:
    """A new version: the old one answers until the new one is ready. Without metadata the old one's stays."""
    document = DocumentId(id)
    given = parsed_metadata(metadata)
    files = [IncomingFile(file.filename or "", file.file, given, password, document)]

    def work() -> Mapping[str, Any]:
        record = services.documents.get(document, scope)
        return _take(services, request, files, _collection(services, key, record.collection), key)["documents"][0]

    texts = ("PUT", id, metadata, *([password] if password else []))
    return once(services.idempotency, key.id, idempotency_key, lambda: _hash(texts, files), work, 202)


def parsed_metadata(text: str) -> Metadata:
    """The form's JSON object; raises InvalidRequest for what no filter could compare."""
    try:
        return _METADATA.validate_python(json.loads(text))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, ("metadata", *first["loc"])))[:100]
        raise InvalidRequest(f"{place}: {told(first)}") from error
    except (ValueError, RecursionError) as error:
        raise InvalidRequest("metadata is not a JSON object") from error


def _take(
    services: Services, request: Request, files: Sequence[IncomingFile], collection: CollectionId, key: KeyRecord
) -> dict[str, Any]:
    """The intake's outcomes as the reply's JSON; the only file's refusal is the whole reply's."""
    outcomes = services.intake.accept_all(files, collection, key.id)
    if len(outcomes) == 1 and isinstance(outcomes[0], IngestionError):
        audit(request, "document.upload", files[0].name, outcomes[0].code)
        raise outcomes[0]
    scope = Scope(frozenset([collection]))
    accepted = {outcome.document for outcome in outcomes if isinstance(outcome, Accepted)}
    records = services.documents.each(accepted, scope)
    entries: list[UploadedDocument | RefusedFile] = []
    for file, outcome in zip(files, outcomes, strict=True):
        if isinstance(outcome, Accepted):
            fields = fields_of(records[outcome.document])
            entries.append(UploadedDocument(**fields, duplicate=outcome.duplicate))
        else:
            entries.append(RefusedFile(name=file.name, problem=problem(outcome, request_id_of(request.scope)).body))
    taken = [entry.id for entry in entries if isinstance(entry, UploadedDocument)]
    # one row for the request, named by its first document: a row per file would cost a commit per file
    audit(request, "document.upload", taken[0] if taken else None, f"{len(taken)} of {len(entries)}")
    return Uploaded(documents=entries).model_dump(mode="json")


def _collection(services: Services, key: KeyRecord, name: str) -> CollectionId:
    if name == DEFAULT_COLLECTION:
        services.collections.ensure(name, services.embedder.fingerprint)
    return next(iter(auth.scope_of(services.collections, key, [name]).collections))


def _hash(texts: tuple[str, ...], files: Sequence[IncomingFile]) -> str:
    return hash_of(texts, [(file.name, file.content) for file in files])
