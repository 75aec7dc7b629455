"""The page for everyone: two languages, narrow screens."""

import pytest
from playwright.sync_api import Browser, expect

from tests.acceptance.conftest import Service
from tests.acceptance.page.browsing import QUESTIONS, Watched, answer_of, ask

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


def test_the_page_speaks_chinese_where_the_browser_does(browser: Browser, service: Service) -> None:
    context = browser.new_context(locale="zh-CN")
    page = context.new_page()
    page.goto(service.url)
    expect(page.get_by_role("button", name="登录")).to_be_visible()
    page.get_by_role("button", name="English").click()
    expect(page.get_by_role("button", name="Log in")).to_be_visible()
    page.reload()
    expect(page.get_by_role("button", name="Log in")).to_be_visible()
    context.close()


def test_the_page_works_on_a_narrow_screen_without_sideways_scrolling(inside: Watched) -> None:
    page = inside.page
    page.set_viewport_size({"width": 360, "height": 640})
    ask(page, QUESTIONS["answerable"][0]["question"])
    answer_of(page)
    page.locator(".answer-text .cite").first.click()
    expect(page.locator("aside.source mark").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    page.keyboard.press("Escape")
    page.get_by_role("link", name="Documents").click()
    expect(page.get_by_role("row").nth(1)).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == 360
