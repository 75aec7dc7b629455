"""The page at a name of the local network over plain HTTP, where the browser keeps the clipboard from it."""

from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from tests.acceptance.conftest import Service
from tests.acceptance.page.browsing import QUESTIONS, OpenTab, Watched, answer_of, ask

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

BY_HAND = "document.execCommand = () => false;"
"""A browser that has closed the old way of copying too."""


@pytest.fixture
def plain(open_tab: OpenTab, samples: Service) -> Watched:
    """A tab of an administrator who came by the machine's name."""
    tab = open_tab(f"http://openbook.lan:{urlsplit(samples.url).port}")
    page = tab.page
    page.goto(tab.origin)
    page.get_by_label("Access key").fill(samples.admin_key)
    page.get_by_role("button", name="Log in").click()
    page.get_by_label("Your question").wait_for()
    tab.expected("status of 401")
    tab.expected("Cross-Origin-Opener-Policy header has been ignored")
    assert page.evaluate("[isSecureContext, typeof navigator.clipboard]") == [False, "undefined"]
    return tab


def pasted(tab: Watched) -> str:
    """What the clipboard holds."""
    field = tab.page.get_by_label("Your question")
    field.fill("")
    tab.page.keyboard.press("Control+V")
    return field.input_value()


def test_answers_and_their_links_are_copied_all_the_same(plain: Watched) -> None:
    page = plain.page
    ask(page, QUESTIONS["answerable"][0]["question"])
    answer_of(page)
    page.get_by_role("button", name="Copy with citations").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert "\n[1] Expenses policy, page 2: “" in pasted(plain)
    page.get_by_role("button", name="Copy a link to this answer").click()
    expect(page.locator(".toast")).to_be_visible()
    assert pasted(plain).startswith(f"{plain.origin}/#/a/")


def test_where_nothing_may_copy_the_words_are_shown_selected(plain: Watched) -> None:
    page = plain.page
    page.evaluate(BY_HAND)
    ask(page, QUESTIONS["answerable"][0]["question"])
    answer_of(page)
    page.get_by_role("button", name="Copy a link to this answer").click()
    dialog = page.get_by_role("dialog", name="Copy what is selected with Ctrl+C")
    link = dialog.get_by_role("textbox").input_value()
    assert link.startswith(f"{plain.origin}/#/a/")
    assert page.evaluate("getSelection().toString()") == link
    expect(page.locator(".toast, .actions .done")).to_have_count(0)
    page.keyboard.press("Control+C")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    assert pasted(plain) == link


def test_a_new_key_is_copied_beside_the_dialog_that_shows_it(plain: Watched, samples: Service) -> None:
    page = plain.page
    page.get_by_role("link", name="Keys").click()
    page.get_by_label("Name", exact=True).fill("kiosk by name")
    page.get_by_role("button", name="Create").click()
    dialog = page.get_by_role("dialog", name="Key of kiosk by name")
    secret = dialog.get_by_label("The key").input_value()
    dialog.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("log")).to_contain_text("Copied")
    page.keyboard.press("Escape")
    page.get_by_role("link", name="Ask", exact=True).click()
    assert pasted(plain) == secret
    with samples.client() as client:
        for key in client.get("/v1/admin/keys").json()["items"]:
            if key["name"] == "kiosk by name":
                client.delete(f"/v1/admin/keys/{key['id']}").raise_for_status()
