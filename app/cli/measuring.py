"""What `openbook evaluate` does: datasets into collections, questions asked, figures told."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from http import HTTPStatus
from pathlib import Path
from urllib.parse import quote

from rich.markup import escape
from rich.table import Table

from app.cli.terminal import connected, console, fail
from app.client import Client, Refused
from app.evaluation.asking import Asker
from app.evaluation.calibration import TooFewQuestions, calibrate
from app.evaluation.comparison import Comparison, NothingInCommon, compare
from app.evaluation.configurations import DEFAULT, InvalidConfiguration, configuration
from app.evaluation.corpus import CorpusIds, UnknownDocuments, prepare, standing
from app.evaluation.datasets import NoDataset, load
from app.evaluation.own_questions import load_table, of_feedback
from app.evaluation.report import page, told
from app.evaluation.runs import Plan, Run, Runs, read_runs, run
from app.evaluation.summary import Summary
from app.evaluation.types import Dataset, Question, Split, sample

_FOREIGN = 100  # questions of each other set


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which questions to ask of which collection; without a collection, of each dataset's own."""

    datasets: tuple[Path, ...]
    collection: str | None
    from_feedback: bool
    questions_of: Path | None
    foreign: tuple[Path, ...]
    limit: int | None
    split: Split | None


@contextmanager
def in_words() -> Generator[None]:
    """Turn what is wrong with what was given into one line of words."""
    try:
        yield
    except (NoDataset, UnknownDocuments, InvalidConfiguration, NothingInCommon, TooFewQuestions) as error:
        fail(str(error))


def stored(*paths: str) -> list[Run]:
    """Runs that were written before."""
    return [each for path in paths for each in read_runs(Path(path))]


def measured(
    wanted: Wanted, configurations: Sequence[str], false_refusals: float | None, url: str | None, key: str | None
) -> list[Run]:
    """Every dataset under every configuration; an admin's service keeps the summaries, and a threshold if told to."""
    chosen = [configuration(each) for each in configurations] or [DEFAULT]
    if false_refusals is not None and len(chosen) > 1:
        raise InvalidConfiguration("a threshold is calibrated for one configuration, and here are several")
    datasets = [_loaded(path, wanted) for path in wanted.datasets]
    foreign = tuple(_foreign(path) for path in wanted.foreign)
    if not (datasets or wanted.from_feedback):
        raise NoDataset("there is nothing to ask: give a dataset, or --from-feedback")
    runs: list[Run] = []
    with connected(url, key) as client:
        if wanted.from_feedback:
            datasets.append(_rated(client, wanted))
        for given in datasets:
            dataset, collection, ids = _placed(client, given, wanted.collection)
            for each in chosen:
                asker = Asker(client, collection, ids, each)
                runs.append(_run(asker, Plan(dataset, tuple(question for other in foreign for question in other))))
                _keep(client, runs[-1])
        if false_refusals is not None:
            _calibrate(client, runs, false_refusals)
    return runs


def report(runs: Sequence[Run], json_file: Path | None, html_file: Path | None, *, compared: bool) -> None:
    """Tell the figures in the terminal, and write what was asked for."""
    for dataset in dict.fromkeys(each.summary.dataset for each in runs):
        summaries = [each.summary for each in runs if each.summary.dataset == dataset]
        console.print(_figures(summaries))
        console.print(_times(summaries))
    comparisons = _comparisons(runs) if compared else []
    for comparison in comparisons:
        console.print(_differences(comparison))
        console.print(_changes(comparison))
    if json_file is not None:
        json_file.write_text(Runs(runs=list(runs)).model_dump_json(indent=1) + "\n", encoding="utf-8")
    if html_file is not None:
        html_file.write_text(page(runs, comparisons), encoding="utf-8")


def _comparisons(runs: Sequence[Run]) -> list[Comparison]:
    """Of the two runs of each dataset."""
    by_dataset: dict[str, list[Run]] = {}
    for each in runs:
        by_dataset.setdefault(each.summary.dataset, []).append(each)
    for dataset, several in by_dataset.items():
        if len(several) != 2:
            raise NothingInCommon(f"{dataset}: two runs are compared, and here are {len(several)}")
    return [compare(*pair) for pair in by_dataset.values()]


def _rated(client: Client, wanted: Wanted) -> Dataset:
    if wanted.collection is None:
        raise NoDataset("say by --collection which documents the feedback is about")
    documents = {str(each["id"]) for each in client.listed("/v1/documents", collection=wanted.collection)}
    return _drawn(of_feedback(client.listed("/v1/admin/feedback"), documents), wanted)


def _drawn(dataset: Dataset, wanted: Wanted) -> Dataset:
    questions = sample(dataset.questions, wanted.limit, wanted.split)
    if not questions:
        raise NoDataset(f"{dataset.name}: there are no questions")
    return replace(dataset, questions=questions)


def _loaded(path: Path, wanted: Wanted) -> Dataset:
    if path.is_dir():
        dataset = load(path)
    elif wanted.collection is None:
        raise NoDataset(f"{path}: say by --collection what its questions are about")
    else:
        dataset = load_table(path)
    if wanted.questions_of is not None:
        words = load(wanted.questions_of).queries
        dataset = replace(
            dataset,
            name=f"{dataset.name} asked by {wanted.questions_of.resolve().name}",
            questions=tuple(replace(each, text=words[each.id]) for each in dataset.questions if each.id in words),
        )
    return _drawn(dataset, wanted)


def _foreign(path: Path) -> tuple[Question, ...]:
    other = load(path)
    drawn = sample(other.questions, _FOREIGN, None)
    return tuple(Question(f"{other.name}:{each.id}", each.text, answerable=False) for each in drawn)


def _placed(client: Client, dataset: Dataset, collection: str | None) -> tuple[Dataset, str, CorpusIds]:
    """The dataset, where its documents are, and what they are called there."""
    if collection is not None:
        placed, ids = standing(client, dataset, collection)
        return placed, collection, ids
    with console.status(f"bringing in {len(dataset.corpus)} documents of {escape(dataset.name)}"):
        return dataset, *prepare(client, dataset)


def _run(asker: Asker, plan: Plan) -> Run:
    with console.status("asking") as status:
        words = f"{escape(plan.dataset.name)}, {escape(asker.configuration.name)}"
        return run(asker, plan, lambda done, of: status.update(f"{words}: {done} of {of} questions"))


def _keep(client: Client, finished: Run) -> None:
    try:
        client.post("/v1/admin/evaluations", finished.summary.model_dump(mode="json"))
    except Refused as refusal:
        if refusal.problem["status"] != HTTPStatus.FORBIDDEN:  # a reader's runs are the reader's own
            raise


def _calibrate(client: Client, runs: Sequence[Run], false_refusals: float) -> None:
    found = calibrate(runs, false_refusals)
    body = {"abstain_below": found.abstain_below, "false_refusals": found.false_refusals}
    of = quote(runs[0].summary.collection, safe="")
    in_force = client.put(f"/v1/admin/calibration?collection={of}", {**body, "answerable": found.answerable})
    foreign = "" if found.foreign_refused is None else f", and {found.foreign_refused:.3f} of the foreign ones"
    console.print(
        f"Below {found.abstain_below:.3f} the service abstains: of {found.answerable} questions that the documents "
        f"answer it refuses {found.false_refusals:.3f}{foreign}.",
        soft_wrap=True,
    )
    if in_force["source"] == "setting":
        console.print(f"OPENBOOK_ABSTAIN_BELOW is set, and goes before it: {in_force['abstain_below']:.3f}.")


def _figures(summaries: Sequence[Summary]) -> Table:
    first = summaries[0]
    title = f"{escape(first.dataset)}, {first.questions} questions"
    table = Table(title, *(escape(summary.configuration.name) for summary in summaries))
    by_run = [{figure.name: figure for figure in summary.figures} for summary in summaries]
    for name in dict.fromkeys(name for figures in by_run for name in figures):
        table.add_row(name, *(escape(told(figures.get(name))) for figures in by_run))
    return table


def _times(summaries: Sequence[Summary]) -> Table:
    table = Table("milliseconds: p50 / p95", *(escape(summary.configuration.name) for summary in summaries))
    by_run = [{each.stage: f"{each.p50:.1f} / {each.p95:.1f}" for each in summary.timings} for summary in summaries]
    for stage in dict.fromkeys(stage for times in by_run for stage in times):
        table.add_row(stage, *(times.get(stage, "") for times in by_run))
    return table


def _differences(comparison: Comparison) -> Table:
    first, second = comparison.first.summary.configuration.name, comparison.second.summary.configuration.name
    table = Table("difference", escape(first), escape(second), "difference, 95 %", "p", "questions")
    for each in comparison.measures:
        apart = each.difference
        table.add_row(
            each.name,
            f"{each.first:.3f}",
            f"{each.second:.3f}",
            escape(f"{apart.mean:+.3f} [{apart.low:+.3f}, {apart.high:+.3f}]"),
            f"{apart.p_value:.4f}",
            str(apart.count),
        )
    return table


def _changes(comparison: Comparison) -> Table:
    table = Table("what changed most", "measure", "gain")
    for each in comparison.changed:
        table.add_row(escape(each.question), each.measure, f"{each.gain:+.2f}")
    return table
