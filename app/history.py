"""What a process's own figures did in the last hour: one sample every ten seconds, kept in memory.

Prometheus keeps counts since the start; the difference of two readings is what happened between them. A percentile is
interpolated within its bucket, as Prometheus' `histogram_quantile` does it.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal, TypeAlias, get_args

from prometheus_client import Counter, Histogram

from app.telemetry import Metrics

SAMPLE_SECONDS: Final = 10.0
SAMPLES: Final = 360
"""An hour of them."""

Outcome: TypeAlias = Literal["ok", "refused", "failed"]
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)
Counts: TypeAlias = Mapping[tuple[str, Outcome], int]
"""Requests by route and outcome."""
Buckets: TypeAlias = Mapping[float, float]
"""How many took at most so many seconds, by the bucket's upper bound; the last is infinite."""

_WATCHING = frozenset(
    {
        "/",
        "/static/{version}/{path}",
        "/static/{version}/{folder}/{path}",
        "/livez",
        "/readyz",
        "/metrics",
        "/v1/admin/health",
        "/v1/session",
    }
)
"""Routes that say more of who looks than of who works."""


@dataclass(frozen=True, slots=True)
class Reading:
    """All figures as they stood at one moment, since the start."""

    at: datetime
    counts: Counts
    seconds: Mapping[str, Buckets]
    degraded: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Times:
    """How long some requests took, in milliseconds; None where there were none."""

    count: int
    p50_ms: float | None
    p95_ms: float | None


@dataclass(frozen=True, slots=True)
class Sample:
    """What happened in one stretch of time that ended `at`, and how the queue stood then."""

    at: datetime
    requests: Mapping[Outcome, int]
    answers: Times
    searches: Times
    queued: int
    running: int


@dataclass(frozen=True, slots=True)
class RouteFigures:
    """What happened on one route."""

    route: str
    requests: Mapping[Outcome, int]
    times: Times


@dataclass(slots=True)
class History:
    """The samples of the last hour; whoever reads gets copies, so that a thread may write meanwhile."""

    metrics: Metrics
    samples: deque[Sample] = field(default_factory=lambda: deque[Sample](maxlen=SAMPLES))
    readings: deque[Reading] = field(default_factory=lambda: deque[Reading](maxlen=SAMPLES + 1))

    def take(self, at: datetime, queued: int, running: int) -> None:
        """Add the sample of the time since the last one."""
        now = read(self.metrics, at)
        before = self.readings[-1] if self.readings else None
        self.readings.append(now)
        if before is None:
            return
        passed = difference(before, now)
        self.samples.append(
            Sample(
                at,
                {outcome: sum(_of(passed.counts, outcome).values()) for outcome in OUTCOMES},
                _times(passed.seconds, ("/v1/answers", "/v1/chat/completions")),
                _times(passed.seconds, ("/v1/search",)),
                queued,
                running,
            )
        )

    def last_hour(self, at: datetime) -> Reading:
        """What happened since the oldest reading that is kept, up to now; since the start where there is none."""
        now = read(self.metrics, at)
        return difference(self.readings[0], now) if self.readings else now

    def __len__(self) -> int:
        return len(self.samples)


def routes(passed: Reading) -> list[RouteFigures]:
    """The routes that were asked, the busiest first."""
    by_outcome = {outcome: _of(passed.counts, outcome) for outcome in OUTCOMES}
    asked = {route for route, _ in passed.counts if route in passed.seconds}
    figures = [
        RouteFigures(
            route,
            {outcome: by_outcome[outcome].get(route, 0) for outcome in OUTCOMES},
            _times(passed.seconds, (route,)),
        )
        for route in sorted(asked)
    ]
    return sorted((each for each in figures if each.times.count), key=lambda each: -each.times.count)


def read(metrics: Metrics, at: datetime) -> Reading:
    """The figures as they stand."""
    counts: dict[tuple[str, Outcome], int] = {}
    for labels, value in _totals(metrics.requests):
        if labels["route"] not in _WATCHING:
            place = (labels["route"], _outcome(labels["status"]))
            counts[place] = counts.get(place, 0) + int(value)
    degraded = {labels["part"]: int(value) for labels, value in _totals(metrics.degraded)}
    return Reading(at, counts, _buckets(metrics.seconds), degraded)


def difference(before: Reading, now: Reading) -> Reading:
    """What happened from one reading to the other."""
    return Reading(
        now.at,
        {place: value - before.counts.get(place, 0) for place, value in now.counts.items()},
        {
            route: {bound: value - before.seconds.get(route, {}).get(bound, 0.0) for bound, value in buckets.items()}
            for route, buckets in now.seconds.items()
        },
        {part: value - before.degraded.get(part, 0) for part, value in now.degraded.items()},
    )


def quantile(buckets: Buckets, share: float) -> float | None:
    """The time in seconds within which that share of all stayed; None where there were none.

    Past the last finite bound it is that bound: the truth is at least as long.
    """
    bounds = sorted(buckets)
    total = buckets[bounds[-1]] if bounds else 0.0
    if not total:
        return None
    wanted, low, seen = share * total, 0.0, 0.0
    for bound in bounds:
        if buckets[bound] >= wanted and bound != float("inf"):
            inside = buckets[bound] - seen
            return low + (bound - low) * ((wanted - seen) / inside if inside else 1.0)
        if bound != float("inf"):
            low, seen = bound, buckets[bound]
    return low


def _times(seconds: Mapping[str, Buckets], routes: Iterable[str]) -> Times:
    buckets: dict[float, float] = {}
    for route in routes:
        for bound, value in seconds.get(route, {}).items():
            buckets[bound] = buckets.get(bound, 0.0) + value
    p50, p95 = quantile(buckets, 0.5), quantile(buckets, 0.95)
    return Times(int(buckets.get(float("inf"), 0.0)), _milliseconds(p50), _milliseconds(p95))


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 1)


def _of(counts: Counts, wanted: Outcome) -> dict[str, int]:
    return {route: value for (route, outcome), value in counts.items() if outcome == wanted}


def _outcome(status: str) -> Outcome:
    return "failed" if status.startswith("5") else "refused" if status.startswith("4") and status != "499" else "ok"


def _totals(counter: Counter) -> Iterable[tuple[Mapping[str, str], float]]:
    [family] = counter.collect()
    return [(each.labels, each.value) for each in family.samples if each.name.endswith("_total")]


def _buckets(histogram: Histogram) -> dict[str, Buckets]:
    found: dict[str, dict[float, float]] = {}
    [family] = histogram.collect()
    for each in family.samples:
        if each.name.endswith("_bucket") and each.labels["route"] not in _WATCHING:
            found.setdefault(each.labels["route"], {})[float(each.labels["le"])] = each.value
    return {route: buckets for route, buckets in found.items()}  # noqa: C416 dict() loses the types
