"""Asking on the page: answers, sources, abstentions, conversations."""

import pytest
from playwright.sync_api import expect

from tests.acceptance.conftest import Service
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


def test_an_abstention_looks_different_and_cites_nothing(inside: Watched) -> None:
    ask(inside.page, QUESTIONS["off_topic"][0])
    assert "The documents do not tell" in answer_of(inside.page)
    expect(inside.page.locator(".turn .abstained[role=note]")).to_have_css("border-top-style", "dashed")
    expect(inside.page.locator(".answer-text, .cite")).to_have_count(0)


def test_an_abstention_offers_the_nearest_passages(inside: Watched) -> None:
    page = inside.page
    ask(page, QUESTIONS["off_topic"][0])
    answer_of(page)
    expect(page.get_by_role("heading", name="The nearest passages")).to_be_visible()
    page.locator(".source-card").first.click()
    expect(page.locator("aside.source blockquote")).to_be_visible()


def test_a_page_is_turned_and_zoomed_and_citations_follow_each_other(inside: Watched, service: Service) -> None:
    page = inside.page
    known = QUESTIONS["answerable"][0]
    ask(page, known["question"])
    answer_of(page)
    page.locator(".source-card", has_text=f"page {known['page']}").first.click()
    panel = page.locator("aside.source")
    expect(panel.locator(".page-number")).to_contain_text("Page 2 of")
    width = panel.get_by_role("img").evaluate("image => image.clientWidth")
    panel.get_by_role("button", name="Larger").click()
    assert panel.get_by_role("img").evaluate("image => image.clientWidth") > width
    panel.get_by_role("button", name="Next page").click()
    expect(panel.get_by_role("img", name="Page 3 of")).to_be_visible()
    panel.get_by_role("button", name="Previous page").click()
    expect(panel.get_by_role("img", name="Page 2 of")).to_be_visible()
    with service.client() as client:
        kept = client.get(f"/v1/conversations/{page.url.rpartition('/')[2]}").json()["messages"][0]["answer"]
    citations = kept["citations"]
    assert len(citations) > 1
    at = next(place for place, citation in enumerate(citations) if citation["page"] == known["page"])
    for place in [*range(at, len(citations)), *range(at)]:
        expect(panel.get_by_text(f"{place + 1} of {len(citations)}", exact=True)).to_be_visible()
        expect(panel.locator("mark").first).to_have_text(citations[place]["quote"])
        panel.get_by_role("button", name="Next citation").click()


def test_a_passage_of_a_text_stands_among_its_neighbours(inside: Watched) -> None:
    page = inside.page
    ask(page, QUESTIONS["answerable"][4]["question"])
    answer_of(page)
    page.locator(".answer-text .cite").first.click()
    expect(page.locator("aside.source mark").first).to_be_visible()
    expect(page.locator("aside.source .near").first).to_be_visible()
    expect(page.locator("aside.source .headings")).to_contain_text("ingest gateway")


def test_a_filter_leaves_out_what_does_not_match(inside: Watched) -> None:
    page = inside.page
    page.get_by_role("button", name="Filter").click()
    page.get_by_label("Type").select_option("Markdown")
    page.get_by_role("button", name="Done").click()
    expect(page.locator(".filter-button .count")).to_have_text("1")
    ask(page, QUESTIONS["answerable"][0]["question"])
    assert "190 euros" not in answer_of(page)
