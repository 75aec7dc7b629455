"""Conversations at the side: found, renamed, exported, deleted, long, and open in two tabs."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from tests.acceptance.conftest import Service
from tests.acceptance.page.browsing import QUESTIONS, Watched, answer_of, ask, enter
from tests.acceptance.page.told import body, message, play_conversation

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

WARRANTY = QUESTIONS["answerable"][3]["question"]
LONG = 500
FRAMES = """() => new Promise((resolve) => {
    let left = 8;
    const next = () => (left-- ? requestAnimationFrame(next) : resolve());
    next();
})"""


def act(page: Page, name: str) -> None:
    """Choose an action of the open conversation."""
    page.locator(".conversations li:has([aria-current])").get_by_role("button", name="Actions for").click()
    page.locator(".row-menu").get_by_role("button", name=name).click()


def test_a_conversation_is_renamed_found_exported_and_deleted(inside: Watched, tmp_path: Path) -> None:
    page = inside.page
    ask(page, WARRANTY)
    answer_of(page)
    page.reload()
    expect(page.locator(".turn h2")).to_have_text([WARRANTY])
    act(page, "Rename")
    page.get_by_role("textbox", name="Rename").fill("Skylark's warranty")
    page.keyboard.press("Enter")
    row = page.locator(".conversations li").filter(has_text="Skylark's warranty")
    expect(row).to_be_visible()
    for words, rows in (("no such words", 0), ("skylark's", 1)):
        page.get_by_role("searchbox", name="Find a conversation").fill(words)
        expect(page.locator(".conversations li")).to_have_count(rows)
    with page.expect_download() as saved:
        act(page, "Export as Markdown")
    saved.value.save_as(tmp_path / "talk.md")
    text = (tmp_path / "talk.md").read_text()
    assert saved.value.suggested_filename == "Skylarks warranty.md"
    assert text.startswith(f"# Skylark's warranty\n\n## {WARRANTY}\n\n")
    assert "five years" in text
    assert "\n[1] Skylark 3" in text
    act(page, "Delete")
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_role("heading", name="Ask your documents")).to_be_visible()
    expect(row).to_have_count(0)


def test_a_conversation_is_listed_once_though_the_list_that_holds_it_comes_before_its_own_reply(
    inside: Watched,
) -> None:
    """As where the first question is asked while the list is still on its way."""
    page = inside.page
    held: dict[str, Route] = {}
    page.route(re.compile(r"/v1/conversations(\?.*)?$"), lambda route: held.__setitem__(route.request.method, route))
    page.reload()
    ask(page, WARRANTY)
    while {"GET", "POST"} - held.keys():
        page.wait_for_timeout(20)
    made = held["POST"].fetch()
    held["GET"].continue_()
    rows = page.locator(f".conversations li[data-id={made.json()['id']}]")
    expect(rows).to_have_count(1)
    held["POST"].fulfill(response=made)
    page.unroute_all()
    answer_of(page)
    expect(rows).to_have_count(1)


def test_another_tab_sees_what_was_asked_here(inside: Watched, service: Service) -> None:
    page = inside.page
    ask(page, WARRANTY)
    answer_of(page)
    other = page.context.new_page()
    enter(other, service, f"#{page.url.rpartition('#')[2]}")
    expect(other.locator(".turn")).to_have_count(1)
    ask(page, QUESTIONS["answerable"][0]["question"])
    answer_of(page)
    expect(other.locator(".turn")).to_have_count(2)


def test_a_press_on_a_conversation_counts_though_another_tab_renames_one_meanwhile(
    inside: Watched, service: Service
) -> None:
    page = inside.page
    for question in (QUESTIONS["answerable"][0]["question"], WARRANTY):
        page.get_by_role("link", name="New conversation").click()
        expect(page.locator(".turn")).to_have_count(0)
        ask(page, question)
        answer_of(page)
    other = page.context.new_page()
    enter(other, service)
    rows = page.locator(".conversations li")
    page.get_by_role("link", name="New conversation").click()
    expect(page.locator(".turn")).to_have_count(0)
    rows.nth(0).get_by_role("link").hover()
    page.mouse.down()
    other.locator(".conversations li").nth(1).get_by_role("link").click()
    act(other, "Rename")
    other.get_by_role("textbox", name="Rename").fill("Another name")
    other.keyboard.press("Enter")
    expect(rows.nth(1)).to_contain_text("Another name")
    page.mouse.up()
    expect(page.locator(".turn h2")).to_have_text([WARRANTY])


def test_a_long_conversation_draws_only_what_is_seen(inside: Watched) -> None:
    page = inside.page
    messages = [message(body("At 05:40 [1].\n\n" * 8), number) for number in range(LONG)]
    page.goto(inside.origin + "/" + play_conversation(page, messages))
    turns = page.locator(".turn")
    expect(turns).to_have_count(LONG)
    expect(turns.last).to_be_in_viewport()
    seen = "node.firstElementChild.checkVisibility({contentVisibilityAuto: true})"
    drawn = f"nodes => nodes.filter(node => {seen}).length"
    assert turns.evaluate_all(drawn) < LONG / 10
    page.locator(".scroll").evaluate("node => node.scrollTo(0, 0)")
    expect(turns.first).to_be_in_viewport()
    assert turns.evaluate_all(drawn) < LONG / 10


def test_a_conversation_is_found_again_where_it_was_left(inside: Watched) -> None:
    page = inside.page
    messages = [message(body("At 05:40 [1].\n\n" * (3 + number % 7)), number) for number in range(60)]
    address = play_conversation(page, messages)
    page.goto(f"{inside.origin}/{address}")
    left = page.locator(".turn").nth(30)
    expect(page.locator(".turn").last).to_be_in_viewport()
    page.evaluate(FRAMES)
    left.evaluate("node => node.scrollIntoView({block: 'start'})")
    page.evaluate(FRAMES)  # heights that were estimated are known
    page.locator(".scroll").evaluate("node => node.scrollBy(0, 77)")
    expect(left).to_be_in_viewport()
    place = "node => Math.round(node.getBoundingClientRect().top)"
    before = left.evaluate(place)
    for way in ("#/documents", "#/"):
        page.goto(f"{inside.origin}/{way}")
        page.locator("main.admin, .welcome").locator("visible=true").first.wait_for()
        page.go_back()
        expect(left).to_be_in_viewport()
        page.evaluate(FRAMES)
        assert abs(left.evaluate(place) - before) <= 2, way
