"""One document on the page: passages on its pages, versions, metadata, name."""

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Route, expect

from tests.acceptance.conftest import Service
from tests.acceptance.page.browsing import PATIENCE_MS, Watched, wait_until_read

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300), pytest.mark.usefixtures("swept")]

Open = Callable[..., dict[str, Any]]


@pytest.fixture
def opened(inside: Watched, samples: Service) -> Iterator[Open]:
    """Uploads a file and, once it is read, opens its page."""
    with samples.client() as client:

        def upload(name: str, text: str) -> dict[str, Any]:
            files = {"file": (name, text.encode())}
            document = client.post("/v1/admin/documents", files=files).raise_for_status().json()["documents"][0]
            wait_until_read(samples, document["id"])
            inside.page.goto(f"{samples.url}/#/documents/{document['id']}")
            expect(inside.page.locator(".document-head h1")).to_be_visible()
            return document

        yield upload


def test_the_passages_of_a_pdf_stand_on_its_pages_with_their_boxes(inside: Watched, samples: Service) -> None:
    page = inside.page
    page.goto(f"{samples.url}/#/documents")
    page.get_by_role("link", name="expenses-policy.pdf", exact=True).click()
    picture = page.get_by_role("img", name="Page 1 of Expenses policy, with a box around each passage")
    page.wait_for_function("image => image.complete && image.naturalWidth > 300", arg=picture.element_handle())
    boxes, cards = page.locator(".page-picture rect"), page.locator(".passage-card")
    assert boxes.count() >= cards.count() > 1
    view = page.locator(".page-picture svg").get_attribute("viewBox")
    assert view is not None
    width, height = (float(each) for each in view.split()[2:])
    assert (width, height) == pytest.approx((595, 842), abs=1)  # A4 in points
    cards.nth(1).hover()
    expect(cards.nth(1)).to_have_class("passage-card lit")
    lit = page.locator(".page-picture rect.lit")
    expect(lit.first).to_be_visible()
    assert lit.first.get_attribute("data-chunk") == cards.nth(1).get_attribute("data-chunk")
    expect(cards.first).to_contain_text("tokens")
    first = cards.first.inner_text()
    page.get_by_role("button", name="Next page").click()
    expect(page.get_by_role("img", name="Page 2 of Expenses policy")).to_be_visible()
    assert cards.first.inner_text() != first
    page.get_by_label("Page", exact=True).fill("4")
    page.keyboard.press("Enter")
    expect(page.get_by_role("img", name="Page 4 of Expenses policy")).to_be_visible()
    expect(page.get_by_role("button", name="Next page")).to_be_disabled()


def test_a_page_that_is_left_while_its_passages_are_read_shows_each_passage_once(
    inside: Watched, samples: Service
) -> None:
    page = inside.page
    with samples.client() as client:
        [told] = client.get("/v1/documents", params={"q": "expenses"}).json()["items"]
        chunk = client.get(f"/v1/documents/{told['id']}/chunks").json()["items"][0]
    per_page, last = 2, 700
    chunks = [
        chunk | {"id": str(n), "ordinal": n, "text": f"Passage {n}.", "pages": [n // per_page + 1], "boxes": []}
        for n in range(per_page * last)
    ]
    held: list[Route] = []

    def page_of_chunks(start: int, limit: int) -> dict[str, Any]:
        more = start + limit < len(chunks)
        return {"items": chunks[start : start + limit], "next_cursor": str(start + limit) if more else None}

    def reply(route: Route) -> None:
        query = parse_qs(urlsplit(route.request.url).query)
        route.fulfill(json=page_of_chunks(int(query.get("cursor", ["0"])[0]), int(query["limit"][0])))

    def answer(route: Route) -> None:
        if "cursor=500" in route.request.url:
            held.append(route)  # until both pages were asked for
        else:
            reply(route)

    page.route(f"**/v1/documents/{told['id']}", lambda route: route.fulfill(json=told | {"pages": last}))
    page.route(f"**/v1/documents/{told['id']}/chunks?*", answer)
    page.route(f"**/v1/documents/{told['id']}/pages/*", lambda route: route.fulfill(status=404))
    page.goto(f"{samples.url}/#/documents/{told['id']}")
    cards = page.locator(".passage-card")
    expect(cards).to_have_count(per_page)
    number = page.get_by_label("Page", exact=True)
    for wanted in ("400", "300"):
        number.fill(wanted)
        page.keyboard.press("Enter")
    page.wait_for_timeout(200)  # for a second question, were there one
    assert len(held) == 1
    reply(held[0])
    expect(cards.first).to_contain_text("Passage 598.")
    assert cards.locator(".passage-text").all_inner_texts() == ["Passage 598.", "Passage 599."]
    inside.expected("status of 404")


def test_a_new_version_is_compared_and_rolled_back(inside: Watched, opened: Open) -> None:
    page = inside.page
    opened("ferry.md", "# Ferry\n\nIt sails at 07:40.\n\n# Fares\n\nA ticket costs 12 euros.\n")
    after = b"# Ferry\n\nIt sails at 07:40.\n\n# Fares\n\nA ticket costs 15 euros.\n"
    page.get_by_label("New version").set_input_files({"name": "ferry.md", "mimeType": "text/markdown", "buffer": after})
    versions = page.get_by_role("region", name="Versions")
    expect(versions.locator(".live")).to_contain_text("Version 2", timeout=PATIENCE_MS)
    expect(page.locator(".passage-list")).to_contain_text("15 euros")
    versions.get_by_role("button", name="Compare version 1 with version 2").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.locator(".difference.removed")).to_contain_text("12 euros")
    expect(dialog.locator(".difference.added")).to_contain_text("15 euros")
    expect(dialog.locator(".difference.kept")).to_have_count(0)
    dialog.get_by_label("Kept: 1").check()
    expect(dialog.locator(".difference.kept")).to_contain_text("07:40")
    page.keyboard.press("Escape")
    versions.get_by_role("button", name="Let version 1 answer again").click()
    expect(versions.locator(".live")).to_contain_text("Version 1")
    expect(page.locator(".passage-list")).to_contain_text("12 euros")


def test_metadata_and_name_are_changed_in_place(inside: Watched, opened: Open, samples: Service) -> None:
    page = inside.page
    document = opened("plan.md", "# Plan\n\nThe bridge is built in spring.\n")
    part = page.get_by_role("region", name="Metadata")
    part.get_by_role("button", name="Edit").click()
    dialog = page.get_by_role("dialog")
    for number, (key, value) in enumerate(
        (("year", "2026"), ("open", "true"), ("tags", '["a", "b"]'), ("code", '"7"'))
    ):
        dialog.get_by_role("button", name="Add a row").click()
        row = dialog.locator(".metadata-rows .row").nth(number)
        row.get_by_role("textbox").nth(0).fill(key)
        row.get_by_role("textbox").nth(1).fill(value)
    dialog.get_by_role("button", name="Save").click()
    expect(part).to_contain_text("2026")
    with samples.client() as client:
        stored = client.get(f"/v1/documents/{document['id']}").json()["metadata"]
    assert stored == {"year": 2026, "open": True, "tags": ["a", "b"], "code": "7"}
    part.get_by_role("button", name="Edit").click()
    values = [field.input_value() for field in dialog.get_by_role("textbox").all()]
    assert values == ["code", '"7"', "open", "true", "tags", '["a","b"]', "year", "2026"] or set(values) >= {
        '"7"',
        "true",
    }
    dialog.get_by_role("textbox").nth(0).fill("/no key/")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.get_by_role("alert")).not_to_be_empty()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Rename").click()
    dialog.get_by_role("textbox").fill("bridge.md")
    dialog.get_by_role("button", name="Rename").click()
    expect(page.locator(".document-head")).to_contain_text("bridge.md")
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_role("heading", name="Documents", exact=True)).to_be_visible()
    expect(page.get_by_role("row").filter(has_text="bridge.md")).to_have_count(0)
    inside.expected("status of 422")
