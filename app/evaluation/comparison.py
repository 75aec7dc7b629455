"""Two runs over the same questions: what differs, how surely, and which questions changed most."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.evaluation.measures import GROUPS
from app.evaluation.runs import Row, Run
from app.evaluation.statistics import Difference, difference

_CHANGED = 20  # questions that are shown
_DEPEND_ON_THE_RUN = frozenset({"abstention precision"})  # of other questions in each run: nothing to pair
_TELLING = (
    "answer contained",
    "token recall",
    "nDCG@10",
    "evidence page in the top 5",
    "false refusals",
    "abstention recall",
    "foreign refused",
)


@dataclass(frozen=True, slots=True)
class Compared:
    """One measure in both runs, over the questions that have it in both."""

    name: str
    first: float
    second: float
    difference: Difference


@dataclass(frozen=True, slots=True)
class Changed:
    """A question by how much the second run is better, in the measure that tells most about it, with both answers."""

    question: str
    measure: str
    gain: float
    first: str
    second: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """The second run against the first."""

    first: Run
    second: Run
    measures: tuple[Compared, ...]
    changed: tuple[Changed, ...]


class NothingInCommon(Exception):
    """Two runs share no question."""


def compare(first: Run, second: Run) -> Comparison:
    """Pair the questions by their ids. Raises NothingInCommon."""
    before = {(row.kind, row.id): row for row in first.rows}
    pairs = [(before[row.kind, row.id], row) for row in second.rows if (row.kind, row.id) in before]
    if not pairs:
        raise NothingInCommon("the two runs have no question in common")
    changes = [_changed(*pair) for pair in pairs]
    ordered = sorted((change for change in changes if change.gain), key=lambda change: -abs(change.gain))
    return Comparison(first, second, tuple(_compared(pairs)), tuple(ordered[:_CHANGED]))


def _compared(pairs: Sequence[tuple[Row, Row]]) -> list[Compared]:
    found: list[Compared] = []
    for name in GROUPS.keys() - _DEPEND_ON_THE_RUN:
        both = [(a.values[name], b.values[name]) for a, b in pairs if name in a.values and name in b.values]
        if both:
            before, after = zip(*both, strict=True)
            found.append(Compared(name, sum(before) / len(before), sum(after) / len(after), difference(before, after)))
    order = list(GROUPS)
    return sorted(found, key=lambda compared: order.index(compared.name))


def _changed(first: Row, second: Row) -> Changed:
    gains = {name: _gain(name, first.values, second.values) for name in _TELLING}
    measure = next((name for name in _TELLING if gains[name]), _TELLING[0])
    return Changed(first.question, measure, gains[measure], first.answer, second.answer)


def _gain(name: str, first: Mapping[str, float], second: Mapping[str, float]) -> float:
    if name not in first or name not in second:
        return 0.0
    gain = second[name] - first[name]
    return -gain if name == "false refusals" else gain
