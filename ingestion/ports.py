"""What ingestion needs of the world; the docstrings are the contracts that every backend is tested against."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import BinaryIO, Protocol

from ingestion.types import (
    Accepted,
    Blob,
    BlobKey,
    ChunkDraft,
    DocumentId,
    Failure,
    Job,
    JobId,
    MediaType,
    ParsedDocument,
    Progress,
    Publication,
    Stage,
    Upload,
    WorkerId,
)
from retrieval.types import CollectionId, PassageEmbedding


class Parser(Protocol):
    """Reads one format. Raises ParseError's subclasses for what it cannot read, and never touches disk or network."""

    @property
    def media_type(self) -> MediaType: ...

    def parse(self, content: bytes) -> ParsedDocument:
        """Blocks in reading order. A file without any text gives no blocks and a warning, never an exception."""
        ...


class BlobStore(Protocol):
    """Keeps original files under keys of its own making; a key that was returned is on disk, whole and synced."""

    def put(self, content: BinaryIO, collection: CollectionId, max_bytes: int, key: BlobKey | None = None) -> Blob:
        """Store the stream under a new key, never used before. Raises TooLarge past `max_bytes`, StorageFull.

        A restore names the key that the blob had; what lies there already is replaced.
        """
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


class Remains(Protocol):
    """What nothing refers to any more. A crash at any point leaves only what the next sweep finds."""

    def sweep(self, goes_on: Callable[[], bool]) -> Mapping[str, int]:
        """Delete it from the database, a little per transaction while `goes_on`; gives how many rows of each kind."""
        ...

    def dropped(self, limit: int) -> list[BlobKey]:
        """Originals whose last version is gone and that may still be stored: at most so many."""
        ...

    def settle(self, keys: Sequence[BlobKey]) -> None:
        """These are not stored any more."""
        ...

    def referenced(self, keys: Sequence[BlobKey]) -> set[BlobKey]:
        """Those keys that some version still refers to."""
        ...


class JobQueue(Protocol):
    """Jobs as rows: leases run on database time, and every write carries the fence (id, worker, attempt).

    Every method, here as in VersionStore and BlobStore, may raise Outage.
    """

    def claim(self, worker: WorkerId, limit: int, max_bytes: int, largest: int | None = None) -> list[Job]:
        """At most `limit` due jobs whose files together stay under `max_bytes` (one always may pass it).

        None has a file of more than `largest` bytes. The job that has waited longest is always among them, whatever its
        priority; the others are the best by priority, then the oldest. A job whose lease ran out is due again and
        counts as one more attempt; out of attempts, it fails instead. A job that may have killed its worker makes its
        last attempt alone in its worker's hands, so that it takes no other along.
        """
        ...

    def heartbeat(self, worker: WorkerId, jobs: Sequence[JobId]) -> set[JobId]:
        """Renew the leases; gives those still held, so that the rest (cancelled, deleted, retaken) is dropped."""
        ...

    def held(self, worker: WorkerId, jobs: Sequence[JobId]) -> set[JobId]:
        """Those of the jobs that are still the worker's; a look that writes nothing."""
        ...

    def report(self, job: Job, stage: Stage, progress: Progress) -> None:
        """Show how far the attempt is, which never goes back within one; a lost fence is no error here."""
        ...

    def fail(self, job: Job, failure: Failure) -> None:
        """End the attempt: transient with attempts left, it is queued again later; any other fails the version."""
        ...

    def postpone(self, jobs: Sequence[Job], failure: Failure, seconds: float) -> None:
        """Queue again, at no cost of an attempt and not before so many seconds, saying what they wait for."""
        ...

    def release(self, worker: WorkerId) -> int:
        """Queue again, at no cost of an attempt, what the worker still holds; gives how many jobs that were."""
        ...


class VersionStore(Protocol):
    """The pipeline's side of the database: the two persisted steps."""

    def parsed(self, job: Job) -> bytes | None:
        """What an earlier attempt, or the same file in the collection, was parsed to by this parser version.

        As `parsed_json` writes it; None also for what is damaged.
        """
        ...

    def save_parsed(self, parsed: Sequence[tuple[Job, bytes]]) -> set[JobId]:
        """Step one, all in one transaction, each under its fence; gives the jobs whose fence held."""
        ...

    def save_piece(
        self,
        job: Job,
        drafts: Sequence[ChunkDraft],
        embeddings: Mapping[str, PassageEmbedding],
        progress: Progress,
    ) -> bool:
        """A piece of step two ahead of it: some drafts' chunks, and their vectors by draft key, kept for this job.

        The chunks stand nowhere before all is published. Gives whether its fence held.
        """
        ...

    def embedded(self, collection: CollectionId, fingerprint: str, keys: Sequence[str]) -> set[str]:
        """Those keys whose embedding the collection already holds."""
        ...

    def vectors(self, collection: CollectionId, fingerprint: str, keys: Sequence[str]) -> dict[str, PassageEmbedding]:
        """The embeddings of those keys, as far as the collection holds them."""
        ...

    def publish(self, publications: Sequence[Publication]) -> set[JobId]:
        """Step two, all in one transaction, each under its fence; gives the jobs whose fence held.

        Chunks, embeddings, placements, the version's status, the live version's switch, one change per version and
        the job's end. Publishing twice is impossible: the fence is gone after the first time. A job whose publication
        counts on embeddings that are gone, or was made for another index, is queued again at no cost of an attempt.
        """
        ...
