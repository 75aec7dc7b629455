"""Quality on every evaluation set that is there: ranking by side, answers, citations, abstention, compression."""

import os
import sys
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from opencc import OpenCC

from app.client import Client, ServiceError
from app.evaluation.asking import Asker
from app.evaluation.configurations import DEFAULT, Configuration
from app.evaluation.corpus import prepare
from app.evaluation.datasets import load
from app.evaluation.measures import PAGES_AT
from app.evaluation.runs import Plan, Row, Run
from app.evaluation.runs import run as asked
from app.evaluation.statistics import Difference, difference
from app.evaluation.types import Dataset, Question, Split, sample
from measure import Table
from service import running

ENGLISH = ("scifact", "hotpotqa", "anthropic_docs", "rgb_en_fact", "xquad_en", "clapnq", "pubmedqa", "rageval_en")
CHINESE = ("rgb_zh_refine", "rgb_zh_int", "rgb_zh_fact", "xquad_zh", "cmrc2018", "drcd", "rageval_zh", "crud_news")
CROSSED = (("xquad_en", "xquad_zh"), ("xquad_zh", "xquad_en"))
OTHER_SCRIPT = (("drcd", "t2s"), ("rgb_zh_refine", "s2t"))
"""Sets in Traditional and Simplified characters, and what puts their questions into the other ones."""
PAGED = ("financebench",)
SIDES = ("lexical", "dense")
FOREIGN = 200
"""Questions of another set of the same language that each set is asked."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """Which questions of each set are asked: at most so many, of one half or of all."""

    limit: int | None
    split: Split | None

    def of(self, dataset: Dataset) -> Dataset:
        """The set with these questions alone."""
        return replace(dataset, questions=sample(dataset.questions, self.limit, self.split))

    def notes(self) -> tuple[str, ...]:
        """What the tables say of them."""
        half = (f"Of each set the half of its questions that is called {self.split}.",) if self.split else ()
        most = (f"At most {self.limit} questions of each set, drawn by a hash of their ids.",) if self.limit else ()
        return half + most


def run() -> list[Table]:
    """In a data folder that stays, so that what was brought in once is only asked the next time."""
    data, folder = Path(os.environ["QUALITY_DATA"]), Path(os.environ["QUALITY_FOLDER"])
    drawn = Drawn(int(os.environ.get("QUALITY_LIMIT") or 0) or None, _split(os.environ.get("QUALITY_SPLIT", "")))
    folder.mkdir(parents=True, exist_ok=True)
    wanted = os.environ.get("QUALITY_SETS", "").split() or [*ENGLISH, *CHINESE, *PAGED]
    runs: dict[str, dict[str, Run]] = {}
    with running(folder, samples="false") as service:
        for name in (*ENGLISH, *CHINESE, *PAGED):
            if name in wanted and (data / name).is_dir():
                with _told(name):
                    foreign = _foreign(data, name, drawn.split)
                    runs[name] = _measured(service.client, drawn.of(load(data / name)), foreign)
        for corpus, words in CROSSED:
            if {corpus, words} <= runs.keys():
                with _told(corpus):
                    texts = load(data / words).queries
                    runs[f"{corpus} asked by {words}"] = _reworded(service.client, data / corpus, texts, drawn)
        for corpus, script in OTHER_SCRIPT:
            if corpus in runs:
                with _told(corpus):
                    texts = _in_script(load(data / corpus).queries, script)
                    runs[f"{corpus}, {script}"] = _reworded(service.client, data / corpus, texts, drawn)
    notes = drawn.notes()
    paged = {name: sides for name, sides in runs.items() if name in PAGED}
    return [
        _ranking(runs, notes),
        *([_table("Quality: pages", PAGES, paged, notes)] if paged else []),
        _gains(runs),
        _answers(runs, notes),
        _abstention(runs),
        _costs(runs),
    ]


@contextmanager
def _told(name: str) -> Generator[None]:
    """A set that fails is left out, and does not take hours of others with it."""
    try:
        yield
    except ServiceError as error:
        sys.stderr.write(f"{name} is left out: {error}\n")


def _split(name: str) -> Split | None:
    match name:
        case "":
            return None
        case "tune" | "report":
            return name
        case _:
            raise SystemExit(f"QUALITY_SPLIT={name}: expected tune or report")


def _foreign(data: Path, name: str, split: Split | None) -> tuple[Question, ...]:
    same = ENGLISH if name in (*ENGLISH, *PAGED) else CHINESE
    other = next((each for each in reversed(same[:6]) if each != name and (data / each).is_dir()), None)
    drawn = sample(load(data / other).questions, FOREIGN, split) if other else ()
    return tuple(Question(f"{other}:{each.id}", each.text, answerable=False) for each in drawn)


def _measured(client: Client, dataset: Dataset, foreign: tuple[Question, ...]) -> dict[str, Run]:
    sys.stderr.write(f"{dataset.name}: {len(dataset.corpus)} documents, {len(dataset.questions)} questions\n")
    collection, ids = prepare(client, dataset)
    found = {"hybrid": asked(Asker(client, collection, ids, DEFAULT), Plan(dataset, foreign), _silent)}
    for side in SIDES:
        configuration = Configuration(side, {"mode": side, "answers": False})
        found[side] = asked(Asker(client, collection, ids, configuration), Plan(dataset), _silent)
    return found


def _reworded(client: Client, corpus: Path, texts: Mapping[str, str], drawn: Drawn) -> dict[str, Run]:
    """The set with its questions put in these words, by their ids."""
    dataset = drawn.of(load(corpus))
    questions = tuple(replace(each, text=texts[each.id]) for each in dataset.questions if each.id in texts)
    return _measured(client, replace(dataset, questions=questions), ())


def _in_script(texts: Mapping[str, str], script: str) -> dict[str, str]:
    convert = cast("Callable[[str], str]", OpenCC(script).convert)
    return {name: convert(text) for name, text in texts.items()}


def _silent(_done: int, _of: int) -> None:
    """The sets are told as they begin."""


def _ranking(runs: dict[str, dict[str, Run]], notes: tuple[str, ...]) -> Table:
    rows = [
        (
            name,
            _count(sides["hybrid"], "nDCG@10"),
            *(_figure(sides[side], "nDCG@10") for side in (*SIDES, "hybrid")),
            *(_figure(sides["hybrid"], each) for each in ("recall@5", "recall@100", "MRR@10", "all found@10")),
        )
        for name, sides in runs.items()
    ]
    head = (
        "set",
        "questions",
        "lexical nDCG@10",
        "dense",
        "hybrid",
        "recall@5",
        "recall@100",
        "MRR@10",
        "all found@10",
    )
    return Table("Quality: ranking of documents", head, tuple(rows), ("In brackets 95 % bootstrap intervals.", *notes))


def _gains(runs: dict[str, dict[str, Run]]) -> Table:
    rows: list[tuple[str, ...]] = []
    for label, names in (("English sets together", ENGLISH), ("Chinese sets together", CHINESE)):
        sets = [runs[name] for name in names if name in runs]
        for side in SIDES if sets else ():
            apart = difference(
                [value for each in sets for value in _values(each[side])],
                [value for each in sets for value in _values(each["hybrid"])],
            )
            told = f"{apart.mean:+.4f} [{apart.low:+.4f}, {apart.high:+.4f}]"
            wanted = _wanted(names, side, apart)
            rows.append((label, f"hybrid over {side}", told, f"{apart.p_value:.4f}", str(apart.count), wanted))
    head = ("sets", "gain of", "nDCG@10, paired", "p", "questions", "gate")
    notes = (
        "p by 10,000 sign flips, two-sided.",
        "The gate: on the English sets the interval lies above nought, on the Chinese ones nothing is lost on terms.",
    )
    return Table("Quality: what both sides together gain", head, tuple(rows), notes)


def _wanted(names: Sequence[str], side: str, apart: Difference) -> str:
    if names is ENGLISH:
        return "held" if apart.low > 0 else "MISSED"
    if side == "lexical":
        return "held" if apart.mean >= 0 else "MISSED"
    return ""


def _values(run: Run) -> list[float]:
    return [row.values["nDCG@10"] for row in _by_id(run.rows) if "nDCG@10" in row.values]


def _by_id(rows: Iterable[Row]) -> Sequence[Row]:
    return sorted(rows, key=lambda row: row.id)


PAGES = ("right document first", *(f"evidence page in the top {k}" for k in PAGES_AT), "evidence page cited")
ANSWERED = (
    "answer contained",
    "token recall",
    "token F1",
    "reference token recall",
    "citation precision",
    "citation recall",
)
REFUSED = ("false refusals", "foreign refused", "foreign AUROC", "abstention recall", "abstention precision", "AUROC")
PACKED = ("context tokens uncompressed", "context tokens", "tokens left out", "answers kept")


def _answers(runs: dict[str, dict[str, Run]], notes: tuple[str, ...]) -> Table:
    return _table("Quality: answers without a model, and their citations", ANSWERED, runs, notes)


def _abstention(runs: dict[str, dict[str, Run]]) -> Table:
    note = f"Foreign: {FOREIGN} questions of another set in the same language."
    return _table("Quality: abstention", REFUSED, runs, (note,))


def _costs(runs: dict[str, dict[str, Run]]) -> Table:
    return _table("Quality: compression of the context", PACKED, runs, ())


def _table(title: str, names: Sequence[str], runs: dict[str, dict[str, Run]], notes: tuple[str, ...]) -> Table:
    rows = [(name, *(_figure(sides["hybrid"], each) for each in names)) for name, sides in runs.items()]
    return Table(title, ("set", *names), tuple(rows), notes)


def _figure(run: Run, name: str) -> str:
    for figure in run.summary.figures:
        if figure.name == name:
            if figure.high > 1:
                return f"{figure.mean:.0f}"
            return f"{figure.mean:.3f} [{figure.low:.3f}, {figure.high:.3f}]"
    return ""


def _count(run: Run, name: str) -> str:
    return next((str(figure.count) for figure in run.summary.figures if figure.name == name), "")
