"""The command line, `openbook`: one file here per kind of command."""

import typer

from app.cli import (
    backups,
    documents,
    evaluation,
    exchange,
    keys,
    mcp,
    models,
    processes,
    questions,
    reindexing,
    tuning,
    watch,
)

cli = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
for module in (processes, documents, watch, questions, reindexing, exchange, backups, evaluation, mcp):
    cli.add_typer(module.commands)
cli.add_typer(keys.commands, name="keys")
cli.add_typer(models.commands, name="models")
cli.add_typer(tuning.commands, name="tune")


def main() -> None:
    """The `openbook` script."""
    cli()
