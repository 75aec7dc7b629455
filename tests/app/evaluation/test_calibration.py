"""A threshold refuses no more of the answerable than was asked for, and as much of the rest as that allows."""

import pytest

from app.evaluation.calibration import Calibration, TooFewQuestions, calibrate
from app.evaluation.runs import Kind, Run
from tests.app.evaluation.given import row, run_of


def scored(kind: Kind, *evidence: float) -> Run:
    return run_of(*(row(f"{kind} {number}", kind=kind, evidence=score) for number, score in enumerate(evidence)))


ANSWERABLE = scored("answerable", *(number / 100 for number in range(40, 60)))


def test_the_threshold_is_the_highest_that_refuses_no_more_than_asked() -> None:
    foreign = scored("foreign", 0.1, 0.40, 0.41, 0.7)

    assert calibrate([ANSWERABLE, foreign], 0.1) == Calibration(0.42, 0.1, 20, 0.75)
    assert calibrate([ANSWERABLE], 0.0) == Calibration(0.4, 0.0, 20, None)
    assert calibrate([ANSWERABLE], 1.0) == Calibration(0.59, 0.95, 20, None)


def test_few_questions_say_nothing() -> None:
    with pytest.raises(TooFewQuestions, match="needs 20 questions that the documents answer, and here are 2"):
        calibrate([scored("answerable", 0.5, 0.6)], 0.05)
