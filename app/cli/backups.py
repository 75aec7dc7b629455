"""The whole service in one file, and back: `openbook backup | restore`."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from app import data_folder
from app.archives import backup
from app.archives.archive import ArchiveError
from app.archives.backup import Summary
from app.archives.whole_file import BeingWritten
from app.cli.terminal import console, explained, fail, settings_of_environment
from app.wiring import Services, build, close
from ingestion.errors import IngestionError

commands = typer.Typer()

_LOST_SHOWN = 10  # originals by name; the others are counted


@commands.command(name="backup")
def back_up(file: Annotated[Path, typer.Argument(dir_okay=False, help="The file to write.")]) -> None:
    """Write everything into one file, while services and workers go on: rows of one instant, and all originals."""
    with _services() as services:
        summary = backup.back_up(services, file)
    console.print(f"{_told(summary)} are in {escape(str(file))}.", highlight=False, soft_wrap=True)
    for key in summary.lost[:_LOST_SHOWN]:
        console.print(f"[red]✗[/red] the original {key} is lost or damaged here, and so it is in the backup")
    if len(summary.lost) > _LOST_SHOWN:
        console.print(f"[red]✗[/red] and {len(summary.lost) - _LOST_SHOWN} more")


@commands.command()
def restore(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A file that `openbook backup` wrote.")],
    check: Annotated[bool, typer.Option("--check", help="Only read it to its end and compare every digest.")] = False,
) -> None:
    """Fill an empty data folder and database from a backup; everything is verified before anything is written."""
    if check:
        with _told_in_words():
            summary = backup.check(file)
        console.print(f"Whole: {_told(summary)}.", highlight=False)
        return
    folder = settings_of_environment().data_dir
    with explained(), data_folder.hold(folder, "the restore under way"), _services() as services:
        summary = backup.restore(services, file)
    console.print(f"{_told(summary)} are back.", highlight=False)
    console.print(
        "Sessions have ended. Indexes are rebuilt when they are first asked. The next start says the admin key."
    )


@contextmanager
def _services() -> Generator[Services]:
    with _told_in_words():
        services = build(settings_of_environment())
        try:
            yield services
        finally:
            close(services)


@contextmanager
def _told_in_words() -> Generator[None]:
    with explained():
        try:
            yield
        except (ArchiveError, BeingWritten, IngestionError) as error:
            fail(str(error))
        except OSError as error:
            fail(f"{error.filename or 'the file'}: {error.strerror}")


def _told(summary: Summary) -> str:
    rows = f"{summary.rows:,} rows and " if summary.rows else ""
    return f"{rows}{summary.originals:,} originals of {summary.created_at:%Y-%m-%d %H:%M:%S} UTC"
