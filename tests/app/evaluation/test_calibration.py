"""A threshold refuses no more of the answerable than was asked for, and as much of the rest as that allows."""

from datetime import UTC, datetime

import pytest

from app.evaluation.calibration import Calibration, TooFewQuestions, calibrate
from app.evaluation.runs import Kind, Row, Run
from app.evaluation.summary import Configuration, Summary


def run_of(kind: Kind, *evidence: float) -> Run:
    rows = [
        Row(
            id=f"{kind} {number}",
            question="?",
            kind=kind,
            answer="",
            abstained=False,
            evidence=score,
            loss=None,
            values={},
            timings={},
        )
        for number, score in enumerate(evidence)
    ]
    summary = Summary(
        dataset="d",
        collection="c",
        configuration=Configuration(name="n", options={}),
        asked_at=datetime(2026, 11, 30, tzinfo=UTC),
        questions=len(rows),
        unanswerable=0,
        foreign=0,
        figures=[],
        risk_coverage=[],
        timings=[],
        worst=[],
    )
    return Run(summary=summary, rows=rows)


ANSWERABLE = run_of("answerable", *(number / 100 for number in range(40, 60)))


def test_the_threshold_is_the_highest_that_refuses_no_more_than_asked() -> None:
    foreign = run_of("foreign", 0.1, 0.40, 0.41, 0.7)

    assert calibrate([ANSWERABLE, foreign], 0.1) == Calibration(0.42, 0.1, 20, 0.75)
    assert calibrate([ANSWERABLE], 0.0) == Calibration(0.4, 0.0, 20, None)
    assert calibrate([ANSWERABLE], 1.0) == Calibration(0.59, 0.95, 20, None)


def test_few_questions_say_nothing() -> None:
    with pytest.raises(TooFewQuestions, match="needs 20 questions that the documents answer, and here are 2"):
        calibrate([run_of("answerable", 0.5, 0.6)], 0.05)
