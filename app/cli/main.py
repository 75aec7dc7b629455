"""The command line, `openbook`: one file here per kind of command, imported when one of its commands is asked for."""

from importlib import import_module

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_group

from app.garbage import end_uncollected, uncollected

_FILES = {
    "serve": "processes",
    "worker": "processes",
    "migrate": "processes",
    "ingest": "documents",
    "watch": "watch",
    "search": "questions",
    "ask": "questions",
    "reindex": "reindexing",
    "export": "exchange",
    "import": "exchange",
    "backup": "backups",
    "restore": "backups",
    "evaluate": "evaluation",
    "mcp": "mcp",
}
_GROUPS = {"keys": "keys", "models": "models", "tune": "tuning"}


class _OnDemand(TyperGroup):
    """A question to a running service waits for the import of nothing that only a service needs."""

    def list_commands(self, ctx: object) -> list[str]:
        return [*_FILES, *_GROUPS]

    def get_command(self, ctx: object, cmd_name: str) -> TyperCommand | TyperGroup | None:
        """All are imported for a name that is none of theirs: what was meant is looked for among them."""
        names = self.list_commands(ctx)
        for name in [cmd_name] if cmd_name in names else names:
            if name not in self.commands:
                self._load(name)
        command = self.commands.get(cmd_name)
        return command if isinstance(command, TyperCommand | TyperGroup) else None

    def _load(self, name: str) -> None:
        if name in _GROUPS:
            self.add_command(get_group(_commands(_GROUPS[name])), name)
            return
        file = typer.Typer()
        file.add_typer(_commands(_FILES[name]))
        for own, command in get_group(file).commands.items():
            self.add_command(command, own)


class _Uncollected(_OnDemand):
    """Commands of a process that has nothing else in it: what their import brings is never looked through."""

    def get_command(self, ctx: object, cmd_name: str) -> TyperCommand | TyperGroup | None:
        with uncollected():
            return super().get_command(ctx, cmd_name)


def _commands(file: str) -> typer.Typer:
    return import_module(f"app.cli.{file}").commands


cli = typer.Typer(cls=_OnDemand, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


@cli.callback()
def openbook() -> None:
    """Answers from your own documents, each sentence with its citation."""


def main() -> None:
    """The `openbook` script."""
    end_uncollected()
    cli.info.cls = _Uncollected
    cli()
