"""Hostile words stay words: nothing that came from a document, a person or a model becomes markup or code."""

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.acceptance.conftest import Service
from tests.acceptance.page.browsing import WEB, Watched, answer_of, ask, wait_for_samples
from tests.acceptance.page.told import body, message, play_conversation

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

# Where a page of ours would be fooled: as markup, as an attribute, as an address.
PAYLOADS = (
    "<img src=x onerror=window.ran=1>",
    "<script>window.ran=1</script>",
    '"><svg onload=window.ran=1>',
    "javascript:window.ran=1",
)
MARKUP_OR_CODE = re.compile(
    r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|createContextualFragment|srcdoc"
    r"|\beval\b|new Function"
)

SHAPES = (
    "<{0} src=x onerror={1}>",
    '"><{0} onload={1}>',
    "'><{0} onfocus={1} autofocus>",
    "</p><{0}>{1}</{0}>",
    "[{0}](javascript:{1})",
    "![x](x onerror={1} {0})",
    "<{0}/src=//evil.example onload={1}>",
    "`<{0} onclick={1}>`",
    "&lt;{0} onerror={1}&gt;<{0} onerror={1}>",
    "| <{0} onerror={1}> | [1] |",
    "$<{0} onerror={1}>$",
    "\u202e<{0} onerror={1}>{{{{constructor}}}}",
)
TAGS = ("img", "svg", "script", "iframe", "object", "video", "style", "details", "math", "base")
STORED = [shape.format(tag, "window.ran=1") for shape in SHAPES for tag in TAGS]


def test_no_stored_words_run(inside: Watched) -> None:
    """Each of 120 payloads stands in a question, an answer, a quote, a name, a title and a document's headings."""
    page = inside.page
    assert len(set(STORED)) == 120

    def hostile(payload: str, number: int) -> dict[str, Any]:
        told = body(f"{payload} [1]", quote=payload, question=payload, generator=payload, degraded=[payload])
        told["citations"][0]["document"] = {"id": "doc_1", "name": payload, "title": payload}
        return message(told, number)

    page.goto(
        inside.origin + "/" + play_conversation(page, [hostile(words, number) for number, words in enumerate(STORED)])
    )
    expect(page.locator(".turn")).to_have_count(120)
    words = page.locator(".turn h2").all_text_contents()
    assert [said.split() for said in words] == [payload.split() for payload in STORED]
    page.locator(".answer-text .cite").last.hover()
    expect(page.get_by_role("tooltip")).to_contain_text("window.ran=1")
    page.locator(".answer-text .cite").last.click()
    expect(page.locator("aside.source")).to_contain_text("window.ran=1")
    assert page.locator(".turns :is(script, iframe, object, video, style, details, math, base, img)").count() == 0
    assert page.locator("svg:not(.icon), [onerror], [onload], [onclick], [onfocus]").count() == 0
    inside.expected("status of 404")  # the document that they cite is not there


def test_hostile_words_in_a_document_stay_words(inside: Watched, service: Service) -> None:
    page = inside.page
    title = f"Zorblax {PAYLOADS[0]} {PAYLOADS[2]}"
    text = f"# {title}\n\nThe zorblax reactor is cooled with liquid argon, {' and '.join(PAYLOADS)} it says.\n"
    with service.client() as client:
        named = ("zorblax <img src=x onerror=window.ran=1>.md", text.encode(), "text/markdown")
        reply = client.post("/v1/admin/documents", files={"file": named}).raise_for_status().json()
        document: dict[str, Any] = reply["documents"][0]
        wait_for_samples(service)
        ask(page, f"With what is the zorblax reactor cooled? {PAYLOADS[0]}")
        assert "argon" in answer_of(page)
        page.locator(".answer-text .cite").first.click()
        expect(page.locator("aside.source mark").first).to_be_visible()
        expect(page.locator("aside.source")).to_contain_text("onerror")
        page.get_by_role("link", name="Documents").click()
        expect(page.get_by_role("row").filter(has_text="onerror")).to_be_visible()
        page.get_by_role("link", name="Ask", exact=True).click()
        page.wait_for_timeout(300)
        assert page.locator("img[src=x], svg[onload], a[href^=javascript]").count() == 0
        assert page.locator("script").count() == 1
        client.delete(f"/v1/admin/documents/{document['id']}").raise_for_status()


@pytest.mark.parametrize("path", sorted(WEB.rglob("*.js")), ids=lambda path: path.name)
def test_no_module_can_turn_text_into_markup_or_code(path: Path) -> None:
    assert MARKUP_OR_CODE.findall(path.read_text()) == []
