"""Models fitted to one's own documents: `openbook tune embedder | reranker`."""

from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from app.cli.terminal import console, explained, fail, settings_of_environment
from app.wiring import build, close

if TYPE_CHECKING:
    from app.tuning.tune import Kind, Outcome

commands = typer.Typer(no_args_is_help=True, help="Fit a model to a collection, if that makes its search better.")

Collection = Annotated[str, typer.Argument(help="The collection whose documents it is trained on.")]
Minutes = Annotated[float, typer.Option(min=0.1, help="How long to train at most; comparing comes on top.")]


@commands.command()
def embedder(collection: Collection, minutes: Minutes = 5.0) -> None:
    """Train an adapter on the embedder that is set, and keep it if the search gets significantly better."""
    outcome = _tuned("embedder", collection, minutes)
    if outcome.folder is not None:
        console.print(
            f"Set OPENBOOK_EMBEDDER={escape(str(outcome.folder))}, start the service again, and run "
            f"[bold]openbook reindex {escape(collection)}[/bold].",
            soft_wrap=True,
        )


@commands.command()
def reranker(collection: Collection, minutes: Minutes = 5.0) -> None:
    """Train a cross-encoder, from the one that is set or from the packaged model, and keep it if it helps."""
    outcome = _tuned("reranker", collection, minutes)
    if outcome.folder is not None:
        console.print(
            f"Set OPENBOOK_RERANKER=cross-encoder:{escape(str(outcome.folder))} and start the service again.",
            soft_wrap=True,
        )


def _tuned(kind: "Kind", name: str, minutes: float) -> "Outcome":
    from app.tuning.tune import CannotTune, tune  # noqa: PLC0415 - the measures take a second that others need not

    settings = settings_of_environment()
    with explained():
        services = build(settings)
        try:
            services.db.migrate()
            record = services.collections.by_name(name)
            if record is None:
                fail(f"there is no collection “{name}” in {settings.database}")
            with console.status("") as status:
                outcome = tune(services, kind, record, minutes, status.update)
        except CannotTune as error:
            fail(str(error))
        finally:
            close(services)
    _print(outcome)
    return outcome


def _print(outcome: "Outcome") -> None:
    found = ", ".join(f"{count} from {source}" for source, count in outcome.questions.items() if count)
    trained, compared = outcome.trained, outcome.comparison
    console.print(f"Questions: {found}. Trained on {outcome.examples}.")
    console.print(f"{trained.steps} steps in {trained.seconds:.0f} s, {trained.precision}.")
    console.print(
        f"nDCG@10 on {compared.questions} questions of documents that were held back: {compared.before:.3f} before, "
        f"{compared.after:.3f} after; difference {compared.after - compared.before:+.3f}, 95 % between "
        f"{compared.low:+.3f} and {compared.high:+.3f}.",
        soft_wrap=True,
    )
    if outcome.folder is None:
        console.print("Not significantly better: the model was not kept, and nothing changes.")
