"""Collections, keys, evaluations and the health of the service on the page."""

import json
import tarfile
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import expect

from tests.acceptance.conftest import Service
from tests.acceptance.page.browsing import PATIENCE_MS, Watched, wait_until_read

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

EVALUATION: dict[str, Any] = {
    "dataset": "unit-questions",
    "collection": "evaluation-unit",
    "configuration": {"name": "default", "options": {}},
    "asked_at": "2026-03-01T10:00:00Z",
    "questions": 40,
    "unanswerable": 4,
    "foreign": 0,
    "figures": [
        {"group": "ranking", "name": "nDCG@10", "mean": 0.71, "low": 0.66, "high": 0.76, "count": 40},
        {"group": "compression", "name": "context tokens", "mean": 812.0, "low": 790.0, "high": 840.0, "count": 40},
    ],
    "risk_coverage": [[0.0, 0.0], [0.5, 0.05], [1.0, 0.2]],
    "timings": [{"stage": "search total", "p50": 12.0, "p95": 20.0}],
    "worst": [{"question": "What weighs most?", "answer": "Lead.", "note": "osmium was asked for", "loss": 0.9}],
}


@pytest.fixture
def admin(samples: Service) -> Iterator[httpx.Client]:
    with samples.client() as client:
        yield client


def test_a_collection_is_made_changed_indexed_anew_exported_imported_and_deleted(
    inside: Watched, samples: Service, admin: httpx.Client
) -> None:
    page = inside.page
    page.get_by_role("link", name="Collections").click()
    page.get_by_label("Name", exact=True).fill("harbour")
    page.get_by_role("button", name="Create").click()
    card = page.get_by_role("listitem").filter(has=page.get_by_role("heading", name="harbour"))
    expect(card).to_contain_text("Personal data to blackennone")
    files = {"file": ("fares.md", b"# Fares\n\nAsk mary@example.org about the 12 euro ticket.")}
    made = admin.post("/v1/admin/documents", files=files, data={"collection": "harbour"}).raise_for_status().json()
    wait_until_read(samples, made["documents"][0]["id"])

    card.get_by_role("button", name="Change what is blackened in harbour").click()
    page.get_by_role("dialog").get_by_label("E-mail addresses").check()
    page.get_by_role("dialog").get_by_role("button", name="Save").click()
    expect(card).to_contain_text("read by an older or another way of reading")
    card.get_by_role("button", name="Make a new index of harbour").click()
    expect(card.locator(".outdated")).to_have_count(0, timeout=60_000)
    expect(card).to_contain_text("E-mail addresses")
    [document] = admin.get("/v1/documents", params={"collection": "harbour"}).json()["items"]
    [chunk] = admin.get(f"/v1/documents/{document['id']}/chunks").json()["items"]
    assert chunk["text"] == "Ask [EMAIL] about the 12 euro ticket."

    with page.expect_download() as downloading:
        card.get_by_role("link", name="Export harbour as a file").click()
    exported = downloading.value.path()
    assert tarfile.is_tarfile(exported)
    card.get_by_role("button", name="Delete the collection harbour").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(card).to_have_count(0)
    tar = {"name": "harbour.tar", "mimeType": "application/x-tar", "buffer": exported.read_bytes()}
    page.get_by_label("Choose a .tar file").set_input_files(tar)  # pyright: ignore[reportArgumentType]
    expect(page.get_by_text("harbour: 1 documents imported")).to_be_visible(timeout=PATIENCE_MS)
    expect(card).to_be_visible()
    admin.delete("/v1/admin/collections/harbour").raise_for_status()


def test_a_key_is_shown_once_works_for_its_collections_and_is_revoked(inside: Watched, samples: Service) -> None:
    page = inside.page
    page.get_by_role("link", name="Keys").click()
    expect(page.get_by_role("row").filter(has_text="this session").get_by_role("button")).to_have_count(0)
    page.get_by_label("Name", exact=True).fill("kiosk")
    page.get_by_label("default").check()
    page.get_by_role("button", name="Create").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("This key is shown only now")
    secret = dialog.get_by_label("The key").input_value()
    with httpx.Client(base_url=samples.url, headers={"Authorization": f"Bearer {secret}"}) as kiosk:
        who = kiosk.get("/v1/session").json()
        assert (who["name"], who["role"], who["collections"]) == ("kiosk", "reader", ["default"])
        page.keyboard.press("Escape")
        page.reload()
        row = page.get_by_role("row").filter(has_text="kiosk")
        expect(row).to_contain_text("Reader")
        assert secret not in page.content()
        row.get_by_role("button", name="Revoke the key kiosk").click()
        dialog.get_by_role("button", name="Revoke").click()
        expect(row).to_have_count(0)
        assert kiosk.get("/v1/session").status_code == 401


def test_evaluations_are_shown_with_intervals_curve_times_and_the_worst(inside: Watched, admin: httpx.Client) -> None:
    page = inside.page
    stored = "**/v1/admin/evaluations"  # of which others may have stored some
    page.route(stored, lambda route: route.fulfill(json={"items": [], "next_cursor": None}))
    page.get_by_role("link", name="Quality").click()
    expect(page.get_by_text("openbook evaluate")).to_be_visible()
    page.unroute(stored)
    admin.post("/v1/admin/evaluations", json=EVALUATION).raise_for_status()
    better = json.loads(json.dumps(EVALUATION))
    better["figures"][0] |= {"mean": 0.75}
    admin.post("/v1/admin/evaluations", json=better).raise_for_status()
    page.reload()
    row = page.get_by_role("row").filter(has_text="nDCG@10")
    expect(row).to_contain_text("0.750")
    expect(row).to_contain_text("0.660 – 0.760")
    expect(row).to_contain_text("+0.040")
    expect(row.locator("svg.interval circle")).to_have_count(1)
    expect(page.get_by_role("row").filter(has_text="context tokens")).to_contain_text("812")
    expect(page.get_by_role("img", name="Errors among the questions that are answered")).to_be_visible()
    expect(page.get_by_role("row").filter(has_text="search total")).to_contain_text("20 ms")
    page.get_by_text("What weighs most?").click()
    expect(page.get_by_text("osmium was asked for")).to_be_visible()
    page.get_by_role("list", name="Evaluations").get_by_role("link").nth(1).click()
    expect(row).to_contain_text("0.710")


def test_the_health_says_in_words_what_is_wrong_and_draws_the_hour(inside: Watched, admin: httpx.Client) -> None:
    page = inside.page
    admin.post("/v1/search", json={"query": "travel"}).raise_for_status()
    page.get_by_role("link", name="Health").click()
    expect(page.get_by_text("Everything works, and questions are answered.")).to_be_visible()
    index = page.get_by_role("row").filter(has_text="default")
    expect(index).to_contain_text("up to date", timeout=90_000)  # a search waits briefly; each minute it is seen to
    expect(page.get_by_role("row").filter(has_text="/v1/search")).to_be_visible()
    told = admin.get("/v1/admin/health").json()
    told["reasons"] = {"model": "the embedding model cannot be used: the log says why"}
    told["degraded"] = {"dense": 3}
    told["queue"] = {"jobs": {**told["queue"]["jobs"], "queued": 5, "running": 0, "failed": 2}, "oldest_seconds": 600.0}
    told["room"]["free"] = 1_000_000_000
    times = {"count": 2, "p50_ms": 120.0, "p95_ms": 480.0}
    quiet = {"count": 0, "p50_ms": None, "p95_ms": None}
    told["samples"] = [
        {"at": f"2026-03-01T10:{number:02d}:00Z", "requests": {"ok": number, "refused": 1, "failed": number % 2},
         "answers": times if number > 3 else quiet, "searches": times, "queued": number, "running": 1}
        for number in range(30)
    ]  # fmt: skip
    page.route("**/v1/admin/health", lambda route: route.fulfill(json=told))
    page.reload()
    trouble = page.get_by_role("list", name="Health")
    for words in (
        "nothing is found by meaning",
        "3 searches or answers of the last hour went without",
        "is a worker running?",
        "1 GB are left",
    ):
        expect(trouble).to_contain_text(words)
    expect(page.get_by_role("img", name="Time to an answer. half within: last 120 ms, at most 120 ms")).to_be_visible()
    assert page.get_by_role("img").count() == 4
    expect(page.locator("figure rect.series-bad")).to_have_count(15)
    page.get_by_role("link", name="See them").click()
    expect(page.get_by_role("combobox", name="Status")).to_have_value("failed")
