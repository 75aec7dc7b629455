"""Re-indexing: `openbook reindex`, which makes a collection's next index beside the one that answers."""

import time
from http import HTTPStatus
from typing import Annotated

import typer
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from app.cli.terminal import Key, Url, connected, console, fail
from app.client import Client, Json, Refused

commands = typer.Typer()

_POLL_SECONDS = 0.3
_ALL = "/v1/admin/collections"


@commands.command()
def reindex(
    collection: Annotated[str | None, typer.Argument(help="By default each that is out of date, in turn.")] = None,
    cancel: Annotated[bool, typer.Option("--cancel", help="Stop the re-index that is under way.")] = False,
    without_failed: Annotated[
        bool, typer.Option("--without-failed", help="Let a stopped one answer without the documents that failed.")
    ] = False,
    url: Url = None,
    key: Key = None,
) -> None:
    """Read, cut and embed documents anew with today's settings, while the old index goes on answering."""
    with connected(url, key) as client:
        names = [collection] if collection else [one["name"] for one in client.listed(_ALL) if one["outdated"]]
        if not names:
            console.print("Every collection is up to date.")
        for name in names:
            if cancel:
                client.post(f"{_ALL}/{name}/reindex/cancel", {})
                console.print(f"The re-index of “{escape(name)}” is cancelled.")
            else:
                client.post(f"{_ALL}/{name}/reindex", {"without_failed": without_failed})
                _watch(client, name)


def _watch(client: Client, name: str) -> None:
    """Show how far it has come until it answers; what keeps it from that ends the command."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(escape(name), total=None)
        while (state := _state(client, name)) is not None and state["status"] == "running":
            progress.update(task, completed=state["done"], total=state["documents"])
            time.sleep(_POLL_SECONDS)
    if state is None:
        console.print(f"“{escape(name)}” answers from its new index.")
        return
    for failure in state["failures"]:
        console.print(f"[red]✗[/red] {escape(failure['name'])}: {escape(failure['message'])}", highlight=False)
    if state["status"] == "stopped":
        fail(
            f"{state['failed']} of {state['documents']} documents of “{name}” failed, and the old index goes on "
            "answering: mend or delete them and start again, or use --without-failed"
        )
    fail(f"the re-index of “{name}” was cancelled; start it again to go on")


def _state(client: Client, name: str) -> Json | None:
    try:
        return client.get(f"{_ALL}/{name}/reindex")
    except Refused as refusal:
        if refusal.problem["status"] == HTTPStatus.NOT_FOUND:
            return None
        raise
