"""Search at 100,000 chunks: made texts and vectors, published through the product's own stores, asked over HTTP."""

import hashlib
import tempfile
import time
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import numpy as np

import corpora
from app.settings import Settings
from app.wiring import Services, build, close
from ingestion.types import Blob, BlobKey, ChunkDraft, Job, Publication, Upload, WorkerId
from measure import Table, milliseconds, p50, p95
from retrieval.sentences import sentence_spans
from retrieval.types import PassageEmbedding
from service import running

CHUNKS = 100_000
CHUNKS_PER_DOCUMENT = 500
MODES = ("hybrid", "lexical", "dense")
WARMING = 20
QUERIES = 200
QUERY_WORDS = 8


def run() -> list[Table]:
    texts = list(corpora.zipf_texts(CHUNKS))
    # None twice, since a query's vector is kept.
    queries = iter(corpora.queries_from(texts, 1 + len(MODES) * (WARMING + QUERIES), QUERY_WORDS))
    with tempfile.TemporaryDirectory() as folder:
        _fill(Path(folder), texts)
        rows: list[tuple[str, ...]] = []
        filled = time.perf_counter()
        with running(Path(folder), samples="false", search_wait_seconds="600") as service:
            # The first search waits for the indexes to be built, as long as it takes.
            service.client.post("/v1/search", {"query": next(queries)})
            first = time.perf_counter() - filled
            for mode in MODES:
                bodies = [{"query": query, "k": 10, "mode": mode} for query in islice(queries, WARMING + QUERIES)]
                times = [milliseconds(lambda asked=body: service.client.post("/v1/search", asked)) for body in bodies]
                timed = times[WARMING:]
                rows.append((mode, f"{p50(timed):.1f}", f"{p95(timed):.1f}"))
    return [
        Table(
            f"/v1/search over HTTP, {CHUNKS:,} chunks",
            ("mode", "p50 ms", "p95 ms"),
            tuple(rows),
            (
                f"{QUERIES} queries of {QUERY_WORDS} words of a random text each, one client; the query is embedded by "
                "the real model, the chunks' vectors are random.",
                f"{first:.1f} s from the start until the first search, both indexes built from the database.",
            ),
        )
    ]


def _fill(folder: Path, texts: Sequence[str]) -> None:
    services = build(Settings(data_dir=folder, samples=False))
    services.db.migrate()
    dim = services.embedder.dim
    collection = services.collections.ensure("default", services.embedder.fingerprint).id
    numbers = np.random.default_rng(3)
    for start in range(0, len(texts), CHUNKS_PER_DOCUMENT):
        upload = Upload(f"made-{start}.txt", "text/plain", _blob(start), {})
        services.documents.register(collection, [upload])
        (job,) = services.jobs.claim(WorkerId("benchmark"), 1, 1 << 40)
        drafts = [_draft(text) for text in texts[start : start + CHUNKS_PER_DOCUMENT]]
        embeddings = {draft.key: _embedding(numbers, dim, len(draft.sentences)) for draft in drafts}
        _publish(services, job, tuple(drafts), embeddings)
    close(services)


def _publish(
    services: Services,
    job: Job,
    drafts: tuple[ChunkDraft, ...],
    embeddings: dict[str, PassageEmbedding],
) -> None:
    services.publications.publish(
        [
            Publication(
                job=job,
                title=job.name,
                language="en",
                metadata={},
                pages=0,
                drafts=drafts,
                warnings=(),
                counts={},
                embeddings=embeddings,
            )
        ]
    )


def _blob(number: int) -> Blob:
    sha256 = hashlib.sha256(str(number).encode()).hexdigest()
    return Blob(BlobKey(sha256), sha256, 1)


def _draft(text: str) -> ChunkDraft:
    return ChunkDraft(
        key=hashlib.sha256(text.encode()).hexdigest(),
        prefix="",
        text=text,
        headings=(),
        sentences=tuple(sentence_spans(text)),
        regions=(),
        pages=(),
        language="en",
        tokens=2 * corpora.WORDS_PER_TEXT,
    )


def _embedding(numbers: np.random.Generator, dim: int, sentences: int) -> PassageEmbedding:
    rows = numbers.standard_normal((1 + sentences, dim), dtype=np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return PassageEmbedding(rows[0], rows[1:].astype(np.float16))
