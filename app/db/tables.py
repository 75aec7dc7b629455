"""The schema: one class per table, the same on SQLite and PostgreSQL. These classes never leave `app/db`."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Text,
    TypeDecorator,
    UniqueConstraint,
    false,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

RowId = BigInteger().with_variant(Integer, "sqlite")  # only INTEGER is a rowid on SQLite
NEVER_REUSED = {"sqlite_autoincrement": True}
"""SQLite gives the highest id out again once its row is gone; indexes and citations would take the new for the old."""
UPLOADED = 0
"""The generation of a job that no re-index asked for."""

# Of these few rows alone there is an index.
RETIRED = text("retired_at IS NOT NULL")
UNREADY = text("status <> 'ready'")
UNANSWERED = text("texts IS NULL")


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC time on both databases; SQLite alone would drop the zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return value.astimezone(UTC) if value is not None else None

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """Names every constraint, so that migrations can speak of it on both databases."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {datetime: UtcDateTime, str: Text, bytes: LargeBinary}  # noqa: RUF012


class Collection(Base):
    """A set of documents that is searched, permitted and re-indexed as one.

    `seq` counts its change log, of which all before `log_start` may be gone.
    `generation` is the one that answers, since `switched_at` or from the beginning; `pipeline` cut its chunks, where
    that is known, and the embedder of `fingerprint` embedded them. `adapter` is the served model's for answers over it.
    """

    __tablename__ = "collections"
    __table_args__ = NEVER_REUSED

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    name: Mapped[str] = mapped_column(String(64), unique=True)
    generation: Mapped[int] = mapped_column(Integer, default=1)
    fingerprint: Mapped[str]
    redact: Mapped[list[str] | None] = mapped_column(JSON)
    pipeline: Mapped[str | None]
    adapter: Mapped[str | None] = mapped_column(String(200))
    seq: Mapped[int] = mapped_column(BigInteger, default=0)
    log_start: Mapped[int] = mapped_column(BigInteger, server_default="1")
    switched_at: Mapped[datetime | None]
    created_at: Mapped[datetime]


class Reindex(Base):
    """A generation that is being made beside the one that answers; documents up to `planned_to` have had their job."""

    __tablename__ = "reindexes"

    collection_id: Mapped[int] = mapped_column(ForeignKey("collections.id", ondelete="CASCADE"), primary_key=True)
    generation: Mapped[int]
    fingerprint: Mapped[str]
    pipeline: Mapped[str]
    planned_to: Mapped[str] = mapped_column(String(40))
    started_at: Mapped[datetime]
    cancelled_at: Mapped[datetime | None]


class Embedder(Base):
    """Where the embedder of a fingerprint is to be had; `dim` is known once something was embedded by it."""

    __tablename__ = "embedders"

    fingerprint: Mapped[str] = mapped_column(String(255), primary_key=True)
    model: Mapped[str]
    url: Mapped[str | None]
    dim: Mapped[int | None]


class Document(Base):
    """What people upload under a name; `live_version_id` is the version that answers, if any does yet."""

    __tablename__ = "documents"
    __table_args__ = (
        Index(None, "collection_id", "id"),
        Index(None, "updated_at", "id"),
        Index("ix_documents_by_name", text("lower(name)"), "id"),
        Index(None, "collection_id", "updated_at", "id"),
        Index("ix_documents_collection_by_name", "collection_id", text("lower(name)"), "id"),
    )

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    collection_id: Mapped[int] = mapped_column(ForeignKey("collections.id"))
    name: Mapped[str]
    metadata_: Mapped[dict[str, Any]] = mapped_column("metadata", JSON)
    live_version_id: Mapped[int | None] = mapped_column(
        ForeignKey("versions.id", ondelete="SET NULL", use_alter=True), index=True
    )
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class Version(Base):
    """One state of a document's file; placements and metadata values hang on it.

    `title` and `metadata` follow from what the file says of itself (own) and what its uploader says (name, given).
    A retired one is as good as deleted: the sweep takes away piece by piece what hangs on it, then the row.
    """

    __tablename__ = "versions"
    __table_args__ = (
        UniqueConstraint("document_id", "number"),
        Index(None, "blob_key"),
        Index(None, "retired_at", sqlite_where=RETIRED, postgresql_where=RETIRED),
        Index(None, "status", sqlite_where=UNREADY, postgresql_where=UNREADY),
        NEVER_REUSED,
    )

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    document_id: Mapped[str] = mapped_column(ForeignKey("documents.id", ondelete="CASCADE"))
    number: Mapped[int]
    blob_key: Mapped[str] = mapped_column(String(128))
    sha256: Mapped[str] = mapped_column(String(64), index=True)
    size: Mapped[int] = mapped_column(BigInteger)
    media_type: Mapped[str] = mapped_column(String(100))
    name: Mapped[str]
    given_metadata: Mapped[dict[str, Any]] = mapped_column(JSON)
    own_title: Mapped[str]
    own_metadata: Mapped[dict[str, Any]] = mapped_column(JSON)
    status: Mapped[str] = mapped_column(String(16))
    error_code: Mapped[str | None] = mapped_column(String(64))
    error_message: Mapped[str | None]
    title: Mapped[str]
    language: Mapped[str | None] = mapped_column(String(8))
    effective_at: Mapped[datetime | None]
    metadata_: Mapped[dict[str, Any]] = mapped_column("metadata", JSON)
    warnings: Mapped[list[str]] = mapped_column(JSON)
    counts: Mapped[dict[str, int] | None] = mapped_column(JSON)
    pages: Mapped[int | None]
    chunks: Mapped[int | None]
    created_at: Mapped[datetime]
    published_at: Mapped[datetime | None]
    retired_at: Mapped[datetime | None]


class DroppedBlob(Base):
    """An original that no version refers to any more, until it is deleted from the blob store."""

    __tablename__ = "dropped_blobs"

    key: Mapped[str] = mapped_column(String(128), primary_key=True)


class MetadataValue(Base):
    """One value of one metadata key of a version, as a filter compares it; a list has a row per element."""

    __tablename__ = "metadata_values"
    __table_args__ = (Index(None, "version_id", "key"), Index(None, "key", "text"), Index(None, "key", "number"))

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    version_id: Mapped[int] = mapped_column(ForeignKey("versions.id", ondelete="CASCADE"))
    key: Mapped[str] = mapped_column(String(64))
    text: Mapped[str | None] = mapped_column(String(1024))
    number: Mapped[float | None]


class ParsedBlob(Base):
    """Step one's result: a file's blocks as compressed JSON, by the file's hash and the parser's version."""

    __tablename__ = "parsed_blobs"

    collection_id: Mapped[int] = mapped_column(ForeignKey("collections.id", ondelete="CASCADE"), primary_key=True)
    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    parser: Mapped[str] = mapped_column(String(64), primary_key=True)
    content: Mapped[bytes]
    created_at: Mapped[datetime]


class Embedding(Base):
    """Vectors of exactly one model input: the chunk's and, concatenated, its sentences', little-endian fp16.

    A large document's are written in pieces with their chunks, which stand nowhere yet: while the job of `job_id` is
    queued or running, both are kept for it.
    """

    __tablename__ = "embeddings"
    __table_args__ = (
        UniqueConstraint("key", "collection_id", "fingerprint"),
        Index(None, "job_id", sqlite_where=text("job_id IS NOT NULL"), postgresql_where=text("job_id IS NOT NULL")),
    )

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    collection_id: Mapped[int] = mapped_column(ForeignKey("collections.id", ondelete="CASCADE"))
    fingerprint: Mapped[str] = mapped_column(String(255))
    key: Mapped[str] = mapped_column(String(64))
    vector: Mapped[bytes]
    sentence_vectors: Mapped[bytes]
    job_id: Mapped[str | None] = mapped_column(String(40))


class Chunk(Base):
    """A text that is found as one; the same input in one collection and generation is one chunk, wherever it stands."""

    __tablename__ = "chunks"
    __table_args__ = (UniqueConstraint("key", "collection_id", "generation"), NEVER_REUSED)

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    collection_id: Mapped[int] = mapped_column(ForeignKey("collections.id", ondelete="CASCADE"))
    generation: Mapped[int]
    key: Mapped[str] = mapped_column(String(64))
    text: Mapped[str]
    headings: Mapped[list[str]] = mapped_column(JSON)
    sentences: Mapped[list[list[int]]] = mapped_column(JSON)
    language: Mapped[str] = mapped_column(String(8))
    tokens: Mapped[int]
    embedding_id: Mapped[int] = mapped_column(ForeignKey("embeddings.id"), index=True)


class HypotheticalQuestions(Base):
    """What a language model says a text answers, by the text's key; `texts` is empty while one is being asked.

    Until `lease_until` (seconds since 1970, on database time) nobody else asks it.
    """

    __tablename__ = "hypothetical_questions"
    __table_args__ = (Index(None, "collection_id", sqlite_where=UNANSWERED, postgresql_where=UNANSWERED),)

    collection_id: Mapped[int] = mapped_column(ForeignKey("collections.id", ondelete="CASCADE"), primary_key=True)
    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    texts: Mapped[list[str] | None] = mapped_column(JSON(none_as_null=True))
    lease_until: Mapped[float | None] = mapped_column(Float(53))


class Placement(Base):
    """Where a chunk stands in a version. Regions are [start, end, page, x0, y0, x1, y1] or [start, end, page].

    `page_labels` are what is printed on its pages, one for each, where the document's say more than their number.
    """

    __tablename__ = "placements"

    version_id: Mapped[int] = mapped_column(ForeignKey("versions.id", ondelete="CASCADE"), primary_key=True)
    generation: Mapped[int] = mapped_column(Integer, primary_key=True)
    ordinal: Mapped[int] = mapped_column(Integer, primary_key=True)
    chunk_id: Mapped[int] = mapped_column(ForeignKey("chunks.id"), index=True)
    pages: Mapped[list[int]] = mapped_column(JSON)
    regions: Mapped[list[list[float]]] = mapped_column(JSON)
    page_labels: Mapped[list[str] | None] = mapped_column(JSON(none_as_null=True))


class Change(Base):
    """One row per published or forgotten version: which chunks came alive and which ceased, as int64 arrays."""

    __tablename__ = "changes"

    collection_id: Mapped[int] = mapped_column(ForeignKey("collections.id", ondelete="CASCADE"), primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    generation: Mapped[int]
    added: Mapped[bytes]
    removed: Mapped[bytes]
    created_at: Mapped[datetime]


class Pin(Base):
    """While one is there and not overdue on database time (seconds since 1970), no original is deleted."""

    __tablename__ = "pins"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    until: Mapped[float] = mapped_column(Float(53))


class Job(Base):
    """A piece of work under a lease on database time (seconds since 1970); `worker` and `attempts` are its fence.

    `generation` is a re-index's, or UPLOADED: then it goes live in whichever answers at that time.
    `done` of `total` are pages while its stage is `parse`, and chunks after it. `uploader` is the id of a key.
    """

    __tablename__ = "jobs"
    __table_args__ = (
        Index(None, "status", "priority", "id"),
        Index(None, "document_id"),
        UniqueConstraint("version_id", "generation"),
    )

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    document_id: Mapped[str] = mapped_column(ForeignKey("documents.id", ondelete="CASCADE"))
    version_id: Mapped[int] = mapped_column(ForeignKey("versions.id", ondelete="CASCADE"))
    generation: Mapped[int] = mapped_column(Integer, server_default="0")
    status: Mapped[str] = mapped_column(String(16))
    stage: Mapped[str] = mapped_column(String(16))
    priority: Mapped[int]
    uploader: Mapped[str | None] = mapped_column(String(40))
    attempts: Mapped[int]
    max_attempts: Mapped[int]
    run_after: Mapped[float] = mapped_column(Float(53))
    lease_until: Mapped[float | None] = mapped_column(Float(53))
    worker: Mapped[str | None] = mapped_column(String(80))
    progress: Mapped[float]
    done: Mapped[int | None]
    total: Mapped[int | None]
    cancel_requested: Mapped[bool]
    error_code: Mapped[str | None] = mapped_column(String(64))
    error_message: Mapped[str | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class Key(Base):
    """A credential by the SHA-256 of its secret: an API key, or a session or one-time login made from one."""

    __tablename__ = "keys"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    kind: Mapped[str] = mapped_column(String(8))
    name: Mapped[str] = mapped_column(String(100))
    role: Mapped[str] = mapped_column(String(8))
    sha256: Mapped[str] = mapped_column(String(64), unique=True)
    parent_id: Mapped[str | None] = mapped_column(ForeignKey("keys.id", ondelete="CASCADE"), index=True)
    limited: Mapped[bool]
    expires_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    last_used_at: Mapped[datetime | None]


class KeyCollection(Base):
    """A collection that a limited key may read; a limited key without rows may read nothing."""

    __tablename__ = "key_collections"

    key_id: Mapped[str] = mapped_column(ForeignKey("keys.id", ondelete="CASCADE"), primary_key=True)
    collection_id: Mapped[int] = mapped_column(ForeignKey("collections.id", ondelete="CASCADE"), primary_key=True)


class Idempotency(Base):
    """The reply that a key's Idempotency-Key got, replayed to its retries; `request` is the request's hash."""

    __tablename__ = "idempotency"

    key_id: Mapped[str] = mapped_column(ForeignKey("keys.id", ondelete="CASCADE"), primary_key=True)
    idempotency_key: Mapped[str] = mapped_column(String(255), primary_key=True)
    request: Mapped[str] = mapped_column(String(64))
    status: Mapped[int | None]
    body: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    created_at: Mapped[datetime]


class Conversation(Base):
    """Questions and answers of one asker that build on each other."""

    __tablename__ = "conversations"
    __table_args__ = (Index(None, "key_id", "id"),)

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    key_id: Mapped[str] = mapped_column(ForeignKey("keys.id", ondelete="CASCADE"))
    title: Mapped[str]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class Message(Base):
    """A question with its answer's whole body; `conversation_id` is empty for a question asked on its own.

    A shared one may be read by every key that may read all that it cites.
    """

    __tablename__ = "messages"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    key_id: Mapped[str] = mapped_column(ForeignKey("keys.id", ondelete="CASCADE"), index=True)
    conversation_id: Mapped[str | None] = mapped_column(ForeignKey("conversations.id", ondelete="CASCADE"), index=True)
    question: Mapped[str]
    answer: Mapped[dict[str, Any]] = mapped_column(JSON)
    shared: Mapped[bool] = mapped_column(default=False, server_default=false())
    created_at: Mapped[datetime]


class Feedback(Base):
    """What an asker thought of an answer; the last word counts."""

    __tablename__ = "feedback"

    message_id: Mapped[str] = mapped_column(ForeignKey("messages.id", ondelete="CASCADE"), primary_key=True)
    rating: Mapped[int]
    comment: Mapped[str | None]
    created_at: Mapped[datetime]


class Calibration(Base):
    """Below which evidence to abstain, found with an embedder's vectors on this scale of evidence."""

    __tablename__ = "calibrations"

    fingerprint: Mapped[str] = mapped_column(String(255), primary_key=True)
    scale: Mapped[int]
    abstain_below: Mapped[float] = mapped_column(Float(53))
    false_refusals: Mapped[float] = mapped_column(Float(53))
    answerable: Mapped[int]
    created_at: Mapped[datetime]


class Evaluation(Base):
    """The summary of a finished evaluation, as it was given."""

    __tablename__ = "evaluations"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    summary: Mapped[dict[str, Any]] = mapped_column(JSON)
    created_at: Mapped[datetime]


class Audit(Base):
    """Who did what to which object, when, from where, with what result; each row's hash covers the one before."""

    __tablename__ = "audit"

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    created_at: Mapped[datetime]
    key_id: Mapped[str | None] = mapped_column(String(40))
    action: Mapped[str] = mapped_column(String(64))
    target: Mapped[str | None] = mapped_column(String(255))
    result: Mapped[str] = mapped_column(String(32))
    address: Mapped[str | None] = mapped_column(String(64))
    request_id: Mapped[str | None] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64))
