"""The page in a real browser on the real service: log in, ask, open a source, upload, delete; nothing foreign runs."""

import json
import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import (
    Browser,
    ConsoleMessage,
    Dialog,
    Error,
    FilePayload,
    Page,
    Request,
    expect,
    sync_playwright,
)

from tests.acceptance.conftest import Service

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
WEB = Path("app/web")
QUESTIONS = json.loads(Path("tests/samples_questions.json").read_text())
PATIENCE_MS = 20_000

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
HAN = re.compile(r"[\u4e00-\u9fff]")
WATCH = """
    window.violations = [];
    document.addEventListener("securitypolicyviolation", (event) => window.violations.push(event.violatedDirective));
"""


@dataclass
class Watched:
    """A tab, and all that went wrong in it."""

    page: Page
    origin: str
    trouble: list[str] = field(default_factory=list[str])

    def __post_init__(self) -> None:
        self.page.set_default_timeout(PATIENCE_MS)
        self.page.add_init_script(WATCH)
        self.page.on("console", self._heard)
        self.page.on("pageerror", self._raised)
        self.page.on("dialog", self._asked)
        self.page.on("request", self._requested)

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.trouble.append(f"console: {message.text} {message.location.get('url')}")

    def _raised(self, error: Error) -> None:
        self.trouble.append(f"script: {error.message}")

    def _asked(self, dialog: Dialog) -> None:
        self.trouble.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def _requested(self, request: Request) -> None:
        if not request.url.startswith(f"{self.origin}/"):
            self.trouble.append(f"foreign request: {request.url}")

    def expected(self, words: str) -> None:
        """Chromium logs each reply of 400 and more: those that a test provoked are taken out, and must be there."""
        assert [line for line in self.trouble if words in line] != []
        self.trouble = [line for line in self.trouble if words not in line]

    def assert_clean(self) -> None:
        """Nothing was blocked, logged, raised, opened or fetched from elsewhere."""
        assert self.page.evaluate("window.violations") == []
        assert self.page.evaluate("window.ran") is None
        assert self.trouble == []


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield chromium
        chromium.close()


@pytest.fixture
def tab(browser: Browser, service: Service) -> Iterator[Watched]:
    """A tab in English, not logged in."""
    context = browser.new_context(locale="en-US")
    yield Watched(context.new_page(), service.url)
    context.close()


@pytest.fixture
def inside(tab: Watched, service: Service) -> Watched:
    """A tab that logged in with the key, with the samples ready to be asked about."""
    wait_for_samples(service)
    log_in(tab, service)
    tab.expected("status of 401")  # the page asked who is logged in: nobody was
    return tab


def log_in(tab: Watched, service: Service) -> None:
    tab.page.goto(service.url)
    tab.page.get_by_label("Access key").fill(service.admin_key)
    tab.page.get_by_role("button", name="Log in").click()
    tab.page.get_by_label("Your question").wait_for()


def wait_for_samples(service: Service) -> None:
    deadline = time.monotonic() + 60
    with service.client() as client:
        while time.monotonic() < deadline:
            rows = client.get("/v1/documents", params={"limit": 100}).raise_for_status().json()["items"]
            if rows and all(row["status"] == "ready" for row in rows):
                return
            time.sleep(0.2)
    pytest.fail("the samples did not become ready")


def ask(page: Page, question: str) -> None:
    page.get_by_label("Your question").fill(question)
    page.keyboard.press("Enter")


def answer_of(page: Page) -> str:
    """The last answer's words, once it is whole."""
    expect(page.locator(".turn").last).to_have_attribute("aria-busy", "false", timeout=PATIENCE_MS)
    return page.locator(".turn .answer").last.inner_text()


# This one comes first: the link works once, and the first start's is the only one.
def test_the_link_of_the_first_start_lands_logged_in(tab: Watched, service: Service) -> None:
    tab.page.goto(service.login_url)
    tab.page.get_by_label("Your question").wait_for()
    assert "/login/" not in tab.page.url
    tab.assert_clean()


def test_a_wrong_key_is_told_in_words(tab: Watched, service: Service) -> None:
    tab.page.goto(service.url)
    tab.page.get_by_label("Access key").fill(service.admin_key[:-3] + "abc")
    tab.page.get_by_role("button", name="Log in").click()
    expect(tab.page.get_by_role("alert").filter(has_text="not known here")).to_be_visible()


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


def test_an_upload_becomes_ready_and_can_be_deleted(inside: Watched) -> None:
    page = inside.page
    page.get_by_role("link", name="Documents").click()
    ferry = b"# Harbour\n\nThe ferry to Skagen sails at 07:40."
    note: FilePayload = {"name": "harbour.md", "mimeType": "text/markdown", "buffer": ferry}
    bad: FilePayload = {"name": "tool.exe", "mimeType": "application/octet-stream", "buffer": b"MZ\x90\x00\x03"}
    page.get_by_label("choose files").set_input_files([note, bad])
    uploads = page.get_by_role("list", name="Uploads").get_by_role("listitem")
    expect(uploads.filter(has_text="harbour.md")).to_contain_text("Ready", timeout=PATIENCE_MS)
    expect(uploads.filter(has_text="tool.exe")).to_contain_text("Failed: ")
    row = page.get_by_role("row").filter(has_text="harbour.md")
    expect(row).to_contain_text("Ready", timeout=PATIENCE_MS)
    row.get_by_role("button", name="Delete harbour.md").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(row).to_have_count(0)
    inside.expected("status of 415")
    inside.assert_clean()


def test_a_file_without_text_says_why_and_says_it_once(inside: Watched) -> None:
    page = inside.page
    page.get_by_role("link", name="Documents").click()
    page.get_by_label("choose files").set_input_files(
        {"name": "hollow.txt", "mimeType": "text/plain", "buffer": b" \n"}
    )
    row = page.get_by_role("row").filter(has_text="hollow.txt")
    expect(row).to_contain_text("Failed", timeout=PATIENCE_MS)
    assert row.get_by_role("rowheader").inner_text().count("the file has no text") == 1
    row.get_by_role("button", name="Delete hollow.txt").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(row).to_have_count(0)
    inside.assert_clean()


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
    inside.assert_clean()


def test_the_page_speaks_chinese_where_the_browser_does(browser: Browser, service: Service) -> None:
    context = browser.new_context(locale="zh-CN")
    page = context.new_page()
    page.goto(service.url)
    expect(page.get_by_role("button", name="登录")).to_be_visible()
    page.get_by_role("button", name="English").click()
    expect(page.get_by_role("button", name="Log in")).to_be_visible()
    page.reload()
    expect(page.get_by_role("button", name="Log in")).to_be_visible()
    context.close()


def test_both_languages_have_all_words_and_the_page_uses_each(tab: Watched, service: Service) -> None:
    tab.page.goto(service.url)
    said: dict[str, list[str]] = tab.page.evaluate("import('/static/strings.js').then((words) => words.strings)")
    assert {key: pair for key, pair in said.items() if len(pair) != 2 or not all(pair)} == {}
    assert {key for key, (en, zh) in said.items() if slots(en) != slots(zh)} == set()
    assert {key for key, (_, zh) in said.items() if not HAN.search(zh)} == {"language"}
    code = "\n".join(path.read_text() for path in WEB.glob("*.js") if path.name != "strings.js")
    assert {key for key in said if not mentioned(key, code)} == set()
    families = "|".join({key.partition(".")[0] for key in said if "." in key})
    assert set(re.findall(rf'"((?:{families})\.[a-z0-9.-]+)"', code)) <= said.keys()


def slots(words: str) -> list[str]:
    """The {values} that words leave open."""
    return sorted(re.findall(r"\{\w+\}", words))


def mentioned(key: str, code: str) -> bool:
    """Whether the code says the key, whole or as a prefix that it completes."""
    return f'"{key}"' in code or f"{key.rpartition('.')[0]}.${{" in code


def test_the_page_works_on_a_narrow_screen_without_sideways_scrolling(inside: Watched) -> None:
    page = inside.page
    page.set_viewport_size({"width": 360, "height": 640})
    ask(page, QUESTIONS["answerable"][0]["question"])
    answer_of(page)
    page.locator(".answer-text .cite").first.click()
    expect(page.locator("aside.source mark").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    page.keyboard.press("Escape")
    page.get_by_role("link", name="Documents").click()
    expect(page.get_by_role("row").nth(1)).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == 360


@pytest.mark.parametrize("path", sorted(WEB.glob("*.js")), ids=lambda path: path.name)
def test_no_module_can_turn_text_into_markup_or_code(path: Path) -> None:
    assert MARKUP_OR_CODE.findall(path.read_text()) == []
