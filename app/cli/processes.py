"""The processes of the service, and its database: `openbook serve | worker | migrate`."""

from typing import Annotated

import typer

from app import worker
from app.cli.terminal import console, explained, settings_of_environment
from app.db.database import Database
from app.serve import serve as serve_until_stopped
from app.telemetry import configure_logging

commands = typer.Typer()


@commands.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on; OPENBOOK_HOST otherwise.")] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Port to listen on; OPENBOOK_PORT otherwise.")
    ] = None,
    browser: Annotated[bool, typer.Option(help="Open the first start's login link, where there is a screen.")] = True,
) -> None:
    """Run the service, and its worker beside it, until told to stop."""
    given = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    settings = settings_of_environment().model_copy(update=given)
    configure_logging(settings)
    with explained():
        serve_until_stopped(settings, may_open_browser=browser)


@commands.command(name="worker")
def work() -> None:
    """Run a worker of its own, beside services on other machines."""
    settings = settings_of_environment()
    configure_logging(settings)
    with explained():
        worker.run(settings, worker.new_name())


@commands.command()
def migrate() -> None:
    """Bring the database to the schema of this version."""
    database = Database(settings_of_environment().database)
    with explained():
        database.migrate()
    database.dispose()
    console.print("The database is up to date.")
