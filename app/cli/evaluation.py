"""The product measured through itself: `openbook evaluate`."""

from pathlib import Path
from typing import Annotated

import typer

from app.cli.terminal import Key, Url
from app.evaluation.types import Split

commands = typer.Typer()


Datasets = Annotated[
    list[Path] | None,
    typer.Argument(
        help="Folders in the BEIR layout or with questions.jsonl beside files; or, with --collection, CSV files "
        "with the columns question, answer and maybe document.",
        exists=True,
    ),
]
Configuration = Annotated[
    str | None,
    typer.Option("--configuration", "-c", help="What to ask for: NAME=KEY:VALUE,... or a JSON or TOML file."),
]
Compare = Annotated[
    tuple[str, str] | None,
    typer.Option(help="Two configurations over the same questions; without a dataset, two runs as JSON files."),
]
Collection = Annotated[str | None, typer.Option("--collection", help="Ask this collection; nothing is brought in.")]
FromFeedback = Annotated[
    bool, typer.Option("--from-feedback", help="Ask the collection what askers rated the answers to.")
]
QuestionsOf = Annotated[
    Path | None, typer.Option(help="Ask in the words of this dataset's questions of the same ids.", exists=True)
]
Foreign = Annotated[
    list[Path] | None,
    typer.Option(help="Also ask questions of this dataset, which the documents should not answer.", exists=True),
]
Limit = Annotated[int | None, typer.Option(min=1, help="At most so many questions of each dataset.")]
Half = Annotated[Split | None, typer.Option(help="One half of the questions: tune on the one, report on the other.")]
Calibrate = Annotated[
    float | None,
    typer.Option(
        min=0, max=1, help="Find and keep the threshold of abstention that refuses this share of what is answerable."
    ),
]
JsonFile = Annotated[Path | None, typer.Option("--json", help="Write the runs, question by question.")]
HtmlFile = Annotated[Path | None, typer.Option("--html", help="Write a page with plots.")]


@commands.command()
def evaluate(
    datasets: Datasets = None,
    configuration: Configuration = None,
    compare: Compare = None,
    collection: Collection = None,
    from_feedback: FromFeedback = False,
    questions_of: QuestionsOf = None,
    foreign: Foreign = None,
    limit: Limit = None,
    split: Half = None,
    calibrate: Calibrate = None,
    json_file: JsonFile = None,
    html_file: HtmlFile = None,
    url: Url = None,
    key: Key = None,
) -> None:
    """Measure retrieval and answers on datasets, through the service, in collections made for them."""
    from app.cli import measuring  # noqa: PLC0415  # scipy, sacrebleu and rouge-score take a second that others need not

    wanted = measuring.Wanted(
        datasets=tuple(datasets or ()),
        collection=collection,
        from_feedback=from_feedback,
        questions_of=questions_of,
        foreign=tuple(foreign or ()),
        limit=limit,
        split=split,
    )
    with measuring.in_words():
        configurations = compare or ((configuration,) if configuration else ())
        if compare is not None and not (wanted.datasets or from_feedback):
            runs = measuring.stored(*compare)
        else:
            runs = measuring.measured(wanted, configurations, calibrate, url, key)
        measuring.report(runs, json_file, html_file, compared=compare is not None)
