"""The one file that names backends: settings in, services out."""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal
from zlib import crc32

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
from app.db.types import EmbedderRecord
from app.embedders import EmbedderCatalog
from app.pinned_blobs import PinnedBlobStore
from app.questioner import Questioner
from app.settings import Settings
from app.thresholds import Thresholds
from generation.answerer import Answerer
from generation.generators.extractive import ExtractiveGenerator
from generation.generators.vllm import VllmGenerator
from generation.grounding import SCALE
from generation.inquiry.decomposition import Decomposition
from generation.inquiry.expansion import Expansion
from generation.inquiry.inquiry import Inquiry
from generation.inquiry.search_rounds import SearchRounds
from generation.ports import Completer, Generator
from generation.query import StandaloneQuestion
from generation.short_replies import ShortReplies
from ingestion.blob_stores.filesystem import FilesystemBlobStore
from ingestion.chunking import CHUNKER_VERSION
from ingestion.intake import Intake
from ingestion.ocr import Ocr
from ingestion.parsers.version import PARSER_VERSION
from ingestion.pipeline import Pipeline
from ingestion.ports import BlobStore
from ingestion.sandbox.sandbox import Sandbox
from ingestion.tesseract import Tesseract
from retrieval.embedders.hashing import HashingEmbedder
from retrieval.embedders.openai import OpenAIEmbedder
from retrieval.embedders.prompts import Prompts, prompts_of, window_of
from retrieval.embedders.sentence_transformers import SentenceTransformerEmbedder
from retrieval.errors import ModelUnavailable
from retrieval.lexical_indexes.rank_bm25 import RankBM25Index
from retrieval.lexical_indexes.tantivy import TantivyIndex
from retrieval.ports import ChangeLog, ChunkSource, Embedder, Embedders, LexicalIndex, Reranker
from retrieval.replica import Replica
from retrieval.rerankers.cross_encoder import CrossEncoderReranker
from retrieval.rerankers.http import HttpReranker
from retrieval.rerankers.sentence import SentenceReranker
from retrieval.retriever import Retriever
from retrieval.tokenizer import terms
from retrieval.tuning.types import Trainer
from retrieval.vector_indexes.faiss import FaissIndex

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
    blobs = PinnedBlobStore(_blobs(settings), pins)
    embedders = EmbedderCatalog(
        settings.embedder, settings.embedder_url, EmbedderStore(db), partial(_embedder, settings)
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
        partial(FaissIndex, device=settings.vector_device),
        _new_lexical_index(settings),
        settings.search_wait_seconds,
        settings.index_idle_seconds,
    )
    retriever = Retriever(embedders, chunks, replica, _reranker(settings), settings.search_candidates)
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


def embedder_of(settings: Settings, model: str) -> Embedder:
    """The embedder that `OPENBOOK_EMBEDDER` would choose by this name."""
    return _embedder(settings, EmbedderRecord("", model, None, None))


def reranker_of(settings: Settings, name: str) -> Reranker | None:
    """The reranker that `OPENBOOK_RERANKER` would choose by this name."""
    return _reranker(settings.model_copy(update={"reranker": name}))


def trainer_of(settings: Settings, kind: Literal["embedder", "reranker"]) -> Trainer:
    """What trains a model. Raises ModelUnavailable without the extra `tune`, or for an embedder that is elsewhere."""
    if kind == "embedder" and settings.embedder.startswith(("openai:", "hashing")):
        only = "only a model on this machine can be tuned: set packaged-minilm, a folder, or a model of the hub"
        raise ModelUnavailable(f"OPENBOOK_EMBEDDER={settings.embedder}: {only}")
    try:
        # The extra's packages, which nothing else needs; torch, before anything embeds.
        from retrieval.tuning.embedder import train_embedder  # noqa: PLC0415
        from retrieval.tuning.reranker import train_reranker  # noqa: PLC0415
    except ImportError as error:
        raise ModelUnavailable(f'tuning needs more packages: pip install "openbook[tune]" ({error})') from error
    if kind == "embedder":
        return partial(train_embedder, settings.embedder, _prompts(settings))
    used, _, model = settings.reranker.partition(":")
    return partial(train_reranker, model if used == "cross-encoder" else None)


def retriever_over(
    settings: Settings, log: ChangeLog, chunks: ChunkSource, embedders: Embedders, reranker: Reranker | None, at: Path
) -> Retriever:
    """The product's search over chunks that are in no database; indexes lie in the folder. Close its replica."""
    new_index = partial(FaissIndex, device=settings.vector_device)
    replica = Replica(log, at, new_index, _new_lexical_index(settings), _PATIENT_SECONDS, settings.index_idle_seconds)
    return Retriever(embedders, chunks, replica, reranker, settings.search_candidates)


def close(services: Services) -> None:
    """Let go of everything, in the order in which it depends on each other."""
    services.replica.close()
    services.sandbox.close()
    services.db.dispose()


def _prompts(settings: Settings) -> Prompts:
    return Prompts(settings.embedder_query_prompt, settings.embedder_document_prompt)


def _embedder(settings: Settings, record: EmbedderRecord) -> Embedder:
    prompts = prompts_of(record.fingerprint) if record.fingerprint else _prompts(settings)
    match record.model.partition(":"):
        case ("hashing", _, dim):
            return HashingEmbedder(int(dim)) if dim else HashingEmbedder()
        case ("openai", _, model):
            ours = record.url == settings.embedder_url  # the key is for that server and for no other
            key = settings.embedder_api_key.get_secret_value() if settings.embedder_api_key and ours else None
            window = window_of(record.fingerprint) if record.fingerprint else settings.embedder_window
            return OpenAIEmbedder(record.url or "", model, key, record.dim, prompts, window)
        case _:
            return SentenceTransformerEmbedder(record.model, prompts=prompts)


def _new_lexical_index(settings: Settings) -> Callable[[Path], LexicalIndex]:
    match settings.lexical_index:
        case "tantivy":
            return lambda folder: TantivyIndex(folder, terms)
        case "rank_bm25":
            return lambda _folder: RankBM25Index(terms)


def _reranker(settings: Settings) -> Reranker | None:
    match settings.reranker.partition(":"):
        case ("none", _, _):
            return None
        case ("cross-encoder", _, model):
            return CrossEncoderReranker(model)
        case ("http", _, model):
            key = settings.reranker_api_key.get_secret_value() if settings.reranker_api_key else None
            return HttpReranker(settings.reranker_url or "", model, key)
        case _:
            return SentenceReranker()


def _blobs(settings: Settings) -> BlobStore:
    match settings.blob_store:
        case "filesystem":
            return FilesystemBlobStore(settings.data_dir / "blobs")
        case "s3":
            from ingestion.blob_stores.s3 import connect  # noqa: PLC0415  # boto3 is an extra

            return connect(settings.s3_bucket or "", settings.s3_endpoint_url)


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
    extractive = ExtractiveGenerator(embedder.count_tokens)
    generators: dict[str, Generator] = {extractive.name: extractive}
    completer: Completer | None = None
    default: Generator = extractive
    if settings.generator_url and settings.generator_model:
        default = completer = _vllm(settings, settings.generator_url, settings.generator_model)
        generators[default.name] = default
    replies = ShortReplies(completer)
    return Answerer(
        retriever=retriever,
        generators=generators,
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


def _vllm(settings: Settings, url: str, model: str) -> VllmGenerator:
    key = settings.generator_api_key.get_secret_value() if settings.generator_api_key else None
    return VllmGenerator(url, model, key, settings.generator_timeout_seconds, settings.generator_connections)


def _questioner(settings: Settings, db: Database) -> Questioner | None:
    """None where no questions are asked for. A round of it has an event loop, and so connections, of its own."""
    url, model = settings.generator_url, settings.generator_model
    if not (settings.questions_per_chunk and url and model):
        return None

    @asynccontextmanager
    async def opened() -> AsyncGenerator[Completer]:
        generator = _vllm(settings, url, model)
        try:
            yield generator
        finally:
            await generator.aclose()

    lease_seconds = settings.job_lease_seconds + settings.generator_timeout_seconds
    return Questioner(HypotheticalStore(db, lease_seconds), opened, settings.questions_per_chunk)
