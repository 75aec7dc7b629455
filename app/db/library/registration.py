"""Uploads become documents, versions and jobs; bytes that are already there become nothing new."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, cast

from sqlalchemy import and_, func, or_, select, update
from sqlalchemy.orm import Session, aliased

from app.db import tables
from app.db.ids import earliest_id, new_id
from app.db.library.metadata import from_json
from app.db.sql import Row, among, insert_all, storable, unindexed
from ingestion.errors import UnknownDocument
from ingestion.types import Accepted, Blob, BlobKey, DocumentId, MediaType, Metadata, Upload
from retrieval.types import CollectionId

_SIZE_CLASSES: Final = (1 << 16, 1 << 20, 1 << 24)
"""Bytes up to which a file is a note, a paper, a book; what is larger comes last."""
_FIRST_FEW: Final = 8  # files of one upload that are as urgent as their size makes them
_TOGETHER_SECONDS: Final = 60.0
"""What one uploader sends within this time is one upload, in however many requests it comes."""
PENDING: Final = ("queued", "processing")


@dataclass(slots=True)
class Registration:
    """One call's uploads on their way to rows; knows what the collection held before and what came since."""

    collection: CollectionId
    now: datetime
    max_attempts: int
    documents_of: dict[str, DocumentId]
    """By SHA-256: the document that answers with these bytes, or will once its job is done."""
    heading_for: dict[DocumentId, str]
    """By replaced document: the SHA-256 that it answers with, or will once its latest job is done."""
    numbers: dict[DocumentId, int]
    given: dict[DocumentId, Metadata]
    """By replaced document: what its uploader says of it, until an upload brings something else."""
    before: int
    """How many files the same uploader has sent just before these."""
    documents: list[Row] = field(default_factory=list[Row])
    versions: list[Row] = field(default_factory=list[Row])
    jobs: list[tuple[DocumentId, int, Upload]] = field(default_factory=list[tuple[DocumentId, int, Upload]])
    renamed: list[tuple[DocumentId, Upload]] = field(default_factory=list[tuple[DocumentId, Upload]])

    def add(self, upload: Upload) -> Accepted:
        sha256 = upload.blob.sha256
        if upload.document is not None:
            if self.heading_for[upload.document] == sha256:
                return Accepted(upload.document, duplicate=True)
            self.given[upload.document] = upload.metadata or self.given[upload.document]
            self.renamed.append((upload.document, upload))
            return self._new_version(upload.document, upload)
        if sha256 in self.documents_of:
            return Accepted(self.documents_of[sha256], duplicate=True)
        document = DocumentId(new_id("doc"))
        self.given[document] = upload.metadata
        self.documents.append(
            {
                "id": document,
                "collection_id": self.collection,
                "name": storable(upload.name),
                "metadata": dict(upload.metadata),
                "live_version_id": None,
                "created_at": self.now,
                "updated_at": self.now,
            }
        )
        return self._new_version(document, upload)

    def write(self, session: Session) -> None:
        insert_all(session, tables.Document, self.documents)
        for document, upload in self.renamed:
            session.execute(
                update(tables.Document)
                .where(tables.Document.id == document)
                .values(name=storable(upload.name), metadata_=dict(self.given[document]), updated_at=self.now)
            )
        insert_all(session, tables.Version, self.versions)
        made = select(tables.Version.document_id, tables.Version.number, tables.Version.id).where(
            among(tables.Version.document_id, {document for document, _, _ in self.jobs})
        )
        ids = {(document, number): version for document, number, version in session.execute(made)}
        insert_all(
            session,
            tables.Job,
            [
                self._job(document, ids[document, number], upload.uploader, priority(upload.blob.size, position))
                for position, (document, number, upload) in enumerate(self.jobs, self.before)
            ],
        )

    def _new_version(self, document: DocumentId, upload: Upload) -> Accepted:
        sha256 = upload.blob.sha256
        number = self.numbers.get(document, 0) + 1
        self.numbers[document] = number
        self.heading_for[document] = sha256
        self.documents_of.setdefault(sha256, document)
        self.versions.append(
            {
                "document_id": document,
                "number": number,
                "blob_key": upload.blob.key,
                "sha256": sha256,
                "size": upload.blob.size,
                "media_type": upload.media_type,
                "name": storable(upload.name),
                "given_metadata": dict(self.given[document]),
                "own_title": "",
                "own_metadata": {},
                "status": "queued",
                "title": storable(upload.name),
                "metadata": dict(self.given[document]),
                "warnings": [],
                "created_at": self.now,
            }
        )
        self.jobs.append((document, number, upload))
        return Accepted(document, duplicate=False)

    def _job(self, document: DocumentId, version: int, uploader: str | None, priority: int) -> Row:
        return {
            "id": new_id("job"),
            "document_id": document,
            "version_id": version,
            "status": "queued",
            "stage": "parse",
            "priority": priority,
            "uploader": uploader,
            "attempts": 0,
            "max_attempts": self.max_attempts,
            "run_after": 0.0,
            "progress": 0.0,
            "cancel_requested": False,
            "created_at": self.now,
            "updated_at": self.now,
        }


def priority(size: int, position: int) -> int:
    """A file's class by size, the smallest first, and worse the more files of its upload are before it.

    It is one worse past the first few, and one more each time that their number doubles: whoever sends a note, or a
    hundred, waits not for the thousand that somebody else has sent before.
    """
    return bisect_left(_SIZE_CLASSES, size) + (position // _FIRST_FEW).bit_length()


def begin(
    session: Session, collection: CollectionId, uploads: Sequence[Upload], now: datetime, max_attempts: int
) -> Registration:
    """Read what the uploads meet, and lock the documents that they replace. Raises UnknownDocument."""
    replaced = sorted({upload.document for upload in uploads if upload.document is not None})
    heading_for, numbers, given = _replaced(session, collection, replaced)
    return Registration(
        collection=collection,
        now=now,
        max_attempts=max_attempts,
        documents_of=_known(session, collection, {upload.blob.sha256 for upload in uploads}),
        heading_for=heading_for,
        numbers=numbers,
        given=given,
        before=_sent_before(session, uploads[0].uploader) if uploads else 0,
    )


def as_uploaded(version: tables.Version) -> Upload:
    """The upload that would make this version anew, from the original that is kept."""
    return Upload(
        version.name,
        cast("MediaType", version.media_type),
        Blob(BlobKey(version.blob_key), version.sha256, version.size),
        from_json(version.given_metadata),
        DocumentId(version.document_id),
    )


def _sent_before(session: Session, uploader: str | None) -> int:
    recent = tables.Job.id >= earliest_id("job", _TOGETHER_SECONDS)
    mine = (tables.Job.uploader == uploader, tables.Job.generation == tables.UPLOADED)
    return session.scalar(select(func.count()).where(recent, *mine)) or 0


def _known(session: Session, collection: CollectionId, hashes: set[str]) -> dict[str, DocumentId]:
    later = aliased(tables.Version)
    latest = (
        select(func.max(later.number)).where(later.document_id == tables.Document.id).correlate(tables.Document)
    ).scalar_subquery()
    rows = session.execute(
        select(tables.Version.sha256, tables.Document.id)
        .join(tables.Document, tables.Document.id == tables.Version.document_id)
        .where(unindexed(tables.Document.collection_id) == collection, among(tables.Version.sha256, hashes))
        .where(
            or_(
                tables.Document.live_version_id == tables.Version.id,
                and_(tables.Version.status.in_(PENDING), tables.Version.number == latest),
            )
        )
        .order_by(tables.Document.id.desc())
    )
    return {sha256: DocumentId(document) for sha256, document in rows}


def _replaced(
    session: Session, collection: CollectionId, documents: Sequence[DocumentId]
) -> tuple[dict[DocumentId, str], dict[DocumentId, int], dict[DocumentId, Metadata]]:
    if not documents:
        return {}, {}, {}
    found = session.execute(
        select(tables.Document.id, tables.Document.live_version_id, tables.Document.metadata_)
        .where(among(tables.Document.id, documents), tables.Document.collection_id == collection)
        .order_by(tables.Document.id)
        .with_for_update(key_share=True)
    ).all()
    live = {row.id: row.live_version_id for row in found}
    for document in documents:
        if document not in live:
            raise UnknownDocument(f"there is no document {document}")
    versions = session.execute(
        select(tables.Version.document_id, tables.Version.number, tables.Version.id)
        .add_columns(tables.Version.sha256, tables.Version.status)
        .where(among(tables.Version.document_id, documents))
        .order_by(tables.Version.document_id, tables.Version.number)
    )
    heading_for: dict[DocumentId, str] = dict.fromkeys(documents, "")
    numbers: dict[DocumentId, int] = {}
    pending: dict[DocumentId, str | None] = {}
    for name, number, version, sha256, status in versions:
        document = DocumentId(name)
        numbers[document] = number
        pending[document] = sha256 if status in PENDING else None
        if version == live[document]:
            heading_for[document] = sha256
    heading_for.update({document: sha256 for document, sha256 in pending.items() if sha256 is not None})
    return heading_for, numbers, {DocumentId(row.id): from_json(row.metadata_) for row in found}
