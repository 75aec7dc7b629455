"""Two persisted steps: parse; then chunk, embed and publish. A crash repeats the step that it fell into, no more."""

import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from ingestion.chunking import chunk, chunk_languages, document_language
from ingestion.errors import BlobMissing, IngestionError, ParseError
from ingestion.ports import BlobStore, DocumentRegister, JobQueue, VersionStore
from ingestion.sandbox import Sandbox
from ingestion.title import title_of
from ingestion.types import ChunkDraft, DocumentId, Failure, Job, JobId, ParsedDocument, Publication
from retrieval.errors import ModelUnavailable
from retrieval.ports import Embedder
from retrieval.types import PassageEmbedding, PassageInput

StillHeld = Callable[[Job], bool]
"""Whether a job is still ours: not cancelled, deleted or retaken."""

logger = logging.getLogger(__name__)

_EMBED_AT_ONCE = 256  # chunks between two looks at whether the job is still ours: fewer would pad more (66: 79 %)
_PUBLISH_AT_ONCE = 256  # chunks past which a document waits for the next transaction
_PARSED_PROGRESS = 0.2


@dataclass(frozen=True, slots=True)
class Parsed:
    """A job whose first step is in the database, with its chunks cut."""

    job: Job
    document: ParsedDocument
    drafts: tuple[ChunkDraft, ...]


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Jobs in, published versions out; every outcome, good or bad, is written under the job's fence."""

    queue: JobQueue
    register: DocumentRegister
    versions: VersionStore
    blobs: BlobStore
    sandbox: Sandbox
    embedder: Embedder

    def ingest(self, jobs: Sequence[Job], still_held: StillHeld = lambda _: True) -> None:
        """Take claimed jobs all the way."""
        self.publish(self.parse(jobs), still_held)

    def parse(self, jobs: Sequence[Job]) -> list[Parsed]:
        """Step one: parse what is not parsed yet, side by side, and write it; then cut chunks."""
        with ThreadPoolExecutor(max_workers=self.sandbox.processes) as pool:
            documents = list(pool.map(self._parsed, jobs))
        parsed = [(job, document) for job, document in zip(jobs, documents, strict=True) if document is not None]
        held = self.versions.save_parsed(parsed) if parsed else set[JobId]()
        return [self._chunked(job, document) for job, document in parsed if job.id in held]

    def publish(self, parsed: Sequence[Parsed], still_held: StillHeld = lambda _: True) -> None:
        """Step two: embed what the collection has no embedding of, and publish; small documents in one transaction."""
        for group in _groups(parsed):
            self._publish_together([each for each in group if still_held(each.job)], still_held)

    def forget(self, document: DocumentId) -> None:
        """Delete a document: gone from answers when this returns. Raises UnknownDocument."""
        for key in self.register.forget(document):
            self.blobs.delete(key)

    def _parsed(self, job: Job) -> ParsedDocument | None:
        """The document, or None when that failed and the failure is written."""
        try:
            earlier = self.versions.parsed(job)
            if earlier is not None:
                return earlier
            with self.blobs.open(job.blob.key) as file:
                content = file.read()
            return self.sandbox.parse(content, job.media_type, job.name, job.redact)
        except IngestionError as error:
            permanent = isinstance(error, ParseError | BlobMissing)
            logger.info("document %s was not parsed: %s", job.document, error.code)
            self.queue.fail(job, Failure(error.code, str(error), transient=not permanent))
            return None

    def _chunked(self, job: Job, document: ParsedDocument) -> Parsed:
        titled = replace(document, title=title_of(document.title, job.metadata, job.name))
        return Parsed(job, document, chunk(titled, self.embedder.window, self.embedder.count_tokens))

    def _publish_together(self, group: Sequence[Parsed], still_held: StillHeld) -> None:
        try:
            embeddings = self._embed(group, still_held)
        except ModelUnavailable as error:
            for each in group:
                self.queue.fail(each.job, Failure("model_unavailable", str(error), transient=True))
            return
        publications = [self._publication(each, embeddings) for each in group if still_held(each.job)]
        if publications:
            self.versions.publish(publications)

    def _embed(self, parsed: Sequence[Parsed], still_held: StillHeld) -> dict[tuple[int, str], PassageEmbedding]:
        """By collection and key; large documents are embedded piece by piece, showing progress."""
        missing = self._missing(parsed)
        embeddings: dict[tuple[int, str], PassageEmbedding] = {}
        for start in range(0, len(missing), _EMBED_AT_ONCE):
            piece = [(job, draft) for job, draft in missing[start : start + _EMBED_AT_ONCE] if still_held(job)]
            inputs = [PassageInput(draft.prefix, draft.text, draft.sentences) for _, draft in piece]
            for (job, draft), embedding in zip(piece, self.embedder.embed_passages(inputs), strict=True):
                embeddings[job.collection, draft.key] = embedding
            if len(missing) > _EMBED_AT_ONCE:
                share = min(1.0, (start + _EMBED_AT_ONCE) / len(missing))
                for job in {job.id: job for job, _ in piece}.values():
                    self.queue.report(job, _PARSED_PROGRESS + (1 - _PARSED_PROGRESS) * share)
        return embeddings

    def _missing(self, parsed: Sequence[Parsed]) -> list[tuple[Job, ChunkDraft]]:
        drafts: dict[tuple[int, str], tuple[Job, ChunkDraft]] = {}
        for each in parsed:
            for draft in each.drafts:
                drafts.setdefault((each.job.collection, draft.key), (each.job, draft))
        for collection in {each.job.collection for each in parsed}:
            keys = [key for held_by, key in drafts if held_by == collection]
            for key in self.versions.embedded(collection, self.embedder.fingerprint, keys):
                del drafts[collection, key]
        return list(drafts.values())

    def _publication(self, parsed: Parsed, embeddings: dict[tuple[int, str], PassageEmbedding]) -> Publication:
        job, document = parsed.job, parsed.document
        return Publication(
            job=job,
            title=document.title,
            language=document_language(parsed.drafts),
            metadata=document.metadata,
            pages=len(document.pages),
            drafts=parsed.drafts,
            warnings=document.warnings,
            counts={**document.counts, **chunk_languages(parsed.drafts)},
            fingerprint=self.embedder.fingerprint,
            embeddings={
                draft.key: embeddings[job.collection, draft.key]
                for draft in parsed.drafts
                if (job.collection, draft.key) in embeddings
            },
        )


def _groups(parsed: Sequence[Parsed]) -> Iterator[list[Parsed]]:
    """Whole documents, in order, that are published together: what a crash repeats, and what waits for the rest."""
    group: list[Parsed] = []
    chunks = 0
    for each in parsed:
        if group and chunks + len(each.drafts) > _PUBLISH_AT_ONCE:
            yield group
            group, chunks = [], 0
        group.append(each)
        chunks += len(each.drafts)
    if group:
        yield group
