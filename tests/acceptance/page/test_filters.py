"""Conditions on the documents that are asked: what may be said, what is refused in words, which day is meant."""

import json

import pytest
from playwright.sync_api import Page, Request, expect

from tests.acceptance.conftest import Service
from tests.acceptance.page.browsing import QUESTIONS, OpenTab, Watched, answer_of, ask, enter

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

HOTEL = QUESTIONS["answerable"][0]["question"]


def fill_in(page: Page, **fields: str) -> None:
    """Open the filter, fill in its fields, and close it."""
    page.get_by_role("button", name="Filter").click()
    for name, value in fields.items():
        page.locator(f"#filter-{name}").fill(value)
    page.get_by_role("button", name="Done").click()
    expect(page.locator("#filter")).to_be_hidden()


def asked_with(page: Page, question: str) -> list[dict[str, object]]:
    """The conditions that a question was sent with, and answered."""
    with page.expect_request("**/v1/answers") as sent:
        ask(page, question)
    answer_of(page)
    return conditions_of(sent.value)


def conditions_of(sent: Request) -> list[dict[str, object]]:
    """The filter's conditions in a request's body."""
    return json.loads(sent.post_data or "")["filter"]["all"]


def test_a_field_of_the_metadata_may_be_named_in_any_script(inside: Watched) -> None:
    fill_in(inside.page, field="年份", value="2026")
    assert asked_with(inside.page, HOTEL) == [{"field": "metadata.年份", "op": "eq", "value": 2026}]
    expect(inside.page.locator(".turn .abstained")).to_be_visible()


def test_a_field_that_cannot_be_used_is_shown_and_the_question_waits(inside: Watched) -> None:
    page = inside.page
    fill_in(page, field="(year")
    ask(page, HOTEL)
    expect(page.locator("#filter-field")).to_be_focused()
    page.locator("#filter-field").fill("")
    page.locator("#filter-from").press("1")  # the month alone
    page.keyboard.press("Escape")
    page.get_by_label("Your question").press("Enter")
    expect(page.locator("#filter-from")).to_be_focused()
    expect(page.locator(".turn")).to_have_count(0)
    page.get_by_role("button", name="Clear").click()
    page.get_by_label("Your question").press("Enter")
    assert "190 euros" in answer_of(page)


def test_a_day_is_the_readers_own(open_tab: OpenTab, samples: Service) -> None:
    page = open_tab(samples.url, timezone="Asia/Shanghai").page
    enter(page, samples)
    fill_in(page, **{"from": "2026-03-05", "until": "2026-03-31"})
    assert asked_with(page, HOTEL) == [
        {"field": "created_at", "op": "gte", "value": "2026-03-04T16:00:00.000Z"},
        {"field": "created_at", "op": "lt", "value": "2026-03-31T16:00:00.000Z"},
    ]


def test_a_kept_answer_is_looked_into_with_the_filter_that_it_was_asked_with(inside: Watched) -> None:
    page = inside.page
    fill_in(page, field="no such field")
    told = asked_with(page, HOTEL)
    with page.expect_request("**/v1/search") as near:
        page.reload()
    assert conditions_of(near.value) == told
    expect(page.locator(".filter-button .count")).to_be_hidden()
    page.get_by_role("button", name="Why this answer").click()
    expect(page.get_by_role("dialog").get_by_text("Nothing was found.")).to_be_visible()
