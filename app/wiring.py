"""Settings in, services out: every object is made once, of the backends that `app.backends` chooses."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from zlib import crc32

from app import backends
from app.db.copies.exchange import ExchangeStore
from app.db.copies.pins import PinStore
from app.db.database import Database
from app.db.index.changes import ChangeStore
from app.db.index.chunks import ChunkStore
from app.db.index.embedders import EmbedderStore
from app.db.index.hypothetical import HypotheticalStore
from app.db.index.publications import PublicationStore
from app.db.index.reindexes import ReindexStore
from app.db.library.collections import CollectionStore
from app.db.library.documents import DocumentStore
from app.db.people.audit import AuditStore
from app.db.people.conversations import ConversationStore
from app.db.people.idempotency import IdempotencyStore
from app.db.people.keys import KeyStore
from app.db.quality.calibrations import CalibrationStore
from app.db.quality.evaluations import EvaluationStore
from app.db.quality.training import TrainingStore
from app.db.queue.jobs import JobStore
from app.db.remains import RemainsStore
from app.embedders import EmbedderCatalog
from app.pinned_blobs import PinnedBlobStore
from app.questioner import Questioner
from app.settings import Settings
from app.thresholds import Thresholds
from generation.answerer import Answerer
from generation.grounding import SCALE
from generation.inquiry.decomposition import Decomposition
from generation.inquiry.expansion import Expansion
from generation.inquiry.inquiry import Inquiry
from generation.inquiry.search_rounds import SearchRounds
from generation.ports import Completer
from generation.query import StandaloneQuestion
from generation.short_replies import ShortReplies
from ingestion.chunking import CHUNKER_VERSION
from ingestion.intake import Intake
from ingestion.ocr import Ocr
from ingestion.parsers.version import PARSER_VERSION
from ingestion.pipeline import Pipeline
from ingestion.ports import BlobStore
from ingestion.sandbox.sandbox import Sandbox
from ingestion.tesseract import Tesseract
from retrieval.ports import ChangeLog, ChunkSource, Embedder, Embedders, Reranker
from retrieval.replica import Replica
from retrieval.retriever import Retriever

MEBIBYTE = 1 << 20
_PATIENT_SECONDS = 600.0  # for indexes that are built where nobody waits for an answer
PIPELINE = f"parser {PARSER_VERSION}, chunker {CHUNKER_VERSION}"
_PARSED_MAX_BYTES = 64 * MEBIBYTE  # the largest that a worker cuts and publishes within 1.5 GB


@dataclass(frozen=True, slots=True)
class Services:
    """All that the processes of the service are made of."""

    settings: Settings
    db: Database
    collections: CollectionStore
    documents: DocumentStore
    publications: PublicationStore
    jobs: JobStore
    remains: RemainsStore
    chunks: ChunkStore
    changes: ChangeStore
    keys: KeyStore
    conversations: ConversationStore
    evaluations: EvaluationStore
    calibrations: CalibrationStore
    audit: AuditStore
    idempotency: IdempotencyStore
    pins: PinStore
    exchange: ExchangeStore
    training: TrainingStore
    embedder: Embedder
    embedders: EmbedderCatalog
    reindexes: ReindexStore
    replica: Replica
    retriever: Retriever
    answerer: Answerer
    intake: Intake
    pipeline: Pipeline
    questioner: Questioner | None
    sandbox: Sandbox
    blobs: BlobStore


def build(settings: Settings) -> Services:
    """Make every object once; nothing is started, loaded or migrated yet."""
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    db = Database(settings.database)
    chunks, changes = ChunkStore(db), ChangeStore(db)
    collections = CollectionStore(db, PIPELINE)
    documents = DocumentStore(
        db, settings.queue_max_jobs, settings.job_max_attempts, settings.queue_max_mebibytes * MEBIBYTE
    )
    publications = PublicationStore(db, _reading(settings))
    jobs = JobStore(db, settings.job_lease_seconds, settings.job_max_attempts)
    pins = PinStore(db)
    blobs = PinnedBlobStore(backends.blob_store(settings), pins)
    embedders = EmbedderCatalog(
        settings.embedder, settings.embedder_url, EmbedderStore(db), partial(backends.embedder, settings)
    )
    embedder = embedders.configured
    calibrations = CalibrationStore(db, SCALE)
    sandbox = Sandbox(
        settings.parse_processes,
        settings.parse_timeout_seconds,
        settings.parse_memory_mebibytes * MEBIBYTE,
        _PARSED_MAX_BYTES,
    )
    replica = Replica(
        changes,
        settings.data_dir / "indexes",
        backends.vector_index(settings),
        backends.lexical_index(settings),
        settings.search_wait_seconds,
        settings.index_idle_seconds,
    )
    retriever = Retriever(embedders, chunks, replica, backends.reranker(settings), settings.search_candidates)
    return Services(
        settings=settings,
        db=db,
        collections=collections,
        documents=documents,
        publications=publications,
        jobs=jobs,
        remains=RemainsStore(db, _reading(settings), settings.keep_versions),
        chunks=chunks,
        changes=changes,
        keys=KeyStore(db),
        conversations=ConversationStore(db),
        evaluations=EvaluationStore(db),
        calibrations=calibrations,
        audit=AuditStore(db),
        idempotency=IdempotencyStore(db),
        pins=pins,
        training=TrainingStore(db),
        exchange=ExchangeStore(db, jobs, settings.job_max_attempts),
        embedder=embedder,
        embedders=embedders,
        reindexes=ReindexStore(db, PIPELINE, settings.job_max_attempts),
        replica=replica,
        retriever=retriever,
        answerer=_answerer(settings, retriever, embedder, documents, collections, calibrations),
        intake=Intake(documents, blobs, sandbox, settings.upload_max_mebibytes * MEBIBYTE),
        pipeline=Pipeline(jobs, documents, publications, blobs, sandbox, _ocr(settings, sandbox), embedders),
        questioner=_questioner(settings, db),
        sandbox=sandbox,
        blobs=blobs,
    )


def retriever_over(
    settings: Settings, log: ChangeLog, chunks: ChunkSource, embedders: Embedders, reranker: Reranker | None, at: Path
) -> Retriever:
    """The product's search over chunks that are in no database; indexes lie in the folder. Close its replica."""
    vectors, terms = backends.vector_index(settings), backends.lexical_index(settings)
    replica = Replica(log, at, vectors, terms, _PATIENT_SECONDS, settings.index_idle_seconds)
    return Retriever(embedders, chunks, replica, reranker, settings.search_candidates)


def close(services: Services) -> None:
    """Let go of everything, in the order in which it depends on each other."""
    services.replica.close()
    services.sandbox.close()
    services.db.dispose()


def _ocr(settings: Settings, sandbox: Sandbox) -> Ocr:
    if not settings.ocr_languages:
        return Ocr(sandbox, None)
    memory_bytes = settings.parse_memory_mebibytes * MEBIBYTE
    return Ocr(sandbox, Tesseract(settings.ocr_languages, settings.parse_timeout_seconds, memory_bytes))


def _reading(settings: Settings) -> str:
    """What stands beside a stored parse: the parsers' version, and the languages of OCR in a few characters."""
    languages = settings.ocr_languages
    return f"{PARSER_VERSION}.{crc32(languages.encode()):08x}" if languages else PARSER_VERSION


def _answerer(
    settings: Settings,
    retriever: Retriever,
    embedder: Embedder,
    documents: DocumentStore,
    collections: CollectionStore,
    calibrations: CalibrationStore,
) -> Answerer:
    extractive = backends.extractive(embedder.count_tokens)
    new_served = backends.served(settings)
    served = new_served() if new_served is not None else None
    default = served or extractive
    replies = ShortReplies(served)
    return Answerer(
        retriever=retriever,
        generators={each.name: each for each in (extractive, default)},
        default_generator=default.name,
        fallback=extractive,
        rewriter=StandaloneQuestion(replies),
        inquiry=Inquiry(
            Expansion(replies),
            Decomposition(replies, embedder.count_tokens),
            SearchRounds(replies, embedder.count_tokens),
        ),
        count_tokens=embedder.count_tokens,
        abstain_below=settings.abstain_below,
        context_tokens=settings.context_tokens,
        remove_unsupported=settings.unsupported == "remove",
        adapter_of=collections.adapter_of,
        calibrated=Thresholds(settings, collections, calibrations).calibrated,
        being_read=documents.any_being_read,
    )


def _questioner(settings: Settings, db: Database) -> Questioner | None:
    """None where no questions are asked for. A round of it has an event loop, and so connections, of its own."""
    new_served = backends.served(settings)
    if not settings.questions_per_chunk or new_served is None:
        return None

    @asynccontextmanager
    async def opened() -> AsyncGenerator[Completer]:
        generator = new_served()
        try:
            yield generator
        finally:
            await generator.aclose()

    lease_seconds = settings.job_lease_seconds + settings.generator_timeout_seconds
    return Questioner(HypotheticalStore(db, lease_seconds), opened, settings.questions_per_chunk)
