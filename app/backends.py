"""The one file that names backends: by the settings, one for each port."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Literal

from app.db.types import EmbedderRecord
from app.settings import Settings
from generation.generators.extractive import ExtractiveGenerator
from generation.generators.vllm import VllmGenerator
from generation.ports import Generator
from ingestion.blob_stores.filesystem import FilesystemBlobStore
from ingestion.ports import BlobStore
from retrieval.embedders.hashing import HashingEmbedder
from retrieval.embedders.openai import OpenAIEmbedder
from retrieval.embedders.prompts import Prompts, prompts_of, window_of
from retrieval.embedders.sentence_transformers import SentenceTransformerEmbedder
from retrieval.errors import ModelUnavailable
from retrieval.lexical_indexes.rank_bm25 import RankBM25Index
from retrieval.lexical_indexes.tantivy import TantivyIndex
from retrieval.ports import Embedder, LexicalIndex, Reranker, VectorIndex
from retrieval.rerankers.cross_encoder import CrossEncoderReranker
from retrieval.rerankers.http import HttpReranker
from retrieval.rerankers.sentence import SentenceReranker
from retrieval.tokenizer import terms
from retrieval.tuning.types import Trainer
from retrieval.vector_indexes.faiss import FaissIndex


def embedder(settings: Settings, record: EmbedderRecord) -> Embedder:
    """The one that made the vectors of a fingerprint, or, without one, that the settings ask for."""
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


def embedder_of(settings: Settings, model: str) -> Embedder:
    """The embedder that `OPENBOOK_EMBEDDER` would choose by this name."""
    return embedder(settings, EmbedderRecord("", model, None, None))


def vector_index(settings: Settings) -> Callable[[int], VectorIndex]:
    """What makes one, given the dimension."""
    return partial(FaissIndex, device=settings.vector_device)


def lexical_index(settings: Settings) -> Callable[[Path], LexicalIndex]:
    """What makes one, given its folder."""
    match settings.lexical_index:
        case "tantivy":
            return lambda folder: TantivyIndex(folder, terms)
        case "rank_bm25":
            return lambda _folder: RankBM25Index(terms)


def reranker(settings: Settings) -> Reranker | None:
    """The one that the settings ask for; None where hits stay as they were found."""
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


def reranker_of(settings: Settings, name: str) -> Reranker | None:
    """The reranker that `OPENBOOK_RERANKER` would choose by this name."""
    return reranker(settings.model_copy(update={"reranker": name}))


def blob_store(settings: Settings) -> BlobStore:
    """Where originals are kept. The store in S3 needs the extra `s3`."""
    match settings.blob_store:
        case "filesystem":
            return FilesystemBlobStore(settings.data_dir / "blobs")
        case "s3":
            from ingestion.blob_stores.s3 import connect  # noqa: PLC0415  # boto3 is an extra

            return connect(settings.s3_bucket or "", settings.s3_endpoint_url)


def extractive(count_tokens: Callable[[Sequence[str]], list[int]]) -> Generator:
    """The one that needs no model."""
    return ExtractiveGenerator(count_tokens)


def served(settings: Settings) -> Callable[[], VllmGenerator] | None:
    """What makes one that a model's server writes for, with connections of its own; None where there is no server."""
    url, model, key = settings.generator_url, settings.generator_model, settings.generator_api_key
    if not (url and model):
        return None
    secret = key.get_secret_value() if key else None
    return partial(
        VllmGenerator, url, model, secret, settings.generator_timeout_seconds, settings.generator_connections
    )


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


def _prompts(settings: Settings) -> Prompts:
    return Prompts(settings.embedder_query_prompt, settings.embedder_document_prompt)
