"""The table of 100,000 documents: each order and filter, as the service answers and the page shows it."""

import base64
import json
import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright
from sqlalchemy import text

from app.client import Client, Json
from app.db.database import Database
from measure import Table, milliseconds, p50, p95
from service import running
from tests import chromium
from tests.acceptance.page.test_many_documents import fill

DOCUMENTS = 100_000
CALLS = 15
SHOWN_TIMES = 5
LIVE = (
    "UPDATE documents SET live_version_id = "
    "(SELECT id FROM versions WHERE versions.document_id = documents.id AND status = 'ready')"
)
# The lists, by the query of the service and of the page's address.
LISTS = {
    "newest first": "",
    "by name": "sort=name",
    "by name, falling": "sort=-name",
    "by change": "sort=updated",
    "by change, falling": "sort=-updated",
    "by size": "sort=size",
    "by size, falling": "sort=-size",
    "those that failed": "status=failed",
    "of a name that one has": "q=paper-01234.md",
    "of words that all have": "q=paper",
    "of a name that one has, by name": "q=paper-01234.md&sort=name",
}
ELSEWHERE = "#/documents?q=paper-00077.md"
# Milliseconds from the change of the address until the rows that follow from it have been painted.
REACHED = """(address) => new Promise((resolve) => {
    const before = document.querySelector(".documents tbody").firstElementChild;
    const start = performance.now();
    location.hash = address;
    const look = () => {
        const now = document.querySelector(".documents tbody").firstElementChild;
        requestAnimationFrame(() => (now && now !== before ? resolve(performance.now() - start) : look()));
    };
    look();
})"""


def run() -> list[Table]:
    program = chromium.installed()
    if program is None:
        return []
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name)
        database = Database(f"sqlite:///{folder / 'openbook.db'}")
        database.migrate()
        fill(database, DOCUMENTS)
        with database.write() as session:
            session.execute(text(LIVE))
        database.dispose()
        with running(folder, embedded_worker="false", embedder="hashing") as service:
            key = (folder / "admin.key").read_text(encoding="utf-8").strip()
            browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
            page = browser.new_context(locale="en-US").new_page()
            origin = str(service.client.http.base_url).rstrip("/")
            page.request.post(f"{origin}/v1/session", data={"key": key})
            page.goto(f"{origin}/#/documents")
            page.locator(".documents tbody tr").first.wait_for()
            rows = [_row(service.client, page, each, query) for each, query in LISTS.items()]
            rows.append(_last_page(service.client))
            browser.close()
    return [
        Table(
            f"A table of {DOCUMENTS:,} documents: a page of 50",
            ("list", "service, p50 ms", "p95 ms", "shown by the page, p50 ms"),
            tuple(rows),
            (
                f"SQLite; {CALLS} calls over loopback, {SHOWN_TIMES} times in {Path(program).name}: from the change of "
                "the address until the rows are painted.",
            ),
        )
    ]


def _read(client: Client, query: str) -> Json:
    return client.http.get(f"/v1/documents?{query}").raise_for_status().json()


def _row(client: Client, page: Page, name: str, query: str) -> tuple[str, ...]:
    taken = [milliseconds(lambda: _read(client, f"limit=50&{query}")) for _ in range(CALLS)]
    shown: list[float] = []
    for _ in range(SHOWN_TIMES):
        page.evaluate(REACHED, ELSEWHERE)
        shown.append(float(page.evaluate(REACHED, f"#/documents?{query}")))
    return name, f"{p50(taken):.0f}", f"{p95(taken):.0f}", f"{p50(shown):.0f}"


def _last_page(client: Client) -> tuple[str, ...]:
    """Of the list by name: the one that follows this cursor."""
    told = json.dumps([f"paper-{DOCUMENTS - 50}.md", ""])
    query = f"limit=50&sort=name&cursor={base64.urlsafe_b64encode(told.encode()).decode()}"
    taken = [milliseconds(lambda: _read(client, query)) for _ in range(CALLS)]
    return "the last page by name", f"{p50(taken):.0f}", f"{p95(taken):.0f}", ""
