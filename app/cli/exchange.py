"""A collection in one file: `openbook export | import`."""

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from app.archives.whole_file import BeingWritten, whole
from app.cli.terminal import Key, Url, connected, console, fail

commands = typer.Typer()


@commands.command(name="export")
def export_collection(
    collection: str,
    file: Annotated[Path, typer.Argument(dir_okay=False, help="The file to write.")],
    url: Url = None,
    key: Key = None,
) -> None:
    """Write a collection with originals, chunks and vectors into one file, for another Openbook."""
    try:
        with connected(url, key) as client, whole(file) as written:
            client.download(f"/v1/admin/collections/{collection}/export", written)
    except BeingWritten as error:
        fail(str(error))
    except OSError as error:
        fail(f"{error.filename or file}: {error.strerror}")
    console.print(f"The collection “{escape(collection)}” is in {escape(str(file))}.", highlight=False, soft_wrap=True)


@commands.command(name="import")
def import_collection(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A file that `openbook export` wrote.")],
    collection: Annotated[
        str | None, typer.Option("--collection", "-c", help="The collection to add to; else the one of its name.")
    ] = None,
    anew: Annotated[
        bool, typer.Option("--anew", help="Ingest the originals again: for vectors of another embedder.")
    ] = False,
    url: Url = None,
    key: Key = None,
) -> None:
    """Take in an exported collection, without a model; what is there already is not doubled."""
    params = {"anew": str(anew).lower()} | ({"collection": collection} if collection else {})
    with connected(url, key) as client, file.open("rb") as content:
        reply = client.send("/v1/admin/collections/import", content, **params)
    told = f"{reply['documents']} documents were added to the collection “{reply['collection']}”"
    if reply["waiting"]:
        told += f", {reply['waiting']} wait for a worker"
    console.print(f"{escape(told)}; {reply['duplicates']} were there already.", highlight=False)
    for each in reply["refused"]:
        console.print(f"[red]✗[/red] {escape(each)}", highlight=False)
    if reply["refused"]:
        raise typer.Exit(1)
