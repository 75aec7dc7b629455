"""What the last hour's samples say of requests that were counted."""

from datetime import UTC, datetime, timedelta

import pytest

from app.history import SAMPLES, History, Times, quantile, routes
from app.telemetry import Metrics

START = datetime(2026, 3, 1, tzinfo=UTC)


def ask(metrics: Metrics, route: str, status: str, seconds: float) -> None:
    metrics.requests.labels("POST", route, status).inc()
    metrics.seconds.labels(route).observe(seconds)


def test_a_sample_holds_what_happened_since_the_one_before() -> None:
    metrics = Metrics()
    history = History(metrics)
    ask(metrics, "/v1/answers", "200", 9.0)
    history.take(START, 0, 0)
    for status in ("200", "200", "429", "503", "499"):
        ask(metrics, "/v1/answers", status, 0.15)
    ask(metrics, "/v1/search", "200", 0.03)
    ask(metrics, "/livez", "200", 0.001)
    history.take(START + timedelta(seconds=10), 4, 1)
    [sample] = history.samples
    assert sample.requests == {"ok": 4, "refused": 1, "failed": 1}
    assert (sample.answers.count, sample.searches.count) == (5, 1)
    assert sample.answers.p50_ms == 150.0
    assert (sample.queued, sample.running) == (4, 1)
    history.take(START + timedelta(seconds=20), 0, 0)
    assert history.samples[-1].answers == Times(0, None, None)
    assert history.samples[-1].requests == {"ok": 0, "refused": 0, "failed": 0}


def test_the_hour_is_told_by_route_the_busiest_first_and_the_watching_left_out() -> None:
    metrics = Metrics()
    history = History(metrics)
    metrics.count_degraded(["dense"])
    history.take(START, 0, 0)
    for route in ("/v1/search", "/v1/answers", "/v1/search", "/metrics"):
        ask(metrics, route, "200", 0.01)
    metrics.count_degraded(["rerank"])
    passed = history.last_hour(START)
    assert [(each.route, each.times.count) for each in routes(passed)] == [("/v1/search", 2), ("/v1/answers", 1)]
    assert {part: count for part, count in passed.degraded.items() if count} == {"rerank": 1}


def test_no_more_than_an_hour_is_kept() -> None:
    history = History(Metrics())
    for number in range(SAMPLES + 10):
        history.take(START + timedelta(seconds=10 * number), number, 0)
    assert len(history.samples) == SAMPLES
    assert history.samples[0].queued == 10


@pytest.mark.parametrize(
    ("buckets", "share", "expected"),
    [
        ({}, 0.5, None),
        ({1.0: 0, float("inf"): 0}, 0.5, None),
        ({1.0: 10, 2.0: 10, float("inf"): 10}, 0.5, 0.5),
        ({1.0: 0, 2.0: 10, float("inf"): 10}, 0.95, 1.95),
        ({1.0: 5, 2.0: 10, float("inf"): 10}, 0.5, 1.0),
        ({1.0: 1, 2.0: 1, float("inf"): 10}, 0.95, 2.0),
    ],
)
def test_a_quantile_is_interpolated_within_its_bucket(
    buckets: dict[float, float], share: float, expected: float | None
) -> None:
    found = quantile(buckets, share)
    assert found == (None if expected is None else pytest.approx(expected))
