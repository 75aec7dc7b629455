"""A run: every question of a set asked once under one configuration, measured one by one and as a whole."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from pydantic import Field, ValidationError

from app.api.bodies import Closed, Text
from app.evaluation import measures
from app.evaluation.asking import Asker, Replied, Retrieved
from app.evaluation.datasets import NoDataset
from app.evaluation.measures import GROUPS, Values
from app.evaluation.statistics import (
    Interval,
    auroc_interval,
    mean_interval,
    percentile,
    risk_coverage,
    thinned,
)
from app.evaluation.summary import Case, Figure, Number, Share, Summary, Timing
from app.evaluation.types import Dataset, Question

Kind: TypeAlias = Literal["answerable", "unanswerable", "foreign"]
"""Whether the documents answer a question, and, where they do not, whether it is of another set."""

_CURVE_POINTS = 101  # of the risk-coverage curve: one per hundredth
_WORST = 20  # questions that are shown
_SHOWN_CHARACTERS = 1000


class Row(Closed):
    """What became of one question; evidence, abstention and loss are null where no answer was asked for or known."""

    id: Text
    question: Text
    kind: Kind
    answer: Text
    abstained: bool | None
    evidence: Share | None
    loss: Share | None
    values: dict[str, Number]
    timings: dict[str, Number]


class Run(Closed):
    """A finished run, question by question, with its summary."""

    summary: Summary
    rows: Annotated[list[Row], Field(min_length=1)]


class Runs(Closed):
    """What `openbook evaluate --json` writes."""

    runs: Annotated[list[Run], Field(min_length=1)]


@dataclass(frozen=True, slots=True)
class Plan:
    """What is asked: a set's own questions, and those of other sets that its documents should not answer."""

    dataset: Dataset
    foreign: tuple[Question, ...] = ()

    def questions(self) -> list[tuple[Question, Kind]]:
        """All of them with their kinds."""
        own: list[tuple[Question, Kind]] = [
            (question, "answerable" if question.answerable else "unanswerable") for question in self.dataset.questions
        ]
        return own + [(question, "foreign") for question in self.foreign]


def run(asker: Asker, plan: Plan, told: Callable[[int, int], None]) -> Run:
    """Ask everything; `told` hears how many of how many are done."""
    began = datetime.now(UTC)
    questions = plan.questions()
    rows: list[Row] = []
    for question, kind in questions:
        rows.append(_row(asker, question, kind))
        told(len(rows), len(questions))
    return Run(summary=_summary(asker, plan.dataset.name, began, rows), rows=rows)


def read_runs(path: Path) -> list[Run]:
    """Runs that were written as JSON. Raises NoDataset."""
    try:
        return Runs.model_validate_json(path.read_bytes()).runs
    except OSError as error:
        raise NoDataset(f"{path}: {error.strerror}") from error
    except ValidationError as error:
        raise NoDataset(f"{path}: these are no runs that `openbook evaluate --json` wrote") from error


def _row(asker: Asker, question: Question, kind: Kind) -> Row:
    retrieved = asker.search(question)
    replied = asker.ask(question) if asker.configuration.answers else None
    values = _values(question, kind, retrieved, replied)
    timings = {f"search {stage}": spent for stage, spent in retrieved.timings.items()}
    if replied is not None:
        timings |= {f"answer {stage}": spent for stage, spent in replied.timings.items()}
    return Row(
        id=question.id,
        question=question.text,
        kind=kind,
        answer=replied.text if replied else "",
        abstained=replied.abstained if replied else None,
        evidence=replied.evidence if replied else None,
        loss=measures.loss(question, replied, values) if replied else None,
        values=dict(values),
        timings=timings,
    )


def _values(question: Question, kind: Kind, retrieved: Retrieved, replied: Replied | None) -> Values:
    if kind == "foreign":
        return {"foreign refused": float(replied.abstained)} if replied else {}
    values: dict[str, float] = {}
    if question.answerable:
        values |= {**measures.ranking(question.grades, retrieved.documents), **measures.pages(question, retrieved)}
    if replied is None:
        return values
    if replied.abstained:
        values["abstention precision"] = float(not question.answerable)
    if not question.answerable:
        return {**values, "abstention recall": float(replied.abstained)}
    return {
        **values,
        **measures.answers(question, "" if replied.abstained else replied.text),
        **measures.citations(question, replied.quotes),
        **measures.compression(question, retrieved, replied),
        "false refusals": float(replied.abstained),
    }


def _summary(asker: Asker, dataset: str, began: datetime, rows: Sequence[Row]) -> Summary:
    own = [row for row in rows if row.kind != "foreign"]
    scored = [(row.evidence, row.loss) for row in own if row.evidence is not None and row.loss is not None]
    return Summary(
        dataset=dataset[:100],
        collection=asker.collection,
        configuration=asker.configuration.summary(),
        asked_at=began,
        questions=len(rows),
        unanswerable=sum(row.kind == "unanswerable" for row in rows),
        foreign=sum(row.kind == "foreign" for row in rows),
        figures=_figures(rows),
        risk_coverage=thinned(risk_coverage(scored, len(own)), _CURVE_POINTS),
        timings=_timings(rows),
        worst=[_case(row) for row in sorted(own, key=_badness, reverse=True)[:_WORST] if _badness(row) > 0],
    )


def _figures(rows: Sequence[Row]) -> list[Figure]:
    figures: list[Figure] = []
    for name in GROUPS:
        values = [row.values[name] for row in rows if name in row.values]
        if values:
            figures.append(_figure(name, mean_interval(values), len(values)))
    scores = {kind: [row.evidence for row in rows if row.kind == kind and row.evidence is not None] for kind in _KINDS}
    for name, kind in (("AUROC", "unanswerable"), ("foreign AUROC", "foreign")):
        if scores["answerable"] and scores[kind]:
            parted = auroc_interval(scores["answerable"], scores[kind])
            figures.append(_figure(name, parted, len(scores["answerable"]) + len(scores[kind])))
    return figures


_KINDS: tuple[Kind, ...] = ("answerable", "unanswerable", "foreign")


def _figure(name: str, around: Interval, count: int) -> Figure:
    return Figure(group=GROUPS[name], name=name, mean=around.mean, low=around.low, high=around.high, count=count)


def _timings(rows: Iterable[Row]) -> list[Timing]:
    spent: dict[str, list[float]] = {}
    for row in rows:
        for stage, milliseconds in row.timings.items():
            spent.setdefault(stage, []).append(milliseconds)
    return [
        Timing(stage=stage, p50=percentile(values, 0.5), p95=percentile(values, 0.95))
        for stage, values in spent.items()
    ]


def _badness(row: Row) -> float:
    if row.kind == "answerable" and row.abstained:
        return 1.0
    if row.loss is not None:
        return row.loss
    return 1.0 - row.values.get("nDCG@10", 1.0)


def _case(row: Row) -> Case:
    if row.kind == "answerable" and row.abstained:
        note = "refused, though the documents answer it"
    elif row.kind == "unanswerable":
        note = "answered, though the documents do not"
    elif row.loss is None:
        note = "what answers it is not among the first"
    else:
        note = "the answer lacks what is right"
    return Case(
        question=row.question[:_SHOWN_CHARACTERS], answer=row.answer[:_SHOWN_CHARACTERS], note=note, loss=_badness(row)
    )
