"""What is done with the documents of an exported collection: looked at, published as they are, or uploaded anew.

ExchangeError
├── OtherIndex      the file's vectors are another embedder's, or the collection's rules are stricter than the file's
└── Unfit           a document of the file contradicts itself
"""

import hashlib
import shutil
import tempfile
from dataclasses import dataclass, field
from typing import BinaryIO, Final, Protocol

from app.archives import archive
from app.archives.archive import Damaged
from app.archives.entries import ChunkEntry, DocumentEntry, chunk_entry, document_entry
from app.wiring import Services
from ingestion.errors import ParseError, Refused
from ingestion.formats import HEAD_BYTES, is_of, with_suffix
from ingestion.intake import IncomingFile, display_name
from ingestion.types import ChunkDraft, Job, Progress, Publication, Upload, WorkerId
from retrieval.ports import Embedder
from retrieval.types import CollectionId, PassageEmbedding

_READ: Final = 1 << 20
_ABOUT_MAX_BYTES: Final = 8 << 20
_AHEAD: Final = 256  # chunks whose vectors are written before their document is published


class ExchangeError(Exception):
    """Base of why a file is not imported."""


class OtherIndex(ExchangeError):
    """Its chunks do not fit the index here; its originals can be ingested anew."""


class Unfit(ExchangeError):
    """A document of the file contradicts itself; nothing of the file was taken."""


@dataclass(slots=True)
class Imported:
    """What became of a file's documents; `waiting` are left to a worker, which reads and embeds them."""

    collection: str
    documents: int = 0
    duplicates: int = 0
    waiting: int = 0
    refused: list[str] = field(default_factory=list[str])


class Reader(Protocol):
    """What is told of a file's documents, one after the other: the original first, then the chunks in their order."""

    def original(self, entry: DocumentEntry, content: BinaryIO) -> None: ...

    def chunks(self, entry: DocumentEntry, chunks: list[ChunkEntry]) -> None: ...

    def finish(self, entry: DocumentEntry) -> None: ...


def read(file: BinaryIO, reader: Reader) -> None:
    """Tell the reader of all documents; raises Damaged for any other order, and what the reader raises."""
    entry: DocumentEntry | None = None
    number = -1
    needs_original = False
    for name, content in archive.members(file):
        folder, _, part = name.rpartition("/")
        if name == archive.OPENING:
            continue
        if part == "about.json":
            if entry is not None:
                reader.finish(entry)
            number += 1
            if needs_original or folder != f"documents/{number:06}":
                raise Damaged(f"{name}: out of its order")
            entry, needs_original = document_entry(content.read(_ABOUT_MAX_BYTES)), True
        elif entry is None or folder != f"documents/{number:06}" or (part == "original") != needs_original:
            raise Damaged(f"{name}: out of its order")
        elif part == "original":
            reader.original(entry, content)
            needs_original = False
        else:
            reader.chunks(entry, [chunk_entry(line) for line in archive.read_lines(content)])
    if needs_original:
        raise Damaged("the last document has no original")
    if entry is not None:
        reader.finish(entry)


class Checking(Reader):
    """Looks at everything and writes nothing. Raises Unfit and Damaged."""

    def __init__(self, services: Services, embedder: Embedder | None) -> None:
        """Vectors are looked at where an embedder is given."""
        self._dim = None if embedder is None else embedder.dim
        self._max_bytes = services.intake.max_bytes
        self._chunks = 0

    def original(self, entry: DocumentEntry, content: BinaryIO) -> None:
        head = content.read(HEAD_BYTES)
        digest = hashlib.sha256(head)
        size = len(head)
        while piece := content.read(_READ):
            digest.update(piece)
            size += len(piece)
        if size > self._max_bytes:
            raise Unfit(f"{entry.name}: larger than {self._max_bytes >> 20} MiB (OPENBOOK_UPLOAD_MAX_MEBIBYTES)")
        if (digest.hexdigest(), size) != (entry.sha256, entry.size):
            raise Unfit(f"{entry.name}: its original is not the file that it is said to be")
        if not is_of(entry.media_type, head):
            raise Unfit(f"{entry.name}: its original is not {entry.media_type}")

    def chunks(self, entry: DocumentEntry, chunks: list[ChunkEntry]) -> None:
        self._chunks += len(chunks)
        if self._dim is not None:
            for chunk in chunks:
                chunk.embedding(self._dim)

    def finish(self, entry: DocumentEntry) -> None:
        if not self._chunks:
            raise Unfit(f"{entry.name}: it has no chunks")
        self._chunks = 0


class Publishing(Reader):
    """Publishes documents as they were, each under the fence of a job of its own; large ones piece by piece."""

    def __init__(
        self, services: Services, collection: CollectionId, embedder: Embedder, worker: WorkerId, imported: Imported
    ) -> None:
        self._services = services
        self._embedder = embedder
        self._collection = collection
        self._worker = worker
        self._imported = imported
        self._job: Job | None = None
        self._drafts: list[ChunkDraft] = []
        self._kept = 0  # of the drafts, ahead of the publication
        self._embeddings: dict[str, PassageEmbedding] = {}

    def original(self, entry: DocumentEntry, content: BinaryIO) -> None:
        services = self._services
        blob = services.blobs.put(content, self._collection, services.intake.max_bytes)
        upload = Upload(display_name(entry.name), entry.media_type, blob, entry.given_metadata)
        self._job = services.exchange.take(self._collection, upload, self._worker)
        if self._job is None:
            services.blobs.delete(blob.key)
            self._imported.duplicates += 1

    def chunks(self, entry: DocumentEntry, chunks: list[ChunkEntry]) -> None:
        if self._job is None:
            return
        for chunk in chunks:
            draft = chunk.draft(self._embedder.window, self._embedder.count_tokens)
            self._drafts.append(draft)
            self._embeddings[draft.key] = chunk.embedding(self._embedder.dim)
        if len(self._embeddings) >= _AHEAD:
            progress = Progress(0.5, len(self._drafts), len(self._drafts))
            piece = self._drafts[self._kept :]
            held = self._services.publications.save_piece(self._job, piece, self._embeddings, progress)
            self._kept, self._embeddings = len(self._drafts), {}
            self._services.jobs.heartbeat(self._worker, [self._job.id])
            if not held:
                self._imported.waiting += 1
                self._job = None

    def finish(self, entry: DocumentEntry) -> None:
        if self._job is not None:
            published = self._services.publications.publish([self._publication(entry, self._job)])
            self._imported.documents += self._job.id in published
            self._imported.waiting += self._job.id not in published
        self._job, self._drafts, self._kept, self._embeddings = None, [], 0, {}

    def _publication(self, entry: DocumentEntry, job: Job) -> Publication:
        return Publication(
            job=job,
            title=entry.title,
            language=entry.language,
            metadata=entry.metadata,
            pages=entry.pages,
            drafts=tuple(self._drafts),
            warnings=tuple(entry.warnings),
            counts=entry.counts,
            embeddings=self._embeddings,
        )


class Uploading(Reader):
    """Uploads the originals, as if somebody had sent them; a refused one keeps no other out."""

    def __init__(self, services: Services, collection: CollectionId, imported: Imported) -> None:
        self._services = services
        self._collection = collection
        self._imported = imported

    def original(self, entry: DocumentEntry, content: BinaryIO) -> None:
        name = with_suffix(entry.name, entry.media_type)
        with tempfile.TemporaryFile() as spool:
            shutil.copyfileobj(content, spool, _READ)
            spool.seek(0)
            file = IncomingFile(name, spool, entry.given_metadata)
            [outcome] = self._services.intake.accept_all([file], self._collection)
        if isinstance(outcome, Refused | ParseError):
            self._imported.refused.append(f"{name}: {outcome}")
        else:
            self._imported.duplicates += outcome.duplicate
            self._imported.waiting += not outcome.duplicate

    def chunks(self, entry: DocumentEntry, chunks: list[ChunkEntry]) -> None:
        """Cut anew by the worker."""

    def finish(self, entry: DocumentEntry) -> None:
        """The upload is registered already."""
