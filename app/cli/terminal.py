"""What all commands share: the terminal, the settings, the service to speak to, and errors in words."""

import os
from collections.abc import Generator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Annotated, NoReturn

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.markup import escape

from app import data_folder
from app.client import Client, ServiceError, client_of
from app.data_folder import DataFolderHeld
from app.db.errors import DatabaseError
from app.settings import Settings, UnsafeAdminKey, misnamed
from retrieval.errors import ModelUnavailable

console = Console()

Url = Annotated[str | None, typer.Option(help="A service elsewhere, like https://books.example.org.")]
Key = Annotated[str | None, typer.Option(envvar="OPENBOOK_KEY", help="The API key for that service.")]


def settings_of_environment() -> Settings:
    """The settings; a name that is none of theirs is told of, and values that cannot work end the command."""
    for words in misnamed(os.environ):
        Console(stderr=True).print(f"[yellow]{escape(words)}[/yellow]", highlight=False)
    try:
        return Settings()
    except ValidationError as error:
        fail("; ".join(_in_words(each["loc"], each["msg"]) for each in error.errors()))


def _in_words(names: Sequence[int | str], problem: str) -> str:
    """A setting's problem, without its value: that may be a secret."""
    words = problem.removeprefix("Value error, ")
    return ": ".join([*(f"OPENBOOK_{str(name).upper()}" for name in names), words])


@contextmanager
def connected(url: str | None, key: str | None) -> Generator[Client]:
    """The named service, the one that holds the data folder, or else one for the length of this command."""
    settings = settings_of_environment()
    with explained():
        address = url or data_folder.holder(settings.data_dir)
        secret = key or (None if url else _stored_key(settings))  # our admin key is not for services elsewhere
        with client_of(address, secret) if address else _own_service(settings) as client:
            yield client


def _own_service(settings: Settings) -> AbstractContextManager[Client]:
    from app.serve import own_service  # noqa: PLC0415  # two seconds that a question to a running service need not wait

    return own_service(settings)


@contextmanager
def explained() -> Generator[None]:
    """Turn what a person can mend into one line of words."""
    try:
        yield
    except (ServiceError, DataFolderHeld, ModelUnavailable, UnsafeAdminKey, DatabaseError) as error:
        fail(str(error))


def _stored_key(settings: Settings) -> str | None:
    if settings.admin_key is not None:
        return settings.admin_key.get_secret_value()
    path = settings.data_dir / "admin.key"
    return path.read_text().strip() if path.exists() else None


def fail(message: str) -> NoReturn:
    Console(stderr=True).print(f"[red]{escape(message)}[/red]", highlight=False)
    raise typer.Exit(1)
