"""A collection in step with a folder: `openbook watch`."""

import threading
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from app.cli.terminal import Key, Url, connected, console, fail
from app.watching import watch
from app.watching.folder import Folder, FolderGone
from app.watching.watch import Watcher

commands = typer.Typer()


@commands.command(name="watch")
def watch_folder(
    folder: Annotated[Path, typer.Argument(file_okay=False, help="The folder, with all that is below it.")],
    collection: Annotated[str, typer.Option("--collection", "-c", help="The collection to keep in step.")] = "default",
    once: Annotated[bool, typer.Option("--once", help="Compare once, wait for the documents, and end.")] = False,
    mark: Annotated[
        str | None, typer.Option("--as", help="Whose documents are the folder's; needed after it was moved.")
    ] = None,
    url: Url = None,
    key: Key = None,
) -> None:
    """Keep a collection in step with a folder: new, changed, moved and deleted files."""
    with connected(url, key) as client:
        client.ensure_collection(collection)
        watcher = Watcher(client, Folder(folder), collection, mark or watch.mark_of(folder), _tell)
        if not once:
            _follow(watcher, folder)
            return
        try:
            watch.once(watcher)
        except FolderGone as error:
            fail(str(error))
        for document in client.settled(collection, watcher.uploaded):
            if document["latest_status"] == "failed":
                _tell(f"{document['name']} is not ready: {(document['error'] or {}).get('message', 'failed')}")
            else:
                for warning in document["warnings"]:
                    _tell(f"{document['name']}: {warning}")
    console.print(f"The collection “{escape(collection)}” is in step with {escape(str(folder))}.", highlight=False)


def _follow(watcher: Watcher, folder: Path) -> None:
    console.print(f"Watching {escape(str(folder))}; Ctrl-C ends it.", highlight=False)
    try:
        watch.follow(watcher, folder, threading.Event(), _tell)
    except KeyboardInterrupt:
        console.print("Ended.")


def _tell(words: str) -> None:
    console.print(escape(words), highlight=False, soft_wrap=True)
