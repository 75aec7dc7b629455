"""What ingestion needs of the world; the docstrings are the contracts that every backend is tested against."""

from collections.abc import Iterator, Sequence
from typing import BinaryIO, Protocol

from ingestion.types import (
    Accepted,
    Blob,
    BlobKey,
    DocumentId,
    Failure,
    Job,
    JobId,
    MediaType,
    ParsedDocument,
    Publication,
    Upload,
    WorkerId,
)
from retrieval.types import CollectionId


class Parser(Protocol):
    """Reads one format. Raises ParseError's subclasses for what it cannot read, and never touches disk or network."""

    @property
    def media_type(self) -> MediaType: ...

    def parse(self, content: bytes) -> ParsedDocument:
        """Blocks in reading order. A file without any text gives no blocks and a warning, never an exception."""
        ...


class BlobStore(Protocol):
    """Keeps original files under keys of its own making; a key that was returned is on disk, whole and synced."""

    def put(self, content: BinaryIO, collection: CollectionId, max_bytes: int) -> Blob:
        """Store the stream under a new key, never used before. Raises TooLarge past `max_bytes`, StorageFull."""
        ...

    def open(self, key: BlobKey) -> BinaryIO:
        """Raises BlobMissing."""
        ...

    def delete(self, key: BlobKey) -> None:
        """Unknown keys are passed over."""
        ...

    def stored(self) -> Iterator[tuple[BlobKey, float]]:
        """Every key with the seconds since it was written; what the sweep of orphans walks over."""
        ...


class DocumentRegister(Protocol):
    """The intake's side of the database."""

    def register(self, collection: CollectionId, uploads: Sequence[Upload]) -> list[Accepted]:
        """Documents, versions and jobs for all uploads, in order, in one transaction.

        The same bytes in the same collection give the existing document, unless its last version failed.
        Raises QueueFull when the queue has no room for all of them, UnknownDocument for a replaced one that is gone.
        """
        ...

    def forget(self, document: DocumentId) -> list[BlobKey]:
        """Delete the document with all that hangs on it, in one transaction; gives the blobs left without a reference.

        Raises UnknownDocument.
        """
        ...

    def referenced(self, keys: Sequence[BlobKey]) -> set[BlobKey]:
        """Those keys that some version still refers to."""
        ...


class JobQueue(Protocol):
    """Jobs as rows: leases run on database time, and every write carries the fence (id, worker, attempt)."""

    def claim(self, worker: WorkerId, limit: int, max_bytes: int) -> list[Job]:
        """At most `limit` due jobs, oldest first, whose files together stay under `max_bytes` (one always may pass it).

        A job whose lease ran out is due again and counts as one more attempt; out of attempts, it fails instead. A
        job's last attempt is alone in its worker's hands: a file that kills the worker takes no other along.
        """
        ...

    def heartbeat(self, worker: WorkerId, jobs: Sequence[JobId]) -> set[JobId]:
        """Renew the leases; gives those still held, so that the rest (cancelled, deleted, retaken) is dropped."""
        ...

    def report(self, job: Job, progress: float) -> None:
        """Show progress between 0 and 1; a lost fence is no error here."""
        ...

    def fail(self, job: Job, failure: Failure) -> None:
        """End the attempt: transient with attempts left, it is queued again later; any other fails the version."""
        ...

    def release(self, worker: WorkerId) -> int:
        """Queue again, at no cost of an attempt, what the worker still holds; gives how many jobs that were."""
        ...


class VersionStore(Protocol):
    """The pipeline's side of the database: the two persisted steps."""

    def parsed(self, job: Job) -> ParsedDocument | None:
        """What an earlier attempt, or the same file in the collection, was parsed to by this parser version."""
        ...

    def save_parsed(self, parsed: Sequence[tuple[Job, ParsedDocument]]) -> set[JobId]:
        """Step one, all in one transaction, each under its fence; gives the jobs whose fence held."""
        ...

    def embedded(self, collection: CollectionId, fingerprint: str, keys: Sequence[str]) -> set[str]:
        """Those keys whose embedding the collection already holds."""
        ...

    def publish(self, publications: Sequence[Publication]) -> set[JobId]:
        """Step two, all in one transaction, each under its fence; gives the jobs whose fence held.

        Chunks, embeddings, placements, the version's status, the live version's switch, one change per version and
        the job's end. Publishing twice is impossible: the fence is gone after the first time.
        """
        ...
