"""How soon one can type a question on the page in Chromium, beside a page of the same service with nothing on it."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from app.client import Client
from measure import Table, p50, p95, wait_until
from service import running
from tests import chromium

VISITS = 15
# What the service itself answers, shown by the browser as text: no script, no style.
BARE = "/livez"
# Milliseconds since the navigation began, once the question's box is there, can be typed in, and has been painted.
READY = """() => new Promise((resolve) => {
    const look = () => {
        const box = document.getElementById("question");
        if (box && !box.disabled) requestAnimationFrame(() => requestAnimationFrame(() => resolve(performance.now())));
        else requestAnimationFrame(look);
    };
    look();
})"""
SHOWN = """() => new Promise((resolve) => {
    requestAnimationFrame(() => requestAnimationFrame(() => resolve(performance.now())));
})"""


def run() -> list[Table]:
    program = chromium.installed()
    if program is None:
        return []
    with tempfile.TemporaryDirectory() as folder, running(Path(folder)) as service, sync_playwright() as playwright:
        wait_until(lambda: _is_idle(service.client), 120, "the samples")
        origin = str(service.client.http.base_url).rstrip("/")
        key = (Path(folder) / "admin.key").read_text(encoding="utf-8").strip()
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        ways = {
            "a page with nothing on it": list(_visits(browser, origin, key, BARE, SHOWN)),
            "the chat, nothing in the browser's cache": list(_visits(browser, origin, key, "/", READY)),
            "the chat, visited before": list(_visits(browser, origin, key, "/", READY, before=True)),
        }
        browser.close()
    bare = p50(next(iter(ways.values())))
    return [
        Table(
            "First view of the page, from the navigation until one can type a question",
            ("page", "p50 ms", "p95 ms", "ratio of the p50s"),
            tuple(
                (name, f"{p50(taken):.0f}", f"{p95(taken):.0f}", f"{p50(taken) / bare:.1f}x")
                for name, taken in ways.items()
            ),
            (
                f"{VISITS} visits each over loopback, each in a new profile of {Path(program).name}, logged in; the "
                "samples are indexed.",
            ),
        )
    ]


def _is_idle(client: Client) -> bool:
    rows = client.get("/v1/documents")["items"]
    return bool(rows) and all(row["status"] == "ready" for row in rows)


def _visits(
    browser: Browser, origin: str, key: str, address: str, ready: str, *, before: bool = False
) -> Iterator[float]:
    for _ in range(VISITS):
        context = browser.new_context(locale="en-US")
        context.request.post(f"{origin}/v1/session", data={"key": key})
        if before:
            earlier = context.new_page()
            earlier.goto(origin + address)
            earlier.evaluate(ready)
            earlier.close()
        page = context.new_page()
        page.goto(origin + address, wait_until="domcontentloaded")
        yield float(page.evaluate(ready))
        context.close()
