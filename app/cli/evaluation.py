"""The product measured through itself: `openbook evaluate`."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from app.cli.terminal import Key, Url, connected, console
from app.evaluation.datasets import load
from app.evaluation.runs import Measured, fill, measure
from retrieval.types import SearchMode

commands = typer.Typer()


MODES: tuple[SearchMode, ...] = ("lexical", "dense", "hybrid")

FIGURES = {
    "nDCG@10": "{0.ndcg_at_10:.3f}",
    "recall@5": "{0.recall_at_5:.3f}",
    "recall@10": "{0.recall_at_10:.3f}",
    "recall@100": "{0.recall_at_100:.3f}",
    "MRR@10": "{0.mrr_at_10:.3f}",
    "MAP": "{0.mean_average_precision:.3f}",
    "ms per query": "{0.milliseconds:.1f}",
}


@commands.command()
def evaluate(
    folder: Annotated[Path, typer.Argument(exists=True, file_okay=False, help="A dataset in the BEIR layout.")],
    url: Url = None,
    key: Key = None,
) -> None:
    """Measure retrieval on a dataset, through the service, in a collection named after it."""
    dataset = load(folder)
    collection = f"evaluation-{dataset.name}"[:64]
    with connected(url, key) as client:
        with console.status(f"ingesting {len(dataset.corpus)} documents"):
            corpus_ids = fill(client, dataset, collection)
        measured: list[Measured] = []
        for mode in MODES:
            with console.status(f"asking {len(dataset.queries)} queries, {mode}"):
                measured.append(measure(client, dataset, collection, corpus_ids, mode))
    table = Table(f"{dataset.name}, {len(dataset.queries)} queries", *MODES)
    for name, figure in FIGURES.items():
        table.add_row(name, *(figure.format(each) for each in measured))
    console.print(table)
