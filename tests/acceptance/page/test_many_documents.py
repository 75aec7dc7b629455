"""The table of documents over thousands of rows, written straight into the database: paging and sorting hold."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import insert

from app.db import tables
from app.db.database import Database
from app.db.sql import table
from tests.acceptance.conftest import Service, running
from tests.acceptance.page.browsing import Watched, enter

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

COUNT = 5000
PAGE = 50
FAILED = 7


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service with thousands of documents, and nobody who reads them."""
    folder = tmp_path_factory.mktemp("many")
    (folder / "data").mkdir(mode=0o700)
    database = Database(f"sqlite:///{folder / 'data' / 'openbook.db'}")
    database.migrate()
    fill(database, COUNT)
    database.dispose()
    given = {"OPENBOOK_EMBEDDED_WORKER": "false", "OPENBOOK_EMBEDDER": "hashing"}
    with running(folder / "data", folder / "log", given) as started:
        yield started


def fill(database: Database, count: int) -> None:
    """So many documents of names and sizes without order, FAILED of them failed."""
    now, shuffled = datetime.now(UTC), random.Random(7).sample(range(count), count)
    digits = len(str(count - 1))
    collection: dict[str, object] = {
        "id": 1,
        "name": "default",
        "generation": 1,
        "fingerprint": "none",
        "seq": 0,
        "created_at": now,
    }
    documents: list[dict[str, object]] = [
        {"id": f"doc_{n:026d}", "collection_id": 1, "name": f"paper-{rank:0{digits}d}.md", "metadata": {},
         "created_at": now, "updated_at": now - timedelta(minutes=rank)}
        for n, rank in enumerate(shuffled)
    ]  # fmt: skip
    versions: list[dict[str, object]] = [
        {"id": n + 1, "document_id": document["id"], "number": 1, "blob_key": f"1/{n}", "sha256": f"{n:064x}",
         "size": 1000 + shuffled[n], "media_type": "text/markdown", "name": document["name"], "given_metadata": {},
         "own_title": "", "own_metadata": {}, "status": "failed", "error_code": "unreadable",
         "error_message": "made to fail", "title": "Paper", "metadata": {}, "warnings": [], "created_at": now}
        for n, document in enumerate(documents)
    ]  # fmt: skip
    for version in versions[FAILED:]:
        version |= {"status": "ready", "error_code": None, "error_message": None}
    with database.write() as session:
        for model, rows in (
            (tables.Collection, [collection]),
            (tables.Document, documents),
            (tables.Version, versions),
        ):
            session.connection().execute(insert(table(model)), rows)


@pytest.fixture
def tab_of_many(tab: Watched, service: Service) -> Watched:
    enter(tab.page, service, "#/documents")
    expect(tab.page.get_by_text(f"1 to {PAGE}", exact=True)).to_be_visible()
    return tab


def names(page: Page) -> list[str]:
    return page.locator("tbody .name").all_inner_texts()


def test_pages_follow_each_other_and_back_in_the_order_of_names(tab_of_many: Watched) -> None:
    page = tab_of_many.page
    page.get_by_role("columnheader", name="Document").get_by_role("button").click()
    expect(page.locator("tbody .name").first).to_have_text("paper-0000.md")
    seen = names(page)
    for first in (PAGE, 2 * PAGE, 3 * PAGE):
        page.get_by_role("button", name="Next").click()
        expect(page.get_by_text(f"{first + 1} to {first + PAGE}", exact=True)).to_be_visible()
        expect(page.locator("tbody .name").first).to_have_text(f"paper-{first:04d}.md")
        seen += names(page)
    assert seen == [f"paper-{n:04d}.md" for n in range(4 * PAGE)]
    assert page.locator("tbody tr").count() == PAGE
    page.get_by_role("button", name="Previous").click()
    expect(page.locator("tbody .name").first).to_have_text(f"paper-{2 * PAGE:04d}.md")


@pytest.mark.parametrize(("column", "first"), [("Size", "paper-0000.md"), ("Changed", "paper-4999.md")])
def test_each_column_sorts_both_ways(tab_of_many: Watched, column: str, first: str) -> None:
    page = tab_of_many.page
    last = {"paper-0000.md": "paper-4999.md", "paper-4999.md": "paper-0000.md"}[first]
    head = page.get_by_role("columnheader", name=column)
    for direction, expected in (("ascending", first), ("descending", last)):
        head.get_by_role("button").click()
        expect(head).to_have_attribute("aria-sort", direction)
        expect(page.locator("tbody .name").first).to_have_text(expected)


def test_the_few_that_failed_are_found_among_the_many(tab_of_many: Watched) -> None:
    page = tab_of_many.page
    page.get_by_role("combobox", name="Status").select_option("failed")
    expect(page.locator("tbody tr")).to_have_count(FAILED)
    expect(page.locator("tbody tr").first).to_contain_text("made to fail")
    page.get_by_role("combobox", name="Status").select_option("")
    page.get_by_label("Search by name").fill("paper-0123")
    expect(page.locator("tbody .name")).to_have_text(["paper-0123.md"])


def test_a_new_index_is_cancelled_on_its_way_and_gone_on_with(tab_of_many: Watched, service: Service) -> None:
    page = tab_of_many.page
    page.get_by_role("link", name="Collections").click()
    card = page.get_by_role("listitem").filter(has=page.get_by_role("heading", name="default"))
    card.get_by_role("button", name="Make a new index of default").click()
    expect(card).to_contain_text("A new index is being made: 0 of")
    card.get_by_role("button", name="Cancel").click()
    expect(card).to_contain_text("The new index was cancelled at 0 of")
    with service.client() as client:
        [told] = client.get("/v1/admin/collections").json()["items"]
        assert told["reindexing"]["status"] == "cancelled"
    card.get_by_role("button", name="Go on").click()
    expect(card).to_contain_text("A new index is being made: 0 of")
