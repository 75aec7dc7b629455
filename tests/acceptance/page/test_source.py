"""The source panel: the quoted words boxed on a PDF's page or marked in their text, the original, and what fails."""

from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import expect

from tests.acceptance.conftest import Service
from tests.acceptance.page.browsing import QUESTIONS, Watched, answer_of, ask

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

SAMPLES = Path("app/samples")
HOTEL = QUESTIONS["answerable"][0]
BY_TYPE = {Path(each["document"]).suffix: each for each in reversed(QUESTIONS["answerable"])}


def test_the_quoted_words_are_boxed_on_their_page(inside: Watched, samples: Service) -> None:
    page = inside.page
    ask(page, HOTEL["question"])
    answer_of(page)
    with page.expect_response(f"**/pages/{HOTEL['page']}.png?*") as drawn:
        page.locator(".source-card", has_text=f"page {HOTEL['page']}").first.click()
    address = urlsplit(drawn.value.url)
    with samples.client() as client:
        talk = client.get(f"/v1/conversations/{page.url.rpartition('/')[2]}").json()
        plain = client.get(address.path).raise_for_status().content
    citations: list[dict[str, Any]] = talk["messages"][0]["answer"]["citations"]
    label = int(page.locator("aside.source h2 .number").inner_text())
    quoted = [box for each in citations if each["label"] == label for box in each["boxes"]]
    assert quoted
    boxes = [[float(part) for part in box.split(",")] for box in parse_qs(address.query)["box"]]
    assert all(any(box == pytest.approx(each[1:], abs=0.01) for each in quoted) for box in boxes)
    assert drawn.value.body() != plain


@pytest.mark.parametrize("suffix", [".docx", ".html", ".txt"])
def test_a_quote_is_marked_in_a_text_of_each_type_and_its_original_downloaded(inside: Watched, suffix: str) -> None:
    page = inside.page
    known = BY_TYPE[suffix]
    ask(page, known["question"])
    answer_of(page)
    page.locator(".source-card", has_text=known["document"].partition(".")[0]).or_(
        page.locator(".answer-text .cite")
    ).first.click()
    panel = page.locator("aside.source")
    expect(panel.locator(".source-file")).to_contain_text(known["document"])
    expect(panel.locator("mark").first).to_be_visible()
    marked = " ".join(panel.locator("mark").all_inner_texts())
    assert any(word in marked for word in known["words"]), marked
    expect(panel.get_by_role("img")).to_have_count(0)
    with page.expect_download() as saved:
        panel.get_by_role("link", name="Download the original").click()
    assert saved.value.suggested_filename == known["document"]
    assert saved.value.path().read_bytes() == (SAMPLES / known["document"]).read_bytes()


@pytest.mark.parametrize("suffix", [".docx", ".html", ".md"])
def test_a_passage_stands_under_its_headings_between_its_neighbours(
    inside: Watched, samples: Service, suffix: str
) -> None:
    page = inside.page
    ask(page, BY_TYPE[suffix]["question"])
    answer_of(page)
    page.locator(".answer-text .cite").first.click()
    panel = page.locator("aside.source")
    expect(panel.locator("mark").first).to_be_visible()
    label = int(panel.locator("h2 .number").inner_text())
    with samples.client() as client:
        answer = client.get(f"/v1/conversations/{page.url.rpartition('/')[2]}").json()["messages"][0]["answer"]
        cited = next(each for each in answer["citations"] if each["label"] == label)
        chunks = client.get(f"/v1/documents/{cited['document']['id']}/chunks?limit=100").json()["items"]
    [at] = [place for place, chunk in enumerate(chunks) if chunk["id"] == cited["chunk_id"]]
    assert chunks[at]["headings"]
    assert panel.locator(".headings span").all_inner_texts() == chunks[at]["headings"]
    assert _words(panel.locator("blockquote").inner_text()) == _words(chunks[at]["text"])
    around = [*chunks[max(at - 1, 0) : at], *chunks[at + 1 : at + 2]]
    assert around
    assert list(map(_words, panel.locator(".near").all_inner_texts())) == [_words(each["text"]) for each in around]
    assert _words(" ".join(panel.locator("mark").all_inner_texts())) == _words(cited["quote"])


def test_enter_opens_a_source_and_escape_leads_back_to_its_mark(inside: Watched) -> None:
    page = inside.page
    ask(page, BY_TYPE[".md"]["question"])
    answer_of(page)
    mark = page.locator(".answer-text .cite").first
    mark.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#source-title")).to_be_focused()
    expect(page.locator("aside.source mark").first).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("aside.source")).to_be_hidden()
    expect(mark).to_be_focused()


def _words(text: str) -> list[str]:
    return text.split()


@pytest.fixture
def looking(inside: Watched) -> Watched:
    """A tab with the first of several sources open: the passages nearest to a question without an answer."""
    page = inside.page
    ask(page, QUESTIONS["off_topic"][0])
    answer_of(page)
    page.locator(".source-card").first.click()
    expect(page.locator("aside.source blockquote")).to_be_visible()
    return inside


def test_a_lost_connection_is_told_in_the_panel_and_the_next_source_read_again(looking: Watched) -> None:
    page = looking.page
    panel = page.locator("aside.source")
    page.route("**/v1/documents/**", lambda route: route.abort("connectionreset"))
    panel.get_by_role("button", name="Next citation").click()
    expect(panel.get_by_role("alert")).to_contain_text("The connection to the service was lost.")
    page.unroute("**/v1/documents/**")
    panel.get_by_role("button", name="Try again").click()
    expect(panel.locator("blockquote")).to_be_visible()
    expect(panel.locator(".steps")).to_contain_text("2 of")
    looking.expected("ERR_CONNECTION_RESET")


def test_a_session_that_ended_leads_from_the_panel_to_the_login(looking: Watched) -> None:
    page = looking.page
    page.wait_for_load_state("networkidle")
    page.context.clear_cookies()
    page.locator("aside.source").get_by_role("button", name="Next citation").click()
    expect(page.get_by_role("alert").filter(has_text="Your session has ended")).to_be_visible()
    looking.expected("status of 401")
