from typing import Any

import httpx
import pytest

EVALUATIONS = "/v1/admin/evaluations"
SUMMARY: dict[str, Any] = {
    "dataset": "metals",
    "collection": "evaluation-metals-0123",
    "configuration": {"name": "by terms", "options": {"mode": "lexical", "k": 5, "rerank": False}},
    "asked_at": "2026-11-30T12:00:00Z",
    "questions": 4,
    "unanswerable": 1,
    "foreign": 0,
    "figures": [{"group": "ranking", "name": "nDCG@10", "mean": 0.75, "low": 0.5, "high": 1.0, "count": 3}],
    "risk_coverage": [[0.5, 0.0], [1.0, 0.25]],
    "timings": [{"stage": "search total", "p50": 3.5, "p95": 7.0}],
    "worst": [{"question": "When melts tin?", "answer": "Never.", "note": "wrong", "loss": 1.0}],
}


def test_an_evaluation_is_kept_as_it_was_given(admin: httpx.Client) -> None:
    made = admin.post(EVALUATIONS, json=SUMMARY)
    assert made.status_code == 201
    whole = admin.get(f"{EVALUATIONS}/{made.json()['id']}").json()
    assert whole == made.json()
    assert {name: whole[name] for name in SUMMARY} == SUMMARY


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("2026-11-30T12:00:00", "2026-11-30T12:00:00Z"),
        ("2026-11-30T20:00:00+08:00", "2026-11-30T12:00:00Z"),
        ("0001-01-01T00:00:00+14:00", "0001-01-01T00:00:00Z"),
    ],
)
def test_its_time_is_told_in_utc(admin: httpx.Client, given: str, told: str) -> None:
    made = admin.post(EVALUATIONS, json={**SUMMARY, "asked_at": given}).json()
    assert made["asked_at"] == told
    assert admin.get(f"{EVALUATIONS}/{made['id']}").json() == made


def test_a_list_of_evaluations_shows_their_figures_newest_first(admin: httpx.Client) -> None:
    ids = [admin.post(EVALUATIONS, json={**SUMMARY, "dataset": name}).json()["id"] for name in ("old", "new")]
    newest, older = admin.get(EVALUATIONS, params={"limit": 2}).json()["items"]
    assert [older["id"], newest["id"]] == ids
    assert (newest["dataset"], newest["figures"]) == ("new", SUMMARY["figures"])
    assert "risk_coverage" not in newest


@pytest.mark.parametrize(
    "change",
    [
        {"figures": [{**SUMMARY["figures"][0], "mean": -1}]},
        {"figures": SUMMARY["figures"] * 101},
        {"risk_coverage": [[0.5, 1.5]]},
        {"configuration": {"name": "x", "options": {"k": [1, 2]}}},
        {"worst": SUMMARY["worst"] * 21},
        {"more": 1},
    ],
)
def test_what_is_past_its_bounds_is_refused(admin: httpx.Client, change: dict[str, Any]) -> None:
    assert admin.post(EVALUATIONS, json={**SUMMARY, **change}).status_code == 422


def test_an_evaluation_that_is_not_there_is_not_found(admin: httpx.Client) -> None:
    assert admin.get(f"{EVALUATIONS}/eva_none").status_code == 404
