"""Hostile words in every field that an administrator sees stay words."""

import json
from typing import Any

import httpx
import pytest
from playwright.sync_api import expect

from tests.acceptance.conftest import Service
from tests.acceptance.page.browsing import Watched, enter
from tests.acceptance.page.test_administration import EVALUATION

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

# As markup, as an attribute, as an address, as an entity, as what a template or a sanitiser might let through.
PAYLOADS = (
    "<img src=x onerror=window.ran=1>",
    "<script>window.ran=1</script>",
    '"><svg onload=window.ran=1>',
    "javascript:window.ran=1",
    "'-window.ran=1-'",
    "<iframe src=javascript:window.ran=1>",
    "<a href=javascript:window.ran=1>x</a>",
    "<math><mtext><style><img src=x onerror=window.ran=1>",
    "&lt;img src=x onerror=window.ran=1&gt;",
    "${window.ran=1}{{window.ran=1}}",
    "<details open ontoggle=window.ran=1>",
    "<input autofocus onfocus=window.ran=1>",
)
FOREIGN = "img[src=x], svg[onload], iframe, a[href^=javascript], details[ontoggle], input[onfocus], math"


def plant(client: httpx.Client) -> dict[str, Any]:
    """Every payload in file names, titles, headings, chunks, metadata and key names; in one of each elsewhere."""
    documents = [plant_document(client, number, payload) for number, payload in enumerate(PAYLOADS)]
    keys = [
        client.post("/v1/admin/keys", json={"name": payload}).raise_for_status().json()["id"] for payload in PAYLOADS
    ]
    told = json.loads(json.dumps(EVALUATION))
    told |= {"dataset": PAYLOADS[0], "configuration": {"name": PAYLOADS[1], "options": {}}}
    told["figures"][0] |= {"name": PAYLOADS[2]}
    told["timings"][0] |= {"stage": PAYLOADS[7]}
    told["worst"] = [{"question": each, "answer": each, "note": each, "loss": 0.5} for each in PAYLOADS]
    client.post("/v1/admin/evaluations", json=told).raise_for_status()
    return {"documents": documents, "keys": keys}


def plant_document(client: httpx.Client, number: int, payload: str) -> str:
    text = f"# {payload}\n\n## Part {payload}\n\nThis says {payload} and no more, in note {number}.\n"
    form = {"metadata": json.dumps({"title": f"{number} {payload}", "note": payload})}
    files = {"file": (f"{number} {payload.replace('/', '|')}.md", text.encode())}
    return client.post("/v1/admin/documents", files=files, data=form).raise_for_status().json()["documents"][0]["id"]


def test_hostile_words_in_what_an_administrator_sees_stay_words(inside: Watched, samples: Service) -> None:
    page = inside.page
    with samples.client() as client:
        planted = plant(client)
        enter(page, samples, "#/documents")
        expect(page.get_by_role("row").filter(has_text="onerror").first).to_be_visible()
        clean(inside)
        for document in planted["documents"]:
            page.goto(f"{samples.url}/#/documents/{document}")
            expect(page.locator(".passage-card").first).to_be_visible()
            clean(inside)
        page.get_by_role("region", name="Metadata").get_by_role("button").click()
        expect(page.get_by_role("dialog")).to_be_visible()
        clean(inside)
        for view, content in (
            ("keys", "tbody th"),
            ("quality", "details"),
            ("collections", "main li"),
            ("health", "main li"),
        ):
            page.goto(f"{samples.url}/#/{view}")
            expect(page.locator(content).first).to_be_visible()
            page.locator("details").evaluate_all("all => all.forEach((one) => { one.open = true; })")
            clean(inside)
        for each in planted["documents"]:
            client.delete(f"/v1/admin/documents/{each}").raise_for_status()
        for each in planted["keys"]:
            client.delete(f"/v1/admin/keys/{each}").raise_for_status()


def test_hostile_words_of_the_service_itself_stay_words(inside: Watched, samples: Service) -> None:
    """Errors, warnings, collections and routes: what the service checks today it might not tomorrow."""
    page = inside.page
    with samples.client() as client:
        listed = client.get("/v1/documents").json()
        collections = client.get("/v1/admin/collections").json()
        health = client.get("/v1/admin/health").json()
    first = listed["items"][0]
    first |= {"status": "failed", "error": {"code": PAYLOADS[0], "message": PAYLOADS[1]}, "warnings": list(PAYLOADS)}
    first |= {"collection": PAYLOADS[2], "media_type": PAYLOADS[0], "counts": {PAYLOADS[0]: 3}, "language": "en"}
    reindexing = {"status": "stopped", "generation": 2, "embedder": PAYLOADS[0], "documents": 2, "done": 1, "failed": 1}
    failures = [{"id": "x", "name": each, "code": each, "message": each} for each in PAYLOADS]
    reindexing |= {"failures": failures, "started_at": first["created_at"]}
    collections["items"][0] |= {"name": PAYLOADS[0], "embedder": PAYLOADS[2], "reindexing": reindexing}
    health |= {"reasons": {PAYLOADS[0]: PAYLOADS[1]}, "degraded": {PAYLOADS[2]: 1}, "generator": PAYLOADS[0]}
    health["routes"] = [{"route": PAYLOADS[0], "requests": {"ok": 1, "refused": 0, "failed": 0},
                         "times": {"count": 1, "p50_ms": 1.0, "p95_ms": 1.0}}]  # fmt: skip
    health["indexes"][0]["collection"] = PAYLOADS[7]
    page.route(f"**/v1/documents/{first['id']}", lambda route: route.fulfill(json=first))
    page.route("**/v1/documents?*", lambda route: route.fulfill(json=listed))
    page.route("**/v1/admin/collections?*", lambda route: route.fulfill(json=collections))
    page.route("**/v1/admin/health", lambda route: route.fulfill(json=health))
    for view, content in (
        ("documents", "tbody .problem"),
        (f"documents/{first['id']}", "main .notes"),
        ("collections", "main .problem"),
        ("keys", "main .kinds label"),
        ("health", "main .verdict.bad"),
    ):
        page.goto(f"{samples.url}/#/{view}")
        expect(page.locator(content).first).to_contain_text("window.ran" if view != "keys" else "onerror")
        clean(inside)


def clean(tab: Watched) -> None:
    """Nothing of the payloads became an element, and none ran."""
    tab.page.wait_for_timeout(100)  # for an event of an image that was not found
    assert tab.page.locator(FOREIGN).count() == 0
    assert tab.page.locator("script").count() == 1
    assert tab.page.evaluate("window.ran") is None
