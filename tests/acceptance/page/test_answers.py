"""What can be done with an answer: copy, rate, share, ask again, edit, and see why it is as it is."""

import re

import pytest
from playwright.sync_api import Page, Route, expect

from tests.acceptance.conftest import Service
from tests.acceptance.page.browsing import QUESTIONS, OpenTab, Watched, answer_of, ask, log_in
from tests.acceptance.page.told import body, message, play_answer, play_conversation

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

HOTEL = QUESTIONS["answerable"][0]
MARKDOWN = """## Sailings

It sails **daily** [1]:

- at `05:40`
- at $t_0 + 8$ hours

| From | At |
|---|---|
| Skagen | 07:40 [1] |

```
ferry --now
```
"""


def test_an_answer_grows_by_its_events_and_shows_every_word(inside: Watched) -> None:
    page = inside.page
    long = [" It sails in any weather [1]."] * 40
    play_answer(
        page,
        [
            "## Sailings",
            "\n\nIt sails **daily** [1].",
            *long,
            "\n\n- at 05:40",
            "\n- at 07:40",
            "\n\nNever",
            " at night.",
        ],
    )
    ask(page, "When does it sail?")
    expect(page.locator(".broken")).to_be_visible()
    text = page.locator(".turn .answer-text")
    assert [block.split("\n")[0] for block in text.locator("> *").all_inner_texts()][2:] == [
        "at 05:40",
        "Never at night.",
    ]
    expect(text.locator("> p").first).to_have_text("It sails daily 1." + " It sails in any weather 1." * 40)
    expect(text.locator("li")).to_have_count(2)


def test_words_that_wait_for_their_rendering_stand_as_they_came(inside: Watched) -> None:
    page = inside.page
    play_answer(page, ["It sails [1]." + " Each day it does [1]." * 40, " And **on** Sundays [1]."])
    ask(page, "When does it sail?")
    expect(page.locator(".broken")).to_be_visible()
    paragraph = page.locator(".turn .answer-text > p")
    expect(paragraph).to_have_text("It sails 1." + " Each day it does 1." * 40 + " And **on** Sundays [1].")


@pytest.fixture
def answered(inside: Watched) -> Watched:
    """A tab with one answer, whose clipboard may be read."""
    inside.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    ask(inside.page, HOTEL["question"])
    answer_of(inside.page)
    return inside


def clipboard(page: Page) -> str:
    return page.evaluate("navigator.clipboard.readText()")


def test_an_answer_is_copied_with_its_citations(answered: Watched) -> None:
    answered.page.get_by_role("button", name="Copy with citations").click()
    expect(answered.page.get_by_role("button", name="Copied")).to_be_visible()
    copied = clipboard(answered.page)
    assert "190 euros" in copied
    assert "\n[1] Expenses policy, page 2: “" in copied


def test_a_rating_with_a_comment_is_kept(answered: Watched, service: Service) -> None:
    page = answered.page
    page.get_by_role("button", name="A bad answer").click()
    page.get_by_role("textbox", name="What is wrong with it?").fill("Too long")
    page.get_by_role("button", name="Send").click()
    expect(page.locator("#announcer")).to_contain_text("Your rating is kept")
    expect(page.get_by_role("button", name="A bad answer")).to_have_attribute("aria-pressed", "true")
    page.reload()
    expect(page.get_by_role("button", name="A bad answer")).to_have_attribute("aria-pressed", "true")
    assert latest_rating(service) == (HOTEL["question"], -1, "Too long")
    page.get_by_role("button", name="A bad answer").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    expect(page.locator("#announcer")).to_contain_text("Your rating is kept")
    assert latest_rating(service) == (HOTEL["question"], -1, "Too long")


def latest_rating(service: Service) -> tuple[str, int, str | None]:
    """What was last asked of the answers that are rated, with its rating and comment."""
    with service.client() as client:
        [rated] = client.get("/v1/admin/feedback", params={"limit": 1}).raise_for_status().json()["items"]
    return rated["question"], rated["rating"], rated["comment"]


def test_a_shared_answer_opens_for_those_who_may_read_what_it_cites_alone(
    answered: Watched, open_tab: OpenTab, service: Service
) -> None:
    page = answered.page
    page.get_by_role("button", name="Copy a link to this answer").click()
    expect(page.locator(".toast")).to_be_visible()
    link = clipboard(page)
    with service.client() as client:
        client.post("/v1/admin/collections", json={"name": "elsewhere"}).raise_for_status()
        keys = [
            client.post("/v1/admin/keys", json={"name": "reader", "role": "reader", "collections": only}).json()["key"]
            for only in (None, ["elsewhere"])
        ]
        tabs = [open_tab(service.url) for _ in keys]
        seen = [shared_as(tab.page, service, key, link) for tab, key in zip(tabs, keys, strict=True)]
        client.delete("/v1/admin/collections/elsewhere").raise_for_status()
    assert ["190 euros" in words for words in seen] == [True, False]
    assert "may not read" in seen[1]
    tabs[1].expected("status of 404")


def shared_as(page: Page, service: Service, key: str, link: str) -> str:
    """What a link shows to whoever holds a key."""
    log_in(page, service, key)
    page.goto(link)
    turns = page.locator(".turns")
    expect(turns).to_contain_text(re.compile("190 euros|may not read"))
    return turns.inner_text()


def test_why_tells_stages_scores_and_what_was_read_cited_and_left_out(answered: Watched) -> None:
    page = answered.page
    page.get_by_role("button", name="Why this answer").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.locator("tr.cited").first).to_contain_text("Cited as 1")
    stages = dialog.locator(".stages li > :first-child")
    expect(stages).to_have_text(["Understand the question", "Search", "Choose passages", "Write and check", "In all"])
    uses = dialog.locator(".state-word").all_inner_texts()
    assert {"Cited as 1", "Left out"} <= set(uses)
    assert any(use.startswith("Read as") for use in uses)
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Why this answer")).to_be_focused()
    page.reload()
    page.get_by_role("button", name="Why this answer").click()
    expect(dialog.locator(".state-word")).to_have_text(uses)


def test_why_tells_what_was_beside_the_point(answered: Watched) -> None:
    page = answered.page

    def without_passages(route: Route) -> None:
        told = route.fetch().json()
        context = told["messages"][0]["answer"]["context"]
        context["beside_the_point"] = [passage["chunk_id"] for passage in context["passages"]]
        context["passages"] = []
        route.fulfill(json=told)

    page.route(f"**/v1/conversations/{page.url.rpartition('/')[2]}", without_passages)
    page.reload()
    page.get_by_role("button", name="Why this answer").click()
    beside = page.get_by_role("dialog").locator("tr.beside .state-word")
    expect(beside.first).to_have_text("Left out: beside the point")


def test_a_question_is_edited_and_asked_again(answered: Watched) -> None:
    page = answered.page
    page.get_by_role("button", name="Edit the question").click()
    expect(page.get_by_label("Your question")).to_have_value(HOTEL["question"])
    page.get_by_label("Your question").fill(QUESTIONS["answerable"][1]["question"])
    page.keyboard.press("Enter")
    expect(page.locator(".turn")).to_have_count(2)
    assert "600 euros" in answer_of(page)
    page.get_by_role("button", name="Ask again").last.click()
    expect(page.locator(".turn")).to_have_count(3)
    answer_of(page)


def test_markdown_becomes_elements_and_its_code_is_copied(inside: Watched) -> None:
    page = inside.page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(inside.origin + "/" + play_conversation(page, [message(body(MARKDOWN))]))
    text = page.locator(".answer-text")
    expect(text.get_by_role("heading", name="Sailings")).to_be_visible()
    assert text.locator("li").all_inner_texts() == ["at 05:40", "at $t_0 + 8$ hours"]
    assert text.locator("th").all_inner_texts() == ["From", "At"]
    expect(text.locator("td .cite")).to_have_text("1")
    expect(text.locator("strong")).to_have_text("daily")
    text.get_by_role("button", name="Copy the code").click()
    expect(text.get_by_role("button", name="Copied")).to_be_visible()
    assert clipboard(page) == "ferry --now\n"


def test_a_sentence_without_support_is_weaker_and_its_doubts_are_told(inside: Watched) -> None:
    page = inside.page
    text = "It sails at 05:40 [1]. It costs 9 euros [1]."
    spans = [
        {"start": 0, "end": 22, "labels": [1], "support": 1.0, "doubts": []},
        {"start": 23, "end": 44, "labels": [1], "support": 0.1, "doubts": ["number"]},
    ]
    page.goto(inside.origin + "/" + play_conversation(page, [message(body(text, sentences=spans))]))
    expect(page.locator(".weak")).to_have_text("It costs 9 euros 1.")
    expect(page.get_by_role("note")).to_contain_text("A number does not stand in the cited passage.")


def test_a_mark_shows_the_quote_of_its_own_sentence(inside: Watched) -> None:
    page = inside.page
    text = "It sails at 05:40 [1]. It costs 9 euros [1]."
    first = body(text, "The ferry sails at 05:40.")["citations"][0]
    citations = [first, {**first, "quote": "A crossing costs 9 euros."}]
    spans = [
        {"start": start, "end": end, "labels": [1], "support": 1.0, "doubts": [], "citations": [place]}
        for place, (start, end) in enumerate([(0, 22), (23, 44)])
    ]
    told = message(body(text, sentences=spans, citations=citations))
    page.goto(inside.origin + "/" + play_conversation(page, [told]))
    marks = page.locator(".answer-text .cite")
    for mark, citation in zip([marks.first, marks.last], citations, strict=True):
        mark.hover()
        expect(page.get_by_role("tooltip").locator("q")).to_have_text(citation["quote"])
    marks.last.click()
    panel = page.locator("aside.source")
    expect(panel.locator("mark")).to_have_text("A crossing costs 9 euros.")
    expect(panel.get_by_text("2 of 2")).to_be_visible()
    panel.get_by_role("button", name="Next citation").click()
    expect(panel.locator("mark")).to_have_text("The ferry sails at 05:40.")
    inside.expected("status of 404")


def test_a_mark_shows_its_quote_on_hover_and_on_focus(answered: Watched) -> None:
    page = answered.page
    mark = page.locator(".answer-text .cite").first
    mark.hover()
    expect(page.get_by_role("tooltip")).to_contain_text("per night and per day")
    page.mouse.move(0, 0)
    expect(page.get_by_role("tooltip")).to_have_count(0)
    mark.focus()
    expect(page.get_by_role("tooltip")).to_contain_text("Expenses policy")
    page.keyboard.press("Escape")
    expect(page.get_by_role("tooltip")).to_have_count(0)
