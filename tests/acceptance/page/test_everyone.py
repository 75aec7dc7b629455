"""The page for everyone: two languages, narrow screens."""

import pytest
from playwright.sync_api import expect

from tests.acceptance.conftest import Service
from tests.acceptance.page.browsing import QUESTIONS, OpenTab, Watched, answer_of, ask, enter
from tests.acceptance.page.looking import faults, overhang, picture

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


def test_the_page_speaks_chinese_where_the_browser_does(open_tab: OpenTab, service: Service) -> None:
    tab = open_tab(service.url, "zh-CN")
    page = tab.page
    page.goto(service.url)
    expect(page.get_by_role("button", name="登录")).to_be_visible()
    page.get_by_role("button", name="English").click()
    expect(page.get_by_role("button", name="Log in")).to_be_visible()
    page.reload()
    expect(page.get_by_role("button", name="Log in")).to_be_visible()
    tab.expected("status of 401")


def test_the_page_works_on_a_narrow_screen_without_sideways_scrolling(inside: Watched) -> None:
    page = inside.page
    page.set_viewport_size({"width": 360, "height": 640})
    ask(page, QUESTIONS["answerable"][0]["question"])
    answer_of(page)
    page.locator(".answer-text .cite").first.click()
    expect(page.locator("aside.source mark").first).to_be_visible()
    assert overhang(page) == 0
    page.keyboard.press("Escape")
    page.get_by_role("link", name="Documents").click()
    expect(page.get_by_role("row").nth(1)).to_be_visible()
    assert overhang(page) == 0


@pytest.mark.parametrize("language", ["en-US", "zh-CN"])
def test_each_view_of_the_chat_is_accessible(open_tab: OpenTab, samples: Service, language: str) -> None:
    tab = open_tab(samples.url, language)
    page = tab.page
    page.set_viewport_size({"width": 1280, "height": 900})
    page.goto(samples.url)
    page.locator("#key").wait_for()
    found = {"login": faults(page)}
    tab.expected("status of 401")
    enter(page, samples)
    page.locator(".suggestion").first.wait_for()
    found["welcome"] = faults(page)
    picture(page, f"welcome-{language}")
    page.locator(".filter-button").click()
    found["filter"] = faults(page)
    page.keyboard.press("Escape")
    page.locator("[popovertarget=menu]").click()
    found["menu"] = faults(page)
    page.locator("#menu .quiet").nth(1).click()
    page.get_by_role("dialog").wait_for()
    found["shortcuts"] = faults(page)
    page.keyboard.press("Escape")
    page.route("**/v1/answers", lambda route: route.abort("connectionreset"))
    ask(page, QUESTIONS["answerable"][0]["question"])
    page.locator(".broken").wait_for()
    page.locator(".conversations .icon-button").first.click()
    found["broken off, with a row's menu"] = faults(page)
    tab.expected("ERR_CONNECTION_RESET")
    page.unroute("**/v1/answers")
    page.keyboard.press("Escape")
    page.goto(f"{samples.url}/#/")
    page.locator(".suggestion").first.wait_for()
    ask(page, QUESTIONS["answerable"][0]["question"])
    answer_of(page)
    found["answer"] = faults(page)
    picture(page, f"answer-{language}")
    page.locator(".answer-text .cite").first.click()
    page.locator("aside.source mark").first.wait_for()
    found["source"] = faults(page)
    picture(page, f"source-{language}")
    page.keyboard.press("Escape")
    page.locator(".why-button").last.click()
    page.locator(".why tbody tr").first.wait_for()
    found["why"] = faults(page)
    page.keyboard.press("Escape")
    page.locator(".actions button[aria-pressed]").last.click()
    page.get_by_role("dialog").wait_for()
    found["comment"] = faults(page)
    page.keyboard.press("Escape")
    ask(page, QUESTIONS["off_topic"][0])
    answer_of(page)
    page.locator(".sources").last.wait_for()
    found["abstention"] = faults(page)
    picture(page, f"abstention-{language}")
    page.goto(f"{samples.url}/#/a/{page.locator('[data-kept]').first.get_attribute('data-kept')}")
    page.locator(".shared").wait_for()
    found["shared"] = faults(page)
    assert {view: each for view, each in found.items() if each} == {}


def test_the_keyboard_reaches_everything_and_its_keys_are_listed(inside: Watched) -> None:
    page = inside.page
    page.locator(".suggestion").first.wait_for()
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("?")
    dialog = page.get_by_role("dialog", name="Keyboard shortcuts")
    assert dialog.locator("dt").all_inner_texts()[:3] == ["?", "n", "/"]
    page.keyboard.press("Escape")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("h")
    expect(page.get_by_role("searchbox", name="Find a conversation")).to_be_focused()
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("/")
    expect(page.get_by_label("Your question")).to_be_focused()
    page.keyboard.press("Shift+Tab")
    expect(page.locator(".suggestion").last).to_be_focused()
    page.keyboard.press("Enter")
    answer_of(page)
    page.locator(".brand").focus()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()


def test_letter_keys_can_be_switched_off(inside: Watched) -> None:
    page = inside.page
    page.get_by_role("button", name="Settings").click()
    page.get_by_role("button", name="Keyboard shortcuts").click()
    page.get_by_label("Letter keys").uncheck()
    page.keyboard.press("Escape")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_a_screen_reader_hears_each_sentence_as_it_comes(inside: Watched) -> None:
    page = inside.page
    log = page.get_by_role("log")
    expect(log).to_have_attribute("aria-live", "polite")
    ask(page, QUESTIONS["answerable"][0]["question"])
    answer_of(page)
    expect(log).to_contain_text("190 euros")


def test_reduced_motion_stops_what_moves(inside: Watched) -> None:
    page = inside.page
    page.emulate_media(reduced_motion="reduce")
    page.route("**/v1/answers", lambda _: None)
    ask(page, "Anything?")
    assert page.locator(".state").evaluate("node => getComputedStyle(node, '::before').animationName") == "none"


def test_a_chosen_theme_holds_against_the_systems(inside: Watched) -> None:
    page = inside.page
    page.emulate_media(color_scheme="light")
    light = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    page.get_by_role("button", name="Settings").click()
    page.get_by_text("Dark", exact=True).click()
    assert page.evaluate("getComputedStyle(document.documentElement).backgroundColor") != light
    page.reload()
    page.locator("main").wait_for()
    assert page.evaluate("getComputedStyle(document.documentElement).backgroundColor") != light
