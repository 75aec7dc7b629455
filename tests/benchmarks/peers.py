"""Openbook beside what one would use instead: the same documents, model and machine, in one run."""

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import corpora
from app.evaluation.types import CorpusDocument, Dataset
from measure import Table, p50, p95
from scifact import filled, ndcg_at_10, search_row
from service import running

PEERS = ("langchain", "txtai")
SCRIPT = Path(__file__).parent / "peers" / "run.py"


@dataclass(frozen=True, slots=True)
class Peer:
    """What one setting of a peer did."""

    name: str
    seconds: float
    milliseconds: tuple[float, ...]
    ranked: dict[str, list[str]]


def run() -> list[Table]:
    dataset = corpora.scifact_or_made()
    with tempfile.TemporaryDirectory() as folder, running(Path(folder), samples="false") as service:
        seconds, corpus_ids = filled(service.client, dataset)
        _, median, slow, quality = search_row(service.client, dataset, corpus_ids)
    own = float(median)
    rows = [("Openbook, over HTTP", median, slow, "1x", quality, f"{len(dataset.corpus) / seconds:.0f}")]
    rows += [_row(peer, own, dataset) for peer in _measured(dataset)]
    return [
        Table(
            f"Beside other libraries: {dataset.name}, {len(dataset.corpus):,} documents",
            ("what", "p50 ms", "p95 ms", "p50 to Openbook's", "nDCG@10", "documents/s ingested"),
            tuple(rows),
            (
                "all-MiniLM-L6-v2 everywhere, the query's embedding included, one thread asking. The libraries run in "
                "the process that asks; Openbook is asked over HTTP, checks the key and reads hits from the database.",
            ),
        )
    ]


def _row(peer: Peer, own: float, dataset: Dataset) -> tuple[str, ...]:
    quality = f"{ndcg_at_10(dataset, peer.ranked):.3f}" if dataset.qrels else "no judgements"
    median = p50(peer.milliseconds)
    rate = f"{len(dataset.corpus) / peer.seconds:.0f}"
    return (peer.name, f"{median:.1f}", f"{p95(peer.milliseconds):.1f}", f"{median / own:.1f}x", quality, rate)


def _measured(dataset: Dataset) -> Iterator[Peer]:
    corpus = [(each.id, f"{each.title}\n{each.text}") for each in dataset.corpus if isinstance(each, CorpusDocument)]
    with tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8") as file:
        json.dump({"corpus": corpus, "queries": dict(dataset.queries)}, file)
        file.flush()
        for peer in PEERS:
            for line in _lines([_python(), str(SCRIPT), peer, file.name]):
                row = json.loads(line)
                yield Peer(row["name"], row["seconds"], tuple(row["milliseconds"]), row["ranked"])


def _lines(command: Sequence[str]) -> list[str]:
    offline = os.environ | {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
    done = subprocess.run(command, env=offline, stdout=subprocess.PIPE, text=True, check=True)
    return [line for line in done.stdout.splitlines() if line.startswith("{")]


def _python() -> str:
    python = os.environ.get("BENCH_PEERS")
    if not python:
        raise SystemExit("The peers live in an environment of their own: run `make bench-peers`.")
    return python
