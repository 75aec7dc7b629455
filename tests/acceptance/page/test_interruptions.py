"""Answers that are interrupted: by a reload, a restart, a lost line, a session's end, or whoever asked."""

import pytest
from playwright.sync_api import expect

from tests.acceptance.conftest import Service, StartService, free_port, kill_group
from tests.acceptance.page.browsing import QUESTIONS, OpenTab, Watched, answer_of, ask, enter, wait_for_samples
from tests.stubs.vllm import Script, VllmStub

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

WARRANTY = QUESTIONS["answerable"][3]["question"]
SENTENCES = (
    "The warranty of the frame is five years [1]. ",
    "It is five years for the frame [1]. ",
    "The frame has five years [1].",
)
HANGING = Script(tokens=SENTENCES, hang_after=2)  # a sentence is shown once the next one has begun


@pytest.fixture
def asking(open_tab: OpenTab, writing: Service, stub: VllmStub) -> Watched:
    """A tab in which the first sentence of an answer stands that has not ended."""
    stub.script = HANGING
    return asked(open_tab(writing.url), writing)


def asked(tab: Watched, service: Service) -> Watched:
    """The tab, once it has asked and shows the first sentence."""
    enter(tab.page, service)
    ask(tab.page, WARRANTY)
    expect(tab.page.locator(".turn .answer-text")).to_contain_text("five years")
    expect(tab.page.locator(".turn")).to_have_attribute("aria-busy", "true")
    return tab


def assert_answered_once(tab: Watched) -> None:
    assert answer_of(tab.page).count("five years") >= len(SENTENCES)
    expect(tab.page.locator(".turn")).to_have_count(1)
    tab.page.reload()
    expect(tab.page.locator(".turn")).to_have_count(1)


def test_an_answer_whose_tab_was_reloaded_is_written_anew(asking: Watched, stub: VllmStub) -> None:
    stub.script = Script(tokens=SENTENCES)
    asking.page.reload()
    assert_answered_once(asking)


def test_a_tab_that_is_duplicated_in_mid_answer_does_not_ask_again(asking: Watched, stub: VllmStub) -> None:
    page = asking.page
    asked = stub.seen.requests
    with page.expect_popup() as opened:
        page.evaluate("window.open(location.href)")  # with all that the tab has kept, as a duplicate
    copy = opened.value
    told = copy.get_by_text("Another tab is answering this question.")
    expect(told).to_be_visible()
    assert stub.seen.requests == asked
    stub.script = Script(tokens=SENTENCES)
    page.get_by_role("button", name="Stop").click()
    page.get_by_role("button", name="Try again").click()
    words = answer_of(page)
    expect(told).to_have_count(0)
    expect(copy.locator(".turn .answer").last).not_to_be_empty()
    assert answer_of(copy) == words
    assert stub.seen.requests == asked + 1


def test_a_service_that_was_killed_in_mid_answer_and_came_back_answers(
    open_tab: OpenTab, stub: VllmStub, start_service: StartService, settings: dict[str, str]
) -> None:
    stub.script = HANGING
    settings = settings | {"OPENBOOK_PORT": str(free_port())}
    service = start_service(**settings)
    wait_for_samples(service)
    tab = asked(open_tab(service.url), service)
    kill_group(service.process)
    service.process.wait()
    expect(tab.page.get_by_role("alert").filter(has_text="connection to the service was lost")).to_be_visible()
    stub.script = Script(tokens=SENTENCES)
    start_service(service.data_dir, **settings)
    tab.page.get_by_role("button", name="Try again").click()
    tab.expected("ERR_INCOMPLETE_CHUNKED_ENCODING")
    assert_answered_once(tab)


def test_the_focus_stays_on_its_mark_while_the_answer_grows(asking: Watched, stub: VllmStub) -> None:
    page = asking.page
    page.get_by_role("button", name="Stop").click()
    stub.script = Script(tokens=SENTENCES * 3, delay_seconds=0.4)
    page.get_by_role("button", name="Try again").click()
    mark = page.locator(".answer-text .cite").first
    mark.focus()
    expect(page.locator(".turn")).to_have_attribute("aria-busy", "true")
    expect(page.locator(".answer-text .cite")).to_have_count(5)
    expect(mark).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("aside.source h2")).to_be_focused()
    answer_of(page)
    page.keyboard.press("Escape")
    expect(mark).to_be_focused()


def test_a_lost_connection_is_told_and_the_question_can_be_asked_again(inside: Watched) -> None:
    page = inside.page
    page.route("**/v1/answers", lambda route: route.abort("connectionreset"))
    ask(page, WARRANTY)
    expect(page.get_by_role("alert").filter(has_text="connection to the service was lost")).to_be_visible()
    page.unroute("**/v1/answers")
    page.get_by_role("button", name="Try again").click()
    assert "five years" in answer_of(page)
    expect(page.locator(".turn")).to_have_count(1)
    inside.expected("ERR_CONNECTION_RESET")


def test_an_answer_is_stopped_and_its_question_can_be_asked_again(inside: Watched) -> None:
    page = inside.page
    page.route("**/v1/answers", lambda _: None)
    ask(page, WARRANTY)
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_text("Stopped.")).to_be_visible()
    page.unroute("**/v1/answers")
    page.get_by_role("button", name="Try again").click()
    assert "five years" in answer_of(page)


def test_a_session_that_ends_asks_for_the_key_and_keeps_the_question(inside: Watched, service: Service) -> None:
    page = inside.page
    page.wait_for_load_state("networkidle")  # else what the page still loads is the first to be refused
    page.context.clear_cookies()
    ask(page, WARRANTY)
    expect(page.get_by_role("alert").filter(has_text="Your session has ended")).to_be_visible()
    page.get_by_label("Access key").fill(service.admin_key)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_label("Your question")).to_have_value(WARRANTY)
    inside.expected("status of 401")
