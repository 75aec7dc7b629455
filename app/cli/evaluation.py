"""The product measured through itself: `openbook evaluate`."""

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from app.cli.terminal import Key, Url, connected, console, fail
from app.client import Client
from app.evaluation.datasets import Dataset, load
from app.evaluation.pages import PageDataset, PagesMeasured, fill_pages, is_page_dataset, load_pages, measure_pages
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
PAGES_AT = (1, 5, 10)
_LAYOUTS = "a dataset is corpus.jsonl, queries.jsonl and qrels.tsv, or questions.jsonl beside the files it asks about"


@commands.command()
def evaluate(
    folder: Annotated[
        Path,
        typer.Argument(
            exists=True,
            file_okay=False,
            help="A dataset: in the BEIR layout, or questions.jsonl with evidence pages beside the files.",
        ),
    ],
    url: Url = None,
    key: Key = None,
) -> None:
    """Measure retrieval on a dataset, through the service, in a collection named after it."""
    collection = f"evaluation-{folder.resolve().name}"[:64]
    try:
        dataset = load_pages(folder) if is_page_dataset(folder) else load(folder)
    except FileNotFoundError as error:
        fail(f"{error.filename} is not there: {_LAYOUTS}" if error.filename else str(error))
    with connected(url, key) as client:
        if isinstance(dataset, PageDataset):
            _evaluate_pages(client, dataset, collection)
        else:
            _evaluate_documents(client, dataset, collection)


def _evaluate_documents(client: Client, dataset: Dataset, collection: str) -> None:
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


def _evaluate_pages(client: Client, dataset: PageDataset, collection: str) -> None:
    with console.status(f"ingesting {len(dataset.files)} files"):
        names = fill_pages(client, dataset, collection)
    measured: list[PagesMeasured] = []
    for mode in MODES:
        with console.status(f"asking {len(dataset.questions)} questions, {mode}"):
            measured.append(measure_pages(client, dataset, collection, names, mode))
    console.print(_per_question(measured[-1]))
    table = Table(f"{dataset.name}, {len(dataset.questions)} questions", *MODES)
    table.add_row("right document first", *(f"{each.document_at_1:.3f}" for each in measured))
    for k in PAGES_AT:
        table.add_row(f"evidence page in the top {k}", *(f"{each.page_at(k):.3f}" for each in measured))
    table.add_row("ms per query", *(f"{each.milliseconds:.1f}" for each in measured))
    console.print(table)


def _per_question(measured: PagesMeasured) -> Table:
    table = Table("document", "evidence pages", "document first", "page's rank", "question")
    for row in measured.rows:
        pages = ", ".join(str(page) for _, page in sorted(row.question.evidence))
        rank = "-" if row.page_rank is None else str(row.page_rank)
        first = "yes" if row.document_first else "no"
        table.add_row(escape(row.question.document), pages, first, rank, escape(row.question.text))
    return table
