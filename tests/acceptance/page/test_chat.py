"""Asking on the page: answers, sources, abstentions, conversations."""

import pytest
from playwright.sync_api import expect

from tests.acceptance.page.browsing import QUESTIONS, Watched, answer_of, ask

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


def test_an_answer_streams_and_its_mark_opens_the_quoted_words(inside: Watched) -> None:
    page = inside.page
    known = QUESTIONS["answerable"][4]
    ask(page, known["question"])
    text = answer_of(page)
    assert any(word in text for word in known["words"]), text
    page.locator(".answer-text .cite").first.click()
    quoted = page.locator("aside.source mark").first
    expect(quoted).to_be_visible()
    expect(page.locator("aside.source .source-file")).to_contain_text(known["document"])
    expect(page.locator("aside.source h2")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("aside.source")).to_be_hidden()
    expect(page.locator(".answer-text .cite").first).to_be_focused()
    inside.assert_clean()


def test_a_source_in_a_pdf_shows_its_page(inside: Watched) -> None:
    page = inside.page
    known = QUESTIONS["answerable"][0]
    ask(page, known["question"])
    answer_of(page)
    page.locator(".source-card", has_text=f"page {known['page']}").first.click()
    image = page.get_by_role("img", name=f"Page {known['page']} of")
    expect(image).to_be_visible()
    page.wait_for_function("image => image.complete && image.naturalWidth > 300", arg=image.element_handle())
    expect(page.get_by_role("link", name="Download the original")).to_be_visible()
    inside.assert_clean()


def test_an_abstention_looks_different_and_cites_nothing(inside: Watched) -> None:
    ask(inside.page, QUESTIONS["off_topic"][0])
    assert "The documents do not tell" in answer_of(inside.page)
    expect(inside.page.locator(".cite")).to_have_count(0)
    inside.assert_clean()


def test_a_conversation_survives_a_reload_and_can_be_deleted(inside: Watched) -> None:
    page = inside.page
    ask(page, QUESTIONS["answerable"][3]["question"])
    answer_of(page)
    page.reload()
    expect(page.locator(".turn h2")).to_have_text(QUESTIONS["answerable"][3]["question"])
    expect(page.locator(".answer-text .cite").first).to_be_visible()
    here = page.locator(".conversations li:has([aria-current])")
    here.hover()
    here.get_by_role("button", name="Delete the conversation").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_role("heading", name="Ask your documents")).to_be_visible()
    expect(page.locator(".turn")).to_have_count(0)
    inside.assert_clean()
