"""The threshold of abstention for a share of false refusals, from questions that the documents answer."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.evaluation.runs import Run

FEWEST = 20  # questions: of fewer, a share of .05 is not even one


class TooFewQuestions(Exception):
    """A share of so few questions says nothing."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """The highest threshold that refuses no more than was asked for, and what it does to the questions at hand.

    `foreign_refused` is None where no question of another set was asked.
    """

    abstain_below: float
    false_refusals: float
    answerable: int
    foreign_refused: float | None


def calibrate(runs: Sequence[Run], false_refusals: float) -> Calibration:
    """Over the questions of all runs together. Raises TooFewQuestions."""
    rows = [row for run in runs for row in run.rows if row.evidence is not None]
    own = sorted(row.evidence or 0.0 for row in rows if row.kind == "answerable")
    foreign = [row.evidence or 0.0 for row in rows if row.kind == "foreign"]
    if len(own) < FEWEST:
        raise TooFewQuestions(
            f"calibration needs {FEWEST} questions that the documents answer, and here are {len(own)}"
        )
    below = own[min(int(false_refusals * len(own)), len(own) - 1)]
    return Calibration(
        abstain_below=below,
        false_refusals=sum(score < below for score in own) / len(own),
        answerable=len(own),
        foreign_refused=sum(score < below for score in foreign) / len(foreign) if foreign else None,
    )
