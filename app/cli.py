"""The command line: `openbook serve | worker | ingest | search | ask | evaluate | keys | migrate`."""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal, NoReturn

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Column, Table

from app import data_folder, worker
from app.auth import UnsafeAdminKey
from app.client import Client, Json, ServiceError, client_of
from app.data_folder import DataFolderHeld
from app.db.errors import DatabaseError
from app.db.session import Database
from app.evaluation.datasets import load
from app.evaluation.runs import Measured, fill, measure
from app.serve import OtherEmbedder, own_service
from app.serve import serve as serve_until_stopped
from app.settings import Settings
from app.telemetry import configure_logging
from ingestion.formats import SUFFIXES
from retrieval.types import SearchMode

cli = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
keys = typer.Typer(no_args_is_help=True, help="List, make and revoke API keys.")
cli.add_typer(keys, name="keys")
console = Console()

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

Url = Annotated[str | None, typer.Option(help="A service elsewhere, like https://books.example.org.")]
Key = Annotated[str | None, typer.Option(envvar="OPENBOOK_KEY", help="The API key for that service.")]
Collection = Annotated[str | None, typer.Option("--collection", "-c", help="Only this collection.")]


@cli.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on; OPENBOOK_HOST otherwise.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; OPENBOOK_PORT otherwise.")] = None,
) -> None:
    """Run the service, and its worker beside it, until told to stop."""
    given = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    settings = _settings().model_copy(update=given)
    configure_logging(settings)
    with _explained():
        serve_until_stopped(settings)


@cli.command(name="worker")
def work() -> None:
    """Run a worker of its own, beside services on other machines."""
    settings = _settings()
    configure_logging(settings)
    with _explained():
        worker.run(settings, worker.new_name())


@cli.command()
def migrate() -> None:
    """Bring the database to the schema of this version."""
    database = Database(_settings().database)
    with _explained():
        database.migrate()
    database.dispose()
    console.print("The database is up to date.")


@cli.command()
def ingest(
    paths: Annotated[list[Path], typer.Argument(exists=True, help="Files, or folders to walk through.")],
    collection: Annotated[str, typer.Option("--collection", "-c", help="The collection to add to.")] = "default",
    url: Url = None,
    key: Key = None,
) -> None:
    """Add documents and wait until they can be asked about."""
    files = list(_files(paths))
    if not files:
        _fail(f"nothing to ingest: expected files that end in {', '.join(sorted(SUFFIXES))}")
    with _connected(url, key) as client, _progress() as progress:
        client.ensure_collection(collection)
        uploading = progress.add_task("uploaded", total=len(files))
        reading = progress.add_task("ready", total=len(files))
        problems: list[str] = []
        ids: set[str] = set()
        for path, reply in client.upload(files, collection):
            progress.advance(uploading)
            if "problem" in reply:
                problems.append(f"{path}: {reply['problem']['detail']}")
                progress.advance(reading)
            elif reply["id"] in ids:
                progress.advance(reading)
            else:
                ids.add(reply["id"])
        for document in client.settled(collection, ids):
            progress.advance(reading)
            if document["latest_status"] == "failed":
                problems.append(
                    f"{document['name']}: {document['error']['message'] if document['error'] else 'failed'}"
                )
    for problem in problems:
        console.print(f"[red]✗[/red] {escape(problem)}", highlight=False)
    console.print(f"{len(files) - len(problems)} of {len(files)} files are ready in the collection “{collection}”.")
    if problems:
        raise typer.Exit(1)


@cli.command()
def search(
    query: str,
    collection: Collection = None,
    k: Annotated[int, typer.Option("-k", min=1, max=100, help="How many hits.")] = 5,
    mode: Annotated[SearchMode, typer.Option(help="Which sides search.")] = "hybrid",
    url: Url = None,
    key: Key = None,
) -> None:
    """Show the passages that fit a query best."""
    body: Json = {"query": query, "collections": [collection] if collection else None, "k": k, "mode": mode}
    with _connected(url, key) as client:
        reply = client.post("/v1/search", body)
    for hit in reply["hits"]:
        pages = ", ".join(map(str, hit["chunk"]["pages"]))
        where = escape(hit["document"]["name"]) + (f", page {pages}" if pages else "")
        console.print(f"[bold]{hit['rank']}[/bold] {where}  [dim]{hit['score']:.3f}[/dim]", highlight=False)
        console.print(f"  {' '.join(hit['chunk']['text'].split())[:300]}", markup=False, highlight=False)
    if not reply["hits"]:
        console.print("Nothing was found.")


@cli.command()
def ask(question: str, collection: Collection = None, url: Url = None, key: Key = None) -> None:
    """Answer a question from the documents, each sentence with its citation."""
    body: Json = {"question": question, "collections": [collection] if collection else None}
    with _connected(url, key) as client:
        for event, content in client.stream_answer(body):
            if event == "delta":
                console.print(content["text"], end="", markup=False, highlight=False)
            elif event == "error":
                _fail(f"{content['title']}: {content['detail']}")
            elif event == "answer":
                _print_citations(content)


@cli.command()
def evaluate(
    folder: Annotated[Path, typer.Argument(exists=True, file_okay=False, help="A dataset in the BEIR layout.")],
    url: Url = None,
    key: Key = None,
) -> None:
    """Measure retrieval on a dataset, through the service, in a collection named after it."""
    dataset = load(folder)
    collection = f"evaluation-{dataset.name}"[:64]
    with _connected(url, key) as client:
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


@keys.command(name="list")
def list_keys(url: Url = None, key: Key = None) -> None:
    """Show the keys there are; their secrets are not kept."""
    table = Table(Column("id", no_wrap=True), "name", "role", "collections", "created")
    with _connected(url, key) as client:
        for each in client.listed("/v1/admin/keys"):
            limited = ", ".join(each["collections"]) if each["collections"] is not None else "all"
            table.add_row(each["id"], escape(each["name"]), each["role"], limited, each["created_at"])
    console.print(table)


@keys.command(name="create")
def create_key(
    name: str,
    role: Annotated[Literal["reader", "admin"], typer.Option(help="What the key may do.")] = "reader",
    collection: Annotated[list[str] | None, typer.Option(help="Limit the key to it; may be repeated.")] = None,
    url: Url = None,
    key: Key = None,
) -> None:
    """Make a key and print it, once."""
    with _connected(url, key) as client:
        made = client.post("/v1/admin/keys", {"name": name, "role": role, "collections": collection or None})
    console.print(made["key"], highlight=False, soft_wrap=True)


@keys.command(name="revoke")
def revoke_key(key_id: str, url: Url = None, key: Key = None) -> None:
    """End a key, with the sessions made from it, at once."""
    with _connected(url, key) as client:
        client.delete(f"/v1/admin/keys/{key_id}")


def main() -> None:
    """The `openbook` script."""
    cli()


def _settings() -> Settings:
    try:
        return Settings()
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, each['loc']))} {each['msg']}".strip() for each in error.errors())
        _fail(f"the settings do not hold together: {problems}")


@contextmanager
def _connected(url: str | None, key: str | None) -> Generator[Client]:
    """The named service, the one that holds the data folder, or else one for the length of this command."""
    settings = _settings()
    with _explained():
        address = url or data_folder.holder(settings.data_dir)
        secret = key or (None if url else _stored_key(settings))  # our admin key is not for services elsewhere
        connection = client_of(address, secret) if address else own_service(settings)
        with connection as client:
            yield client


@contextmanager
def _explained() -> Generator[None]:
    """Turn what a person can mend into one line of words."""
    try:
        yield
    except (ServiceError, DataFolderHeld, OtherEmbedder, UnsafeAdminKey, DatabaseError) as error:
        _fail(str(error))


def _stored_key(settings: Settings) -> str | None:
    if settings.admin_key is not None:
        return settings.admin_key.get_secret_value()
    path = settings.data_dir / "admin.key"
    return path.read_text().strip() if path.exists() else None


def _fail(message: str) -> NoReturn:
    Console(stderr=True).print(f"[red]{escape(message)}[/red]", highlight=False)
    raise typer.Exit(1)


def _files(paths: list[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from sorted(each for each in path.rglob("*") if each.suffix.lower() in SUFFIXES and each.is_file())
        else:
            yield path


def _progress() -> Progress:
    return Progress(TextColumn("{task.description:>9}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())


def _print_citations(answer: Json) -> None:
    console.print()
    for citation in answer["citations"]:
        page = f", page {citation['page']}" if citation["page"] is not None else ""
        name = escape(citation["document"]["name"])
        console.print(f"\\[{citation['label']}] [bold]{name}[/bold]{page}", highlight=False)
        console.print(f"    “{' '.join(citation['quote'].split())}”", markup=False, highlight=False, style="dim")
    for name in answer["degraded"]:
        console.print(f"[yellow]degraded: {name}[/yellow]")


if __name__ == "__main__":
    main()
