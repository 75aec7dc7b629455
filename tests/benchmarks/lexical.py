"""How much faster tantivy finds the same ten texts than rank_bm25, at 100,000 texts."""

import tempfile
from pathlib import Path

import numpy as np
from rank_bm25 import BM25Okapi  # pyright: ignore[reportMissingTypeStubs]

import corpora
from measure import Table, milliseconds, p50, p95
from retrieval.lexical_indexes.rank_bm25 import RankBM25Index
from retrieval.lexical_indexes.tantivy import TantivyIndex
from retrieval.ports import LexicalIndex
from retrieval.tokenizer import terms
from retrieval.types import ChunkId, IndexedText, Scored

TEXTS = 100_000
QUERIES = 100
LIBRARY_QUERIES = 30
SAME_SCORE = 1e-4  # relative: tantivy adds up in single precision


def run() -> list[Table]:
    texts = list(corpora.zipf_texts(TEXTS))
    queries = corpora.queries_from(texts, QUERIES)
    indexed = [IndexedText(ChunkId(i), (), text) for i, text in enumerate(texts)]
    with tempfile.TemporaryDirectory() as folder:
        tantivy, oracle = TantivyIndex(Path(folder), terms), RankBM25Index(terms)
        tantivy_build = milliseconds(lambda: tantivy.add(indexed)) / 1000
        oracle.add(indexed)
        tantivy_times, found = _timed(tantivy, queries)
        _, expected = _timed(oracle, queries)
    library_build, library_times = _library(texts, queries[:LIBRARY_QUERIES])
    same = sum(agree(a, b) for a, b in zip(found, expected, strict=True))
    return [
        Table(
            f"Lexical search, {TEXTS:,} texts of about {corpora.WORDS_PER_TEXT} words",
            ("engine", "p50 ms", "p95 ms", "build s"),
            (
                ("tantivy", f"{p50(tantivy_times):.2f}", f"{p95(tantivy_times):.2f}", f"{tantivy_build:.1f}"),
                ("rank_bm25", f"{p50(library_times):.0f}", f"{p95(library_times):.0f}", f"{library_build:.1f}"),
                ("ratio of the p50s", f"{p50(library_times) / p50(tantivy_times):.0f}x", "", ""),
            ),
            (
                f"The same top ten for {same} of {len(queries)} queries (texts of equal score may change places).",
                "Queries: six words of a random text each, frequent words included; one thread. rank_bm25 is the "
                "library as it comes (its scores and a partial sort); the top ten are compared with the product's "
                "RankBM25Index, which has tantivy's parameters.",
            ),
        )
    ]


def _timed(index: LexicalIndex, queries: list[str]) -> tuple[list[float], list[list[Scored]]]:
    index.search(queries[0], 10)
    found: list[list[Scored]] = []
    # More than ten, so that a tie across the tenth place can be seen.
    times = [milliseconds(lambda q=query: found.append(index.search(q, 15))) for query in queries]
    return times, found


def _library(texts: list[str], queries: list[str]) -> tuple[float, list[float]]:
    built: list[BM25Okapi] = []
    seconds = milliseconds(lambda: built.append(BM25Okapi([terms(text) for text in texts]))) / 1000

    def search(query: str) -> list[int]:
        scored: object = built[0].get_scores(terms(query))  # pyright: ignore[reportUnknownVariableType]
        scores = np.asarray(scored, dtype=np.float64)
        best = np.argpartition(scores, -10)[-10:]
        return best[np.argsort(-scores[best])].tolist()

    return seconds, [milliseconds(lambda q=query: search(q)) for query in queries]


def agree(found: list[Scored], expected: list[Scored]) -> bool:
    """Whether both lists have the same ten, where only texts of equal score may differ."""
    score_of = {scored.id: scored.score for scored in expected}
    for ours, theirs in zip(found[:10], expected[:10], strict=True):
        alike = abs(score_of.get(ours.id, float("-inf")) - theirs.score) <= SAME_SCORE * abs(theirs.score)
        if ours.id != theirs.id and not alike:
            return False
    return True
