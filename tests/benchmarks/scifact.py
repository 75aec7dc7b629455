"""Five thousand documents through the running service: being found, changing."""

import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean

import corpora
from app.client import Client
from app.evaluation.corpus import CorpusIds, fill
from app.evaluation.measures import ranking
from app.evaluation.types import Dataset
from measure import Table, milliseconds, p50, p95, wait_until
from service import Running, running

QUERIES = 300
CHANGES = 20


def run() -> list[Table]:
    dataset = corpora.scifact_or_made()
    with tempfile.TemporaryDirectory() as folder, running(Path(folder), samples="false") as service:
        _, corpus_ids = filled(service.client, dataset)
        found = search_row(service.client, dataset, corpus_ids)
        changes = _changes(service, len(corpus_ids))
    searched = Table(
        f"/v1/search over HTTP, {dataset.name}: {len(corpus_ids):,} documents",
        ("asked", "p50 ms", "p95 ms", "nDCG@10"),
        (found,),
        ("One client, one question after the other; the time is the client's, the query's embedding included.",),
    )
    return [searched, changes]


def filled(client: Client, dataset: Dataset) -> tuple[float, CorpusIds]:
    """Seconds from the first upload until all is ready, and corpus ids by document id."""
    client.post("/v1/search", {"query": "load the model before the clock starts"})
    start = time.perf_counter()
    corpus_ids = fill(client, dataset, "default")
    return time.perf_counter() - start, corpus_ids


def search_row(client: Client, dataset: Dataset, corpus_ids: CorpusIds) -> tuple[str, ...]:
    """Queries asked, p50, p95 and nDCG@10 of all queries; the times are those of ten hits each.

    Each is asked once, after as many others that warm the indexes: a query's vector is kept for when it comes again.
    """
    asked = list(dataset.queries.values())
    count = min(QUERIES, len(asked) // 2)
    for query in asked[count : 2 * count]:
        client.post("/v1/search", {"query": query, "k": 10})
    times = [
        milliseconds(lambda query=query: client.post("/v1/search", {"query": query, "k": 10}))
        for query in asked[:count]
    ]
    ranked: dict[str, list[str]] = {}
    for query_id, query in dataset.queries.items():
        hits = client.post("/v1/search", {"query": query, "k": 20})["hits"]
        ranked[query_id] = [each for hit in hits for each in corpus_ids.get(hit["document"]["id"], [])]
    quality = f"{ndcg_at_10(dataset, ranked):.3f} ({len(ranked)} queries)" if dataset.qrels else "no judgements"
    return (f"{count} queries", f"{p50(times):.1f}", f"{p95(times):.1f}", quality)


def ndcg_at_10(dataset: Dataset, ranked: Mapping[str, Sequence[str]]) -> float:
    """The mean over the judged queries; a repeated document counts at its best rank."""
    values = [ranking(grades, list(dict.fromkeys(ranked[query]))) for query, grades in dataset.qrels.items()]
    return mean(value["nDCG@10"] for value in values if value)


def _changes(service: Running, documents: int) -> Table:
    added = [_add_one(service.client, number) for number in range(CHANGES)]
    deleted = [milliseconds(lambda gone=document: _delete(service.client, gone)) for document, _ in added]
    left = sum(_found(service.client, number) is not None for number in range(CHANGES))
    waits = [wait for _, wait in added]
    return Table(
        f"One document more or less, beside {documents:,}",
        ("what", "p50 ms", "p95 ms"),
        (
            ("from the upload's reply until a search finds it", f"{p50(waits):.0f}", f"{p95(waits):.0f}"),
            ("a deletion, from request to reply", f"{p50(deleted):.0f}", f"{p95(deleted):.0f}"),
        ),
        (
            f"{CHANGES} of each, one after the other; a search for a word that only the new document has, every 5 ms.",
            f"After the deletions' replies {left} of the {CHANGES} were still found.",
        ),
    )


def _add_one(client: Client, number: int) -> tuple[str, float]:
    text = f"# Note {number}\n\nThe code word of the lighthouse is {_code_word(number)}.\n"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"note-{number}.md"
        path.write_text(text, encoding="utf-8")
        ((_, document),) = client.upload([path], "default")
    added: str = document["id"]
    return added, milliseconds(lambda: wait_until(lambda: _found(client, number) == added, 30, "the document", 0.005))


def _delete(client: Client, document: str) -> None:
    client.delete(f"/v1/admin/documents/{document}")


def _found(client: Client, number: int) -> str | None:
    hits = client.post("/v1/search", {"query": _code_word(number), "k": 1, "mode": "lexical"})["hits"]
    return hits[0]["document"]["id"] if hits else None


def _code_word(number: int) -> str:
    return f"quokka{number}zephyr"
