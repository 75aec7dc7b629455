"""What the stores give: frozen records of rows, and pages of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, Literal, NewType, TypeAlias, TypeVar

from ingestion.types import BlobKey, DocumentId, JobId, Metadata, PersonalKind, VersionId, VersionStatus
from retrieval.types import ChunkId, CollectionId, Region, Span

KeyId = NewType("KeyId", str)
ConversationId = NewType("ConversationId", str)
AnswerId = NewType("AnswerId", str)

Role: TypeAlias = Literal["admin", "reader"]
KeyKind: TypeAlias = Literal["api", "session", "login"]
ReindexStatus: TypeAlias = Literal["running", "stopped", "cancelled"]
DocumentSort: TypeAlias = Literal["created", "-created", "name", "-name", "updated", "-updated", "size", "-size"]
"""What documents are sorted by; with a minus from the last to the first."""
JobStatus: TypeAlias = Literal["queued", "running", "succeeded", "failed", "cancelled"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Paged(Generic[T]):
    """One page of a list; `next_cursor` is None on the last."""

    rows: tuple[T, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class CollectionRecord:
    """A collection with the number of its documents."""

    id: CollectionId
    name: str
    generation: int
    fingerprint: str
    documents: int
    redact: tuple[PersonalKind, ...]
    pipeline: str | None
    adapter: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class FailedDocument:
    """A document that a re-index could not read or embed, and why."""

    id: DocumentId
    name: str
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class ReindexRecord:
    """A generation that is being made: how many of the documents that answer have their place in it, or failed.

    It is stopped when nothing but failures keeps it from answering; some of them are told.
    """

    collection: str
    generation: int
    fingerprint: str
    status: ReindexStatus
    documents: int
    done: int
    failed: int
    failures: tuple[FailedDocument, ...]
    started_at: datetime


@dataclass(frozen=True, slots=True)
class EmbedderRecord:
    """Where the embedder of a fingerprint is to be had: `model` as it was set; `dim` once it has embedded something."""

    fingerprint: str
    model: str
    url: str | None
    dim: int | None


@dataclass(frozen=True, slots=True)
class DocumentRecord:
    """A document as the API shows it: file facts of the version that serves, or of the latest while none serves yet.

    `version` is the serving version's number, None while there is none; `status` and the error are the serving
    version's or, without one, the latest's. `redacted` says that its collection has personal data blackened.
    """

    id: DocumentId
    collection: str
    name: str
    title: str
    media_type: str
    size: int
    sha256: str
    blob_key: BlobKey
    language: str | None
    metadata: Metadata
    effective_at: datetime | None
    version: int | None
    latest_version: int
    latest_status: VersionStatus
    pages: int | None
    chunks: int | None
    warnings: tuple[str, ...]
    counts: Mapping[str, int]
    redacted: bool
    status: VersionStatus
    error_code: str | None
    error_message: str | None
    job_id: JobId | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class VersionRecord:
    """One version of a document; `live` says that it is the one that answers."""

    id: VersionId
    number: int
    status: VersionStatus
    live: bool
    name: str
    title: str
    metadata: Metadata
    media_type: str
    size: int
    sha256: str
    blob_key: BlobKey
    pages: int | None
    chunks: int | None
    counts: Mapping[str, int]
    error_code: str | None
    error_message: str | None
    created_at: datetime
    published_at: datetime | None


@dataclass(frozen=True, slots=True)
class ChunkRecord:
    """A chunk of a document's serving version, in reading order."""

    id: ChunkId
    ordinal: int
    text: str
    headings: tuple[str, ...]
    pages: tuple[int, ...]
    tokens: int
    regions: tuple[Region, ...]
    language: str
    page_labels: tuple[str, ...] = ()


ChunkChange: TypeAlias = Literal["added", "removed", "kept"]


@dataclass(frozen=True, slots=True)
class ComparedChunk:
    """What became of a chunk from one version to another; a removed one is told as it stood in the first."""

    change: ChunkChange
    chunk: ChunkRecord


@dataclass(frozen=True, slots=True)
class Comparison:
    """How two versions differ: how many chunks of each kind in all, and a page of them in reading order."""

    added: int
    removed: int
    kept: int
    chunks: Paged[ComparedChunk]


@dataclass(frozen=True, slots=True)
class JobRecord:
    """A job as the API shows it; `done` of `total` are pages at the stage `parse`, else chunks.

    `version_status` is that of the version that it reads.
    """

    id: JobId
    document_id: DocumentId
    status: JobStatus
    version_status: VersionStatus
    stage: str
    progress: float
    done: int | None
    total: int | None
    attempts: int
    error_code: str | None
    error_message: str | None
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """Who asks: a credential's owner, role and grants. `collections` is None where the key is not limited.

    `id` is the API key's own, also when a session or a login made from it was presented; `credential` is the row's.
    """

    id: KeyId
    credential: KeyId
    kind: KeyKind
    name: str
    role: Role
    collections: frozenset[CollectionId] | None
    created_at: datetime
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True)
class ConversationRecord:
    """A conversation's head; its messages come on their own."""

    id: ConversationId
    title: str
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class MessageRecord:
    """A question and the whole body of its answer."""

    id: AnswerId
    conversation_id: ConversationId | None
    question: str
    answer: Mapping[str, Any]
    rating: int | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class RatedRecord:
    """A question and its answer with what the asker thought of it."""

    message: MessageRecord
    comment: str | None


@dataclass(frozen=True, slots=True)
class CalibrationRecord:
    """A threshold that refuses this share of so many questions that the documents answer, and when it was found."""

    abstain_below: float
    false_refusals: float
    answerable: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class TrainingChunk:
    """A live chunk as a model is tuned by it: where it stands, its headings, text and sentences."""

    id: ChunkId
    document: str
    headings: tuple[str, ...]
    text: str
    sentences: tuple[Span, ...]
    language: str


@dataclass(frozen=True, slots=True)
class Unasked:
    """A chunk that no hypothetical question is known for, by its key."""

    key: str
    headings: tuple[str, ...]
    text: str
    language: str


@dataclass(frozen=True, slots=True)
class LikedQuestion:
    """A question whose answer was liked, and the chunks that the answer cites."""

    text: str
    chunks: frozenset[ChunkId]


@dataclass(frozen=True, slots=True)
class EvaluationRecord:
    """The summary of a finished evaluation."""

    id: str
    summary: Mapping[str, Any]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Reply:
    """A stored reply to an idempotent request; status None while the first one is still being worked on."""

    request: str
    status: int | None
    body: Mapping[str, Any] | None
