"""What flows through ingestion: an upload becomes a document's version, then blocks, chunk drafts and a publication."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NewType, TypeAlias

from retrieval.types import CollectionId, MetadataValue, PassageEmbedding, Region, Span

DocumentId = NewType("DocumentId", str)
VersionId = NewType("VersionId", int)
JobId = NewType("JobId", str)
WorkerId = NewType("WorkerId", str)
BlobKey = NewType("BlobKey", str)

Metadata: TypeAlias = Mapping[str, MetadataValue]
MediaType: TypeAlias = Literal[
    "application/pdf",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "text/html",
    "text/markdown",
    "text/plain",
]
BlockKind: TypeAlias = Literal["heading", "paragraph", "list", "table", "code"]
Stage: TypeAlias = Literal["parse", "publish"]
PersonalKind: TypeAlias = Literal["email", "phone", "iban", "card", "id", "ip"]
"""Personal data that a collection may have blackened; `id` is any number that a state gives to a person."""
VersionStatus: TypeAlias = Literal["queued", "processing", "ready", "partial", "failed"]


@dataclass(frozen=True, slots=True)
class Blob:
    """A file at rest: where it lies, what it is."""

    key: BlobKey
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that passed the intake's checks and lies in the blob store; `document` names the one that it replaces.

    `uploader` is whoever sent it, None for nobody in particular: the queue gives all of them their turns.
    """

    name: str
    media_type: MediaType
    blob: Blob
    metadata: Metadata
    document: DocumentId | None = None
    uploader: str | None = None


@dataclass(frozen=True, slots=True)
class Accepted:
    """What became of an upload: its document, and whether the same bytes were there before."""

    document: DocumentId
    duplicate: bool


@dataclass(frozen=True, slots=True)
class Block:
    """A heading, paragraph, list, table or piece of code; regions say where its text stands on pages, if it has any.

    `level` is 1-6 for a heading and 0 for all else. Table rows are lines, cells parted by " | ".
    """

    kind: BlockKind
    text: str
    level: int = 0
    regions: tuple[Region, ...] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """One page's size in points, after rotation and cropping, with its printed label if it has one.

    `textless`: there are images on it and no text but a stamp or a footer, so that only its picture can be read.
    """

    number: int
    width: float
    height: float
    label: str | None
    textless: bool = False


@dataclass(frozen=True, slots=True)
class ParsedDocument:
    """A file as read: blocks in reading order; pages where the format has them; warnings name what was not read.

    `counts` says how much each step of cleaning found or left out, by the step's name; what is not there is nought.
    """

    title: str
    blocks: tuple[Block, ...]
    pages: tuple[Page, ...]
    metadata: Metadata
    warnings: tuple[str, ...]
    counts: Mapping[str, int] = field(default_factory=dict[str, int])


@dataclass(frozen=True, slots=True)
class ChunkDraft:
    """A chunk before it has an id. `key` is the SHA-256 (hex) of what the model sees; `prefix` is its first part."""

    key: str
    prefix: str
    text: str
    headings: tuple[str, ...]
    sentences: tuple[Span, ...]
    regions: tuple[Region, ...]
    pages: tuple[int, ...]
    language: str
    tokens: int
    page_labels: tuple[str, ...] = ()
    """What is printed on each of `pages`; empty where no page of the document says anything but its number."""


@dataclass(frozen=True, slots=True)
class Job:
    """A claimed job: the fence (`id`, `worker`, `attempt`) under which it may still write, and what there is to do.

    It is done in the index `generation` of its collection, with the embedder of that `fingerprint`.
    """

    id: JobId
    worker: WorkerId
    attempt: int
    stage: Stage
    document: DocumentId
    version: VersionId
    collection: CollectionId
    generation: int
    fingerprint: str
    blob: Blob
    media_type: MediaType
    name: str
    metadata: Metadata
    redact: tuple[PersonalKind, ...] = ()
    """What its collection wants blackened, in the order of the alphabet."""
    former_name: str | None = None
    """What the document's version that answers is called; None where none does."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an attempt has come, between 0 and 1 for all of it.

    `done` of `total` are the stage's pages or chunks; None while it is not known how many there will be.
    """

    share: float
    done: int | None = None
    total: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Publication:
    """All that a version needs to go live, written in one transaction; title and metadata are the file's own."""

    job: Job
    title: str
    language: str
    metadata: Metadata
    pages: int
    drafts: tuple[ChunkDraft, ...]
    warnings: tuple[str, ...]
    counts: Mapping[str, int]
    embeddings: Mapping[str, PassageEmbedding]
    """By draft key: those that the embeddings cache did not hold."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a job did not succeed: a stable code and words that say what to do; only transient ones are tried again."""

    code: str
    message: str
    transient: bool
