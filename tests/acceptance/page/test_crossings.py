"""What crosses what: stops, retries, other conversations, other tabs and other views in mid-answer."""

import re
from collections.abc import Generator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Page, Route, expect

from tests.acceptance.conftest import Service
from tests.acceptance.page.browsing import QUESTIONS, Watched, answer_of, ask, enter

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

HOTEL = QUESTIONS["answerable"][0]["question"]
WARRANTY = QUESTIONS["answerable"][3]["question"]


@contextmanager
def held(page: Page, address: str, method: str = "POST") -> Generator[list[Route]]:
    """The requests that come meanwhile are not sent on; at the end those that were held are."""
    waiting: list[Route] = []

    def hold(route: Route) -> None:
        if route.request.method == method:
            waiting.append(route)
        else:
            route.fallback()

    page.route(address, hold)
    yield waiting
    for route in waiting:
        route.continue_()
    page.unroute(address, hold)


def titles(page: Page) -> list[str]:
    return page.locator(".turn h2").all_inner_texts()


def assert_asked_again_after_a_reload(inside: Watched) -> None:
    page = inside.page
    page.unroute("**/v1/answers")
    page.reload()
    expect(page.locator(".turn h2")).to_have_text([WARRANTY])
    assert "five years" in answer_of(page)


def test_a_question_after_a_stopped_one_is_asked_again_after_a_reload(inside: Watched) -> None:
    page = inside.page
    page.route("**/v1/answers", lambda _: None)
    ask(page, HOTEL)
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_text("Stopped.")).to_be_visible()
    ask(page, WARRANTY)
    expect(page.locator(".turn")).to_have_count(2)
    expect(page.locator(".turn").last).to_have_attribute("aria-busy", "true")
    assert_asked_again_after_a_reload(inside)


def test_a_question_below_a_shared_answer_is_asked_again_after_a_reload(inside: Watched, service: Service) -> None:
    page = inside.page
    with service.client() as client:
        shared = client.post("/v1/answers", json={"question": HOTEL}).json()["id"]
    page.goto(f"{service.url}/#/a/{shared}")
    expect(page.get_by_text("A shared answer")).to_be_visible()
    page.route("**/v1/answers", lambda _: None)
    ask(page, WARRANTY)
    expect(page).to_have_url(re.compile("#/c/"))
    expect(page.locator(".turn").last).to_have_attribute("aria-busy", "true")
    assert_asked_again_after_a_reload(inside)


def test_a_stopped_question_waits_while_another_is_answered(inside: Watched) -> None:
    page = inside.page
    page.route("**/v1/answers", lambda _: None)
    ask(page, HOTEL)
    page.get_by_role("button", name="Stop").click()
    again = page.get_by_role("button", name="Try again")
    expect(again).to_be_enabled()
    ask(page, WARRANTY)
    expect(again).to_be_disabled()
    page.get_by_role("button", name="Stop").click()
    expect(again).to_have_count(2)
    page.unroute("**/v1/answers")
    again.first.click()
    assert "190 euros" in answer_of(page)
    assert titles(page) == [WARRANTY, HOTEL]
    expect(again).to_be_enabled()


def test_a_conversation_that_is_opened_while_another_begins_gets_its_own_questions_alone(inside: Watched) -> None:
    page = inside.page
    ask(page, HOTEL)
    answer_of(page)
    opened = page.url
    page.get_by_role("link", name="New conversation").click()
    expect(page.locator(".turn")).to_have_count(0)
    with held(page, "**/v1/conversations") as waiting:
        ask(page, WARRANTY)
        expect(page.locator(".turn")).to_have_count(1)
        page.goto(opened)
        expect(page.locator(".turn h2")).to_have_text([HOTEL])
        assert len(waiting) == 1
    begun = page.locator(".conversations li").first
    expect(begun).to_contain_text(WARRANTY)
    assert page.url == opened
    ask(page, QUESTIONS["answerable"][1]["question"])
    assert "600 euros" in answer_of(page)
    page.reload()
    expect(page.locator(".turn")).to_have_count(2)
    begun.get_by_role("link").click()
    expect(page.locator(".turn h2")).to_have_text([WARRANTY])
    assert "five years" in answer_of(page)


def test_a_shared_answer_that_comes_late_does_not_take_the_place_of_what_was_opened(
    inside: Watched, service: Service
) -> None:
    page = inside.page
    ask(page, WARRANTY)
    answer_of(page)
    opened = page.url
    with service.client() as client:
        shared = client.post("/v1/answers", json={"question": HOTEL}).json()["id"]
    with page.expect_response(f"**/v1/answers/{shared}"), held(page, f"**/v1/answers/{shared}", "GET") as waiting:
        with page.expect_request(f"**/v1/answers/{shared}"):
            page.goto(f"{service.url}/#/a/{shared}")
        page.goto(opened)
        expect(page.locator(".turn h2")).to_have_text([WARRANTY])
        assert len(waiting) == 1
    page.evaluate("fetch('/livez').then(reply => reply.text())")  # by then the page has done what the reply made it do
    assert titles(page) == [WARRANTY]


def test_a_long_first_question_is_cut_between_characters(inside: Watched) -> None:
    page = inside.page
    words = "How long is the warranty of the Skylark 3, if it is not damaged by its own rider "
    question = words[:78] + "🚲🚲🚲 in a race?"
    ask(page, question)
    answer_of(page)
    expect(page.locator(".conversations li").first.locator("a > span")).to_have_text(f"{words[:78]}🚲…")


def test_a_tab_that_looked_elsewhere_sees_what_was_asked_meanwhile(inside: Watched, service: Service) -> None:
    page = inside.page
    ask(page, HOTEL)
    answer_of(page)
    other = page.context.new_page()
    enter(other, service, f"#{page.url.rpartition('#')[2]}")
    expect(other.locator(".turn")).to_have_count(1)
    other.get_by_role("link", name="Documents", exact=True).click()
    expect(other.get_by_role("heading", name="Documents", exact=True)).to_be_visible()
    ask(page, WARRANTY)
    answer_of(page)
    asked_here = "How many days of leave are there?"
    page.get_by_role("link", name="New conversation").click()
    expect(page.get_by_role("heading", name="Ask your documents")).to_be_visible()
    ask(page, asked_here)
    answer_of(page)
    other.go_back()
    expect(other.locator(".turn h2")).to_have_text([HOTEL, WARRANTY])
    expect(other.locator(".conversations li").first).to_contain_text(asked_here)


def test_a_tab_that_reads_stays_where_it_reads(inside: Watched, service: Service) -> None:
    page = inside.page
    for number, question in enumerate((HOTEL, WARRANTY, HOTEL), start=1):
        ask(page, question)
        expect(page.locator(".turn")).to_have_count(number)
        answer_of(page)
    other = page.context.new_page()
    other.set_viewport_size({"width": 900, "height": 400})
    enter(other, service, f"#{page.url.rpartition('#')[2]}")
    expect(other.locator(".turn")).to_have_count(3)
    answer_of(other)
    expect(other.locator(".turn").last).to_be_in_viewport()
    other.locator(".scroll").evaluate("node => node.scrollTo(0, 0)")
    expect(other.locator(".turn h2").first).to_be_in_viewport()
    page.locator(".conversations li:has([aria-current])").get_by_role("button", name="Actions for").click()
    page.locator(".row-menu").get_by_role("button", name="Rename").click()
    page.get_by_role("textbox", name="Rename").fill("Another name")
    page.keyboard.press("Enter")
    expect(other.locator(".conversations li").first).to_contain_text("Another name")
    ask(page, WARRANTY)
    expect(other.locator(".turn")).to_have_count(4)
    expect(other.locator(".turn h2").first).to_be_in_viewport()


def test_the_note_that_documents_are_being_read_goes_away_after_a_visit_elsewhere(inside: Watched) -> None:
    page = inside.page
    page.clock.install()
    being_read = re.compile(r"/v1/documents\?status=processing&limit=1$")
    page.route(being_read, lambda route: route.fulfill(body='{"items": [{}]}'))
    page.reload()
    note = page.get_by_text("Some documents are still being read")
    expect(note).to_be_visible()
    page.get_by_role("link", name="Documents", exact=True).click()
    expect(page.get_by_role("heading", name="Documents", exact=True)).to_be_visible()
    page.clock.run_for(10_000)
    page.unroute(being_read)
    page.get_by_role("link", name="Ask", exact=True).click()
    expect(page.locator(".suggestion").first).to_be_visible()
    expect(note).to_have_count(0)
