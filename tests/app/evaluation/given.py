"""Runs that nobody had to ask for."""

from collections.abc import Mapping
from datetime import UTC, datetime

from app.evaluation.runs import Kind, Row, Run
from app.evaluation.summary import Configuration, Summary

NO_VALUES: Mapping[str, float] = {}


def row(
    id: str,
    values: Mapping[str, float] = NO_VALUES,
    kind: Kind = "answerable",
    evidence: float | None = None,
    answer: str = "",
) -> Row:
    """A question that reads as its id, and what was measured of it."""
    return Row(
        id=id,
        question=f"{id}?",
        kind=kind,
        answer=answer,
        abstained=False,
        evidence=evidence,
        loss=None,
        values=dict(values),
        timings={},
    )


def run_of(*rows: Row, name: str = "n") -> Run:
    """A run with these rows under a configuration of that name, whose summary tells no figure."""
    summary = Summary(
        dataset="d",
        collection="c",
        configuration=Configuration(name=name, options={}),
        asked_at=datetime(2026, 11, 30, tzinfo=UTC),
        questions=len(rows),
        unanswerable=0,
        foreign=0,
        figures=[],
        risk_coverage=[],
        timings=[],
        worst=[],
    )
    return Run(summary=summary, rows=list(rows))
