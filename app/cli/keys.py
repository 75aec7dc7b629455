"""API keys: `openbook keys list | create | revoke`."""

from typing import Annotated, Literal

import typer
from rich.markup import escape
from rich.table import Column, Table

from app.cli.terminal import Key, Url, connected, console

commands = typer.Typer(no_args_is_help=True, help="List, make and revoke API keys.")


@commands.command(name="list")
def list_keys(url: Url = None, key: Key = None) -> None:
    """Show the keys there are; their secrets are not kept."""
    table = Table(Column("id", no_wrap=True), "name", "role", "collections", "created")
    with connected(url, key) as client:
        for each in client.listed("/v1/admin/keys"):
            limited = ", ".join(each["collections"]) if each["collections"] is not None else "all"
            table.add_row(each["id"], escape(each["name"]), each["role"], limited, each["created_at"])
    console.print(table)


@commands.command(name="create")
def create_key(
    name: str,
    role: Annotated[Literal["reader", "admin"], typer.Option(help="What the key may do.")] = "reader",
    collection: Annotated[list[str] | None, typer.Option(help="Limit the key to it; may be repeated.")] = None,
    url: Url = None,
    key: Key = None,
) -> None:
    """Make a key and print it, once."""
    with connected(url, key) as client:
        made = client.post("/v1/admin/keys", {"name": name, "role": role, "collections": collection or None})
    console.print(made["key"], highlight=False, soft_wrap=True)


@commands.command(name="revoke")
def revoke_key(key_id: str, url: Url = None, key: Key = None) -> None:
    """End a key, with the sessions made from it, at once."""
    with connected(url, key) as client:
        client.delete(f"/v1/admin/keys/{key_id}")
