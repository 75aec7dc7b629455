"""The administrator's views for everyone: no violation that axe-core knows, narrow screens, the keyboard alone."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.acceptance.conftest import Service
from tests.acceptance.page.browsing import OpenTab, Watched, enter
from tests.acceptance.page.looking import faults, picture
from tests.acceptance.page.test_administration import EVALUATION

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

CONTENT = {
    "documents": "main tbody .name",
    "documents/{id}": "main .passage-card",
    "collections": "main .collections li",
    "keys": "main tbody th",
    "quality": "main figure",
    "health": "main .verdict",
}
"""Each view, and what is there once it has loaded."""


@pytest.fixture(scope="module")
def filled(samples: Service) -> Iterator[dict[str, str]]:
    """Something to show in each view; the addresses of the views."""
    with samples.client() as client:
        client.post("/v1/admin/evaluations", json=EVALUATION).raise_for_status()
        made = (
            client.post("/v1/admin/keys", json={"name": "kiosk", "collections": ["default"]}).raise_for_status().json()
        )
        client.post("/v1/admin/documents", files={"file": ("hollow.txt", b" \n")}).raise_for_status()
        [document] = client.get("/v1/documents", params={"q": "expenses"}).json()["items"]
        yield {view.format(id=document["id"]): content for view, content in CONTENT.items()}
        client.delete(f"/v1/admin/keys/{made['id']}")
        for each in client.get("/v1/documents", params={"q": "hollow"}).json()["items"]:
            client.delete(f"/v1/admin/documents/{each['id']}")


def visit(page: Page, service: Service, view: str, content: str) -> None:
    page.goto(f"{service.url}/#/{view}")
    expect(page.locator(content).first).to_be_visible()


@pytest.mark.parametrize("locale", ["en-US", "zh-CN"])
def test_every_view_is_accessible_and_fits_its_screen(
    open_tab: OpenTab, samples: Service, filled: dict[str, str], locale: str
) -> None:
    tab = open_tab(samples.url, locale)
    enter(tab.page, samples)
    found: dict[str, list[str]] = {}
    for (view, content), name in zip(filled.items(), CONTENT, strict=True):
        visit(tab.page, samples, view, content)
        found[view] = faults(tab.page)
        picture(tab.page, f"{name.replace('/{id}', '-one')}-{locale}")
    visit(tab.page, samples, "documents", CONTENT["documents"])
    unread = {"name": "tool.exe", "mimeType": "application/octet-stream", "buffer": b"MZ\x90\x00\x03"}
    tab.page.locator("#files").set_input_files([unread])  # pyright: ignore[reportArgumentType]
    expect(tab.page.locator(".upload.bad")).to_be_visible()
    found["uploads"] = faults(tab.page)
    tab.page.locator("tbody .actions button").last.click()
    expect(tab.page.get_by_role("dialog")).to_be_visible()
    found["deletion"] = faults(tab.page)
    tab.expected("status of 415")
    assert {view: each for view, each in found.items() if each} == {}


def test_the_documents_are_worked_by_keyboard_alone(inside: Watched, samples: Service) -> None:
    page = inside.page
    enter(page, samples, "#/documents")
    expect(page.locator("tbody .name").first).to_be_visible()
    page.get_by_label("Search by name").focus()
    page.keyboard.type("expenses")
    expect(page.locator("tbody .name")).to_have_count(1)
    for expected in ("All collections", "Any status"):
        page.keyboard.press("Tab")
        assert expected in page.evaluate("document.activeElement.innerText")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("columnheader", name="Document")).to_have_attribute("aria-sort", "ascending")
    for _ in range(3):
        page.keyboard.press("Tab")  # the other two columns, then the document
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Expenses policy", level=1)).to_be_visible()
    page.locator(".passage-card").first.focus()
    expect(page.locator(".page-picture rect.lit").first).to_be_attached()
    page.get_by_role("button", name="Delete").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_nothing_moves_where_less_motion_is_wanted(inside: Watched) -> None:
    page = inside.page
    page.emulate_media(reduced_motion="reduce")
    page.get_by_role("link", name="Documents", exact=True).click()
    expect(page.locator(".drop")).to_be_visible()
    moving = page.locator("main *").evaluate_all(
        """all => all.map((one) => getComputedStyle(one)).filter(
            (style) => parseFloat(style.transitionDuration) > 0 || style.animationName !== "none").length"""
    )
    assert moving == 0
