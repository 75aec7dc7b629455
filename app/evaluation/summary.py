"""A run in brief: its figures with their intervals, its curve and its times, as they are shown and stored."""

from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from app.api.bodies import Closed, Text


def _in_utc(moment: datetime) -> datetime:
    """One without a zone is taken for UTC, and so is one at the ends of the calendar, which UTC cannot tell."""
    try:
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError:
        return moment.replace(tzinfo=UTC)


Moment = Annotated[datetime, AfterValidator(_in_utc)]
Name = Annotated[Text, Field(min_length=1, max_length=100)]
Share = Annotated[float, Field(ge=0, le=1)]
Number = Annotated[float, Field(ge=0, le=1e9)]
Count = Annotated[int, Field(ge=0, le=10_000_000)]
Option = bool | Annotated[int, Field(ge=-(2**63), lt=2**63)] | float | Annotated[Text, Field(max_length=200)] | None
Group = Literal["ranking", "pages", "answers", "citations", "abstention", "compression"]


class Figure(Closed):
    """One measure over `count` questions, with the ends of its 95 % bootstrap interval."""

    group: Group
    name: Name
    mean: Number
    low: Number
    high: Number
    count: Count


class Timing(Closed):
    """How long a stage took, in milliseconds."""

    stage: Name
    p50: Number
    p95: Number


class Configuration(Closed):
    """What was asked for in searches and answers, where it was not the service's own choice."""

    name: Name
    options: Annotated[dict[Name, Option], Field(max_length=50)]


class Case(Closed):
    """A question that fared badly, and in which way."""

    question: Annotated[Text, Field(max_length=4000)]
    answer: Annotated[Text, Field(max_length=4000)]
    note: Annotated[Text, Field(max_length=200)]
    loss: Share


class Summary(Closed):
    """A finished run. `unanswerable` and `foreign` questions are among `questions`.

    `risk_coverage` are (coverage, risk): what is lost among the share of the questions with the most evidence.
    """

    dataset: Name
    collection: Name
    configuration: Configuration
    asked_at: Moment
    questions: Count
    unanswerable: Count
    foreign: Count
    figures: Annotated[list[Figure], Field(max_length=100)]
    risk_coverage: Annotated[list[tuple[Share, Share]], Field(max_length=101)]
    timings: Annotated[list[Timing], Field(max_length=50)]
    worst: Annotated[list[Case], Field(max_length=20)]
