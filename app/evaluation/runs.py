"""A run: a dataset's corpus in a collection of the service, its queries searched, its documents ranked and measured."""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

from app.client import Client, Json
from app.evaluation.datasets import Dataset
from retrieval.metrics import mean_average_precision, mrr, ndcg, recall
from retrieval.types import SearchMode

_HITS = 100


@dataclass(frozen=True, slots=True)
class Measured:
    """The figures of one search mode on one dataset, each the mean over its queries."""

    mode: SearchMode
    ndcg_at_10: float
    recall_at_5: float
    recall_at_10: float
    recall_at_100: float
    mrr_at_10: float
    mean_average_precision: float
    milliseconds: float


def fill(client: Client, dataset: Dataset, collection: str) -> Mapping[str, list[str]]:
    """Bring the corpus into the collection; gives corpus ids by document id (the same text twice is one document)."""
    client.ensure_collection(collection)
    with tempfile.TemporaryDirectory() as folder:
        paths: list[Path] = []
        for position, document in enumerate(dataset.corpus):
            path = Path(folder) / f"{position}.md"
            path.write_text(document.markdown())
            paths.append(path)
        found: dict[str, list[str]] = {}
        for document, (_, reply) in zip(dataset.corpus, client.upload(paths, collection), strict=True):
            if "id" in reply:  # an empty text is refused, and no query can ask for it
                found.setdefault(reply["id"], []).append(document.id)
        for _ in client.settled(collection, set(found)):
            pass
    return found


def measure(
    client: Client, dataset: Dataset, collection: str, corpus_ids: Mapping[str, list[str]], mode: SearchMode
) -> Measured:
    """Search every query; a document ranks where its best chunk does."""
    run: dict[str, list[str]] = {}
    times: list[float] = []
    for query_id, query in dataset.queries.items():
        body: Json = {"query": query, "collections": [collection], "k": _HITS, "mode": mode}
        reply = client.post("/v1/search", body)
        times.append(reply["timings_ms"]["total"])
        run[query_id] = [corpus_id for hit in reply["hits"] for corpus_id in corpus_ids.get(hit["document"]["id"], [])]
    return Measured(
        mode=mode,
        ndcg_at_10=ndcg(run, dataset.qrels, 10),
        recall_at_5=recall(run, dataset.qrels, 5),
        recall_at_10=recall(run, dataset.qrels, 10),
        recall_at_100=recall(run, dataset.qrels, 100),
        mrr_at_10=mrr(run, dataset.qrels, 10),
        mean_average_precision=mean_average_precision(run, dataset.qrels),
        milliseconds=mean(times),
    )
