"""The first minute: the link of the first start, and logging in with a key."""

import pytest
from playwright.sync_api import expect

from tests.acceptance.conftest import Service
from tests.acceptance.page.browsing import Watched, answer_of

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


def test_the_link_of_the_first_start_lands_logged_in(tab: Watched, service: Service) -> None:
    tab.page.goto(service.login_url)
    tab.page.get_by_label("Your question").wait_for()
    assert "/login/" not in tab.page.url


def test_a_wrong_key_is_told_in_words(tab: Watched, service: Service) -> None:
    tab.page.goto(service.url)
    tab.page.get_by_label("Access key").fill(service.admin_key[:-3] + "abc")
    tab.page.get_by_role("button", name="Log in").click()
    expect(tab.page.get_by_role("alert").filter(has_text="not known here")).to_be_visible()
    tab.expected("status of 401")


def test_a_suggested_question_answers_at_once(inside: Watched) -> None:
    page = inside.page
    suggestions = page.locator(".suggestion")
    expect(suggestions).to_have_count(4)
    suggestions.first.click()
    assert "The documents do not tell" not in answer_of(page)
    expect(page.locator(".answer-text .cite").first).to_be_visible()


def test_every_suggestion_of_the_samples_has_an_answer(samples: Service) -> None:
    with samples.client() as client:
        items = client.get("/v1/suggestions", params={"limit": 12}).json()["items"]
        assert len(items) == 12
        asked = [item["question"] for item in items]
        answers = [client.post("/v1/answers", json={"question": question}).json() for question in asked]
    assert [answer["question"] for answer in answers if answer["abstained"]] == []


def test_an_empty_collection_says_what_to_do_next(inside: Watched, service: Service) -> None:
    page = inside.page
    with service.client() as client:
        client.post("/v1/admin/collections", json={"name": "vacant"}).raise_for_status()
        page.reload()
        page.get_by_label("Collection to ask").select_option("vacant")
        expect(page.get_by_text("The collection “vacant” has no documents yet.")).to_be_visible()
        page.get_by_role("link", name="Add documents").click()
        expect(page.get_by_label("choose files")).to_be_attached()
        client.delete("/v1/admin/collections/vacant").raise_for_status()
