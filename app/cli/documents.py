"""Documents into a collection: `openbook ingest`."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from app.cli.terminal import Key, Url, connected, console, fail
from ingestion.formats import LOCK_PREFIX, SUFFIXES

commands = typer.Typer()


@commands.command()
def ingest(
    paths: Annotated[list[Path], typer.Argument(exists=True, help="Files, or folders to walk through.")],
    collection: Annotated[str, typer.Option("--collection", "-c", help="The collection to add to.")] = "default",
    password: Annotated[
        str | None, typer.Option(envvar="OPENBOOK_PASSWORD", help="Opens the encrypted PDFs among them.")
    ] = None,
    url: Url = None,
    key: Key = None,
) -> None:
    """Add documents and wait until they can be asked about; what was not read of them is told."""
    files = list(_files(paths))
    if not files:
        fail(f"nothing to ingest: expected files that end in {', '.join(sorted(SUFFIXES))}")
    with connected(url, key) as client, _progress() as progress:
        client.ensure_collection(collection)
        uploading = progress.add_task("uploaded", total=len(files))
        reading = progress.add_task("ready", total=len(files))
        problems: list[str] = []
        warnings: list[str] = []
        ids: set[str] = set()
        for path, reply in client.upload(files, collection, password):
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
            else:
                warnings += [f"{document['name']}: {warning}" for warning in document["warnings"]]
    for warning in warnings:
        console.print(f"[yellow]![/yellow] {escape(warning)}", highlight=False)
    for problem in problems:
        console.print(f"[red]✗[/red] {escape(problem)}", highlight=False)
    console.print(f"{len(files) - len(problems)} of {len(files)} files are ready in the collection “{collection}”.")
    if problems:
        raise typer.Exit(1)


def _is_document(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(LOCK_PREFIX) and path.is_file()


def _files(paths: list[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from sorted(each for each in path.rglob("*") if _is_document(each))
        else:
            yield path


def _progress() -> Progress:
    return Progress(TextColumn("{task.description:>9}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
