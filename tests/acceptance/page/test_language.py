"""The other language, chosen in the middle of things: what was opened before speaks it too, and so does what fails."""

from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.acceptance.conftest import Service
from tests.acceptance.page.browsing import QUESTIONS, Watched, answer_of, ask, enter, wait_until_read

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


def switch(page: Page, settings: str = "Settings", language: str = "中文") -> None:
    """Choose the other language in the menu."""
    page.get_by_role("button", name=settings).click()
    page.locator("#menu").get_by_role("button", name=language).click()
    page.keyboard.press("Escape")


def test_a_switch_reaches_the_views_that_were_opened_before(inside: Watched) -> None:
    page = inside.page
    ask(page, QUESTIONS["answerable"][0]["question"])
    answer_of(page)
    page.get_by_label("Your question").fill("Half a question")
    date = page.locator(".conversations time").first
    before = page.locator(".turn .facts").inner_text(), date.evaluate("node => node.textContent")
    page.get_by_role("link", name="Documents").click()
    expect(page.get_by_role("row").filter(has_text="expenses-policy.pdf")).to_contain_text("Ready")
    switch(page)
    row = page.get_by_role("row").filter(has_text="expenses-policy.pdf")
    expect(row).to_contain_text("4 页")
    expect(row.locator("[data-part=status]")).to_have_text("就绪")
    page.go_back()
    expect(page.get_by_label("您的问题")).to_have_value("Half a question")
    expect(page.locator(".sources h3")).to_have_text("出处")
    expect(page.get_by_role("button", name="重新提问")).to_be_visible()
    expect(page.locator(".turn .facts")).not_to_contain_text(before[0].split()[-1])
    page.get_by_role("link", name="文档", exact=True).click()
    switch(page, "设置", "English")
    page.go_back()
    expect(page.locator(".sources h3")).to_have_text("Sources")
    after = page.locator(".turn .facts").inner_text(), date.evaluate("node => node.textContent")
    assert after == before


def test_what_goes_wrong_is_said_in_the_pages_language_before_the_services_words(inside: Watched) -> None:
    page = inside.page
    told = {"type": "urn:openbook:problem:database_unavailable", "status": 503, "detail": "The database said no."}

    def refuse(route: Route) -> None:
        route.fulfill(status=503, json=told)

    page.route("**/v1/admin/keys?*", refuse)
    page.get_by_role("link", name="Keys").click()
    trouble = page.locator(".trouble")
    expect(trouble).to_contain_text("The database is away: try again. · The database said no.")
    page.unroute("**/v1/admin/keys?*")
    switch(page)
    expect(trouble).to_contain_text("数据库不可用，请重试。 · The database said no.")
    inside.expected("status of 503")


def test_why_a_document_failed_is_said_in_the_language_that_was_switched_to(inside: Watched, samples: Service) -> None:
    page = inside.page
    with samples.client() as client:
        made = client.post("/v1/admin/documents", files={"file": ("blank.txt", b" \n")}).raise_for_status().json()
        document: dict[str, Any] = made["documents"][0]
        wait_until_read(samples, document["id"])
        enter(page, samples, f"#/documents/{document['id']}")
        notes = page.locator(".notes")
        expect(notes).to_contain_text("No text was found")
        switch(page)
        expect(notes).to_contain_text("文件中没有文字")
        expect(page.get_by_role("heading", level=1)).to_have_text("blank")
        client.delete(f"/v1/admin/documents/{document['id']}").raise_for_status()
