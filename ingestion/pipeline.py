"""Two persisted steps: parse; then chunk, embed and publish. A crash repeats the step that it fell into, no more."""

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from ingestion.chunking import chunk, chunk_languages, document_language
from ingestion.errors import (
    BlobMissing,
    IngestionError,
    NoLongerWanted,
    Outage,
    ParseError,
    ParserCrashed,
    TookTooLong,
)
from ingestion.ocr import Ocr, needs_ocr
from ingestion.parsed_json import load
from ingestion.ports import BlobStore, DocumentRegister, JobQueue, VersionStore
from ingestion.renaming import recalled
from ingestion.sandbox.sandbox import Sandbox
from ingestion.title import title_of
from ingestion.types import ChunkDraft, DocumentId, Failure, Job, JobId, ParsedDocument, Progress, Publication, Stage
from retrieval.errors import ModelUnavailable
from retrieval.ports import Embedders
from retrieval.types import CollectionId, PassageEmbedding, PassageInput

StillHeld = Callable[[Job], bool]
"""Whether a job is still ours: not cancelled, deleted or retaken."""

logger = logging.getLogger(__name__)

PIECE = 256  # chunks: what a crash embeds again, and past which a document waits for the next transaction
_LOOK_TOKENS = 4096  # between two looks at whether a job is still ours: two full batches, and those of their sentences
_PARSED_SHARE = 0.2  # of an attempt
_CUT_SHARE = 0.25  # of an attempt, parsing included
_REPORT_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Read:
    """A job whose file was read, as `parsed_json` writes it; `is_saved` where the database has it already."""

    job: Job
    content: bytes
    is_saved: bool


@dataclass(frozen=True, slots=True)
class Parsed:
    """A job whose first step is in the database, with its chunks cut; the document has no blocks any more."""

    job: Job
    document: ParsedDocument
    drafts: tuple[ChunkDraft, ...]


@dataclass(slots=True, eq=False)
class Work:
    """What is published in one transaction: a few small documents, or a large one that is embedded piece by piece.

    One embedder embeds all of it.
    """

    parsed: list[Parsed]
    missing: list[tuple[Job, ChunkDraft]] | None = None
    """What is still to be embedded; unknown until its turn comes."""
    embeddings: dict[tuple[CollectionId, str], PassageEmbedding] = field(
        default_factory=dict[tuple[CollectionId, str], PassageEmbedding]
    )
    embedded: Counter[JobId] = field(default_factory=Counter[JobId])
    """How many chunks were embedded for each job; the vectors of the others were there."""

    @property
    def chunks(self) -> int:
        return sum(len(each.drafts) for each in self.parsed)

    @property
    def left(self) -> int:
        """Chunks that it may still have to embed."""
        return self.chunks if self.missing is None else len(self.missing)


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Jobs in, published versions out; every outcome, good or bad, is written under the job's fence."""

    queue: JobQueue
    register: DocumentRegister
    versions: VersionStore
    blobs: BlobStore
    sandbox: Sandbox
    ocr: Ocr
    embedders: Embedders

    def ingest(self, jobs: Sequence[Job], still_held: StillHeld = lambda _: True) -> None:
        """Take claimed jobs all the way. Raises Outage and ModelUnavailable; what was saved by then stays."""
        with ThreadPoolExecutor(max_workers=self.sandbox.processes) as pool:
            found = [pool.submit(self.read, job, still_held) for job in jobs]
            reads = self.save([read for read in (each.result() for each in found) if read is not None])
        cut = [self.cut(read, still_held) for read in reads]
        for work in works([parsed for parsed in cut if parsed is not None]):
            while not self.advance(work, still_held):
                pass

    def read(self, job: Job, still_held: StillHeld, timeout_seconds: float | None = None) -> Read | None:
        """Step one up to its commit; None when that failed and the failure is written, or nobody wants it any more.

        With `timeout_seconds` TookTooLong is raised instead of written, for a second try with more patience.
        """
        try:
            saved = self.versions.parsed(job) if job.stage == "publish" else None
            if saved is not None:
                return Read(job, saved, is_saved=True)
            with self.blobs.open(job.blob.key) as file:
                content = file.read()
            watch = _Look(self.queue, job, still_held)
            found = self.sandbox.read(content, job.media_type, job.name, job.redact, watch.pages, timeout_seconds)
            if timeout_seconds is not None and needs_ocr(found):
                raise TookTooLong(f"{job.name} has pages to be recognised")
            return Read(job, self.ocr.complete(content, found, job.redact, watch.pages), is_saved=False)
        except (Outage, NoLongerWanted):
            raise
        except IngestionError as error:
            if timeout_seconds is not None and isinstance(error, TookTooLong):
                raise
            permanent = isinstance(error, ParseError | BlobMissing)
            logger.info("document %s was not parsed: %s", job.document, error.code)
            self.queue.fail(job, Failure(error.code, str(error), transient=not permanent))
            return None

    def save(self, reads: Sequence[Read]) -> list[Read]:
        """Step one's commit, for all in one transaction; gives those whose fence held."""
        new = [(read.job, read.content) for read in reads if not read.is_saved]
        held = self.versions.save_parsed(new) if new else set[JobId]()
        return [read for read in reads if read.is_saved or read.job.id in held]

    def cut(self, read: Read, still_held: StillHeld) -> Parsed | None:
        """Cut what was read into chunks; None when it makes no sense, and that is written.

        Raises NoLongerWanted.
        """
        job = read.job
        try:
            document = load(read.content)
        except ValueError:
            message = f"{job.name}: the parser's reply makes no sense"
            self.queue.fail(job, Failure(ParserCrashed.code, message, transient=False))
            return None
        titled = replace(document, title=title_of(document.title, job.metadata, job.name))
        try:
            embedder = self.embedders.of(job.fingerprint)
        except ModelUnavailable as error:  # an earlier setting's: no outage that others would have to wait out
            self.queue.fail(job, Failure("model_unavailable", str(error), transient=True))
            return None
        look = _Look(self.queue, job, still_held, shown=time.monotonic())  # a note is cut before there is a word to say
        drafts = chunk(titled, embedder.window, embedder.count_tokens, look.cutting)
        return Parsed(job, replace(document, blocks=()), drafts)

    def advance(self, work: Work, still_held: StillHeld) -> bool:
        """A piece of step two: embed up to `PIECE` chunks, publish when none is left; gives whether it is done.

        Raises Outage and ModelUnavailable; the piece is then still to be done.
        """
        work.parsed = [each for each in work.parsed if still_held(each.job)]
        if work.missing is None:
            work.missing = self._missing(work.parsed)
        piece = work.missing[:PIECE]
        if piece and work.parsed:
            embeddings = self._recalled(work.parsed, piece)
            new = [(job, draft) for job, draft in piece if (job.collection, draft.key) not in embeddings]
            embedded = self._embed(new, still_held)
            work.embedded.update(job.id for job, draft in new if (job.collection, draft.key) in embedded)
            embeddings |= embedded
            if work.chunks <= PIECE:
                work.embeddings.update(embeddings)
            elif not self._keep(work, [draft for _, draft in piece], embeddings):
                work.parsed = []
            del work.missing[:PIECE]
        if work.missing and work.parsed:
            return False
        publications = [self._publication(each, work) for each in work.parsed if still_held(each.job)]
        if publications:
            self.versions.publish(publications)
        return True

    def forget(self, document: DocumentId) -> None:
        """Delete a document: gone from answers when this returns. Raises UnknownDocument."""
        for key in self.register.forget(document):
            self.blobs.delete(key)

    def _missing(self, parsed: Sequence[Parsed]) -> list[tuple[Job, ChunkDraft]]:
        drafts: dict[tuple[int, str], tuple[Job, ChunkDraft]] = {}
        for each in parsed:
            for draft in each.drafts:
                drafts.setdefault((each.job.collection, draft.key), (each.job, draft))
        for collection in {each.job.collection for each in parsed}:
            keys = [key for held_by, key in drafts if held_by == collection]
            for key in self.versions.embedded(collection, parsed[0].job.fingerprint, keys):
                del drafts[collection, key]
        return list(drafts.values())

    def _recalled(
        self, parsed: Sequence[Parsed], piece: Sequence[tuple[Job, ChunkDraft]]
    ) -> dict[tuple[CollectionId, str], PassageEmbedding]:
        """By collection and key, what was embedded under the names that documents had before."""
        embedder = self.embedders.of(piece[0][0].fingerprint)
        found: dict[tuple[CollectionId, str], PassageEmbedding] = {}
        for each in parsed:
            drafts = [draft for job, draft in piece if job.id == each.job.id]
            vectors = recalled(self.versions, each.job, each.document.title, drafts, embedder)
            found.update(((each.job.collection, key), vector) for key, vector in vectors.items())
        return found

    def _embed(
        self, piece: Sequence[tuple[Job, ChunkDraft]], still_held: StillHeld
    ) -> dict[tuple[CollectionId, str], PassageEmbedding]:
        """By collection and key, without those of jobs that were lost meanwhile."""
        embeddings: dict[tuple[CollectionId, str], PassageEmbedding] = {}
        if not piece:
            return embeddings
        embedder = self.embedders.of(piece[0][0].fingerprint)
        for some in _by_length(piece):
            wanted = [(job, draft) for job, draft in some if still_held(job)]
            inputs = [PassageInput(draft.prefix, draft.text, draft.sentences) for _, draft in wanted]
            embedded = embedder.embed_passages(inputs) if inputs else []
            for (job, draft), embedding in zip(wanted, embedded, strict=True):
                embeddings[job.collection, draft.key] = embedding
        return embeddings

    def _keep(
        self,
        work: Work,
        drafts: Sequence[ChunkDraft],
        embeddings: Mapping[tuple[CollectionId, str], PassageEmbedding],
    ) -> bool:
        """Save a large document's piece; gives whether its fence held."""
        [parsed] = work.parsed
        done = work.chunks - work.left + len(embeddings)
        share = _CUT_SHARE + (1 - _CUT_SHARE) * done / work.chunks
        by_key = {key: embedding for (_, key), embedding in embeddings.items()}
        progress = Progress(share, done, work.chunks)
        kept = [draft for draft in drafts if draft.key in by_key]
        return self.versions.save_piece(parsed.job, kept, by_key, progress)

    def _publication(self, parsed: Parsed, work: Work) -> Publication:
        job, document, embeddings = parsed.job, parsed.document, work.embeddings
        embedded = {"embedded_chunks": work.embedded[job.id]}
        return Publication(
            job=job,
            title=document.title,
            language=document_language(parsed.drafts),
            metadata=document.metadata,
            pages=len(document.pages),
            drafts=parsed.drafts,
            warnings=document.warnings,
            counts={**document.counts, **chunk_languages(parsed.drafts), **embedded},
            embeddings={
                draft.key: embeddings[job.collection, draft.key]
                for draft in parsed.drafts
                if (job.collection, draft.key) in embeddings
            },
        )


@dataclass(slots=True)
class _Look:
    """What looks on while a file is parsed and cut: shows how far that is, and ends what nobody wants any more."""

    queue: JobQueue
    job: Job
    still_held: StillHeld
    shown: float = 0.0

    def pages(self, done: int | None, total: int | None) -> None:
        """So many pages are read, where the parser tells."""
        self._check()
        if done is not None and total:
            self._show("parse", Progress(_PARSED_SHARE * min(1.0, done / total), done, total))

    def cutting(self, share: float) -> None:
        """So much of the text is cut into chunks; how many that will be, the end tells."""
        self._check()
        self._show("publish", Progress(_PARSED_SHARE + (_CUT_SHARE - _PARSED_SHARE) * share))

    def _check(self) -> None:
        if not self.still_held(self.job):
            raise NoLongerWanted(f"{self.job.name}: cancelled, deleted or taken over")

    def _show(self, stage: Stage, progress: Progress) -> None:
        if time.monotonic() - self.shown >= _REPORT_SECONDS:
            self.shown = time.monotonic()
            self.queue.report(self.job, stage, progress)


def works(parsed: Sequence[Parsed]) -> Iterator[Work]:
    """Whole documents, in order, that one embedder embeds and one transaction publishes: what a crash repeats."""
    group: list[Parsed] = []
    chunks = 0
    for each in parsed:
        other = bool(group) and group[0].job.fingerprint != each.job.fingerprint
        if other or (group and chunks + len(each.drafts) > PIECE):
            yield Work(group)
            group, chunks = [], 0
        group.append(each)
        chunks += len(each.drafts)
    if group:
        yield Work(group)


def _by_length(piece: Sequence[tuple[Job, ChunkDraft]]) -> Iterator[list[tuple[Job, ChunkDraft]]]:
    """The shortest first, so that the embedder pads little, as many at a time as take about a second at most."""
    some: list[tuple[Job, ChunkDraft]] = []
    tokens = 0
    for job, draft in sorted(piece, key=lambda each: each[1].tokens):
        if some and tokens + draft.tokens > _LOOK_TOKENS:
            yield some
            some, tokens = [], 0
        some.append((job, draft))
        tokens += draft.tokens
    if some:
        yield some
