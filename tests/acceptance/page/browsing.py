"""A tab that writes down all that goes wrong in it, and what people do on the page."""

import json
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Dialog, Page, Request, WebError, expect

from tests.acceptance.conftest import Service

WEB = Path("app/web")
QUESTIONS = json.loads(Path("tests/samples_questions.json").read_text())
PATIENCE_MS = 20_000
expect.set_options(timeout=PATIENCE_MS)
WATCH = """
    window.violations = [];
    document.addEventListener("securitypolicyviolation", (event) => window.violations.push(event.violatedDirective));
"""


@dataclass
class Watched:
    """A tab, and all that went wrong in it and in the tabs of its profile that are opened later."""

    page: Page
    origin: str
    trouble: list[str] = field(default_factory=list[str])
    provoked: list[str] = field(default_factory=list[str])

    def __post_init__(self) -> None:
        profile = self.page.context
        profile.set_default_timeout(PATIENCE_MS)
        profile.add_init_script(WATCH)
        profile.on("console", self._heard)
        profile.on("weberror", self._raised)
        profile.on("dialog", self._asked)
        profile.on("request", self._requested)

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.trouble.append(f"console: {message.text} {message.location.get('url')}")

    def _raised(self, error: WebError) -> None:
        self.trouble.append(f"script: {error.error}")

    def _asked(self, dialog: Dialog) -> None:
        self.trouble.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def _requested(self, request: Request) -> None:
        if not request.url.startswith(f"{self.origin}/"):
            self.trouble.append(f"foreign request: {request.url}")

    def expected(self, words: str) -> None:
        """Chromium logs each reply of 400 and more, in its own time: those that a test provoked have to come."""
        deadline = time.monotonic() + PATIENCE_MS / 1000
        while not any(words in line for line in self.trouble):
            assert time.monotonic() < deadline, f"no {words!r} in {self.trouble}"
            self.page.wait_for_timeout(20)
        self.provoked.append(words)

    def assert_clean(self) -> None:
        """Nothing was blocked, logged, raised, opened or fetched from elsewhere."""
        for page in self.page.context.pages:
            assert page.evaluate("window.violations") == [], page.url
            assert page.evaluate("window.ran") is None
        left = [line for line in self.trouble if not any(words in line for words in self.provoked)]
        assert left == [], left


OpenTab = Callable[..., Watched]
"""Opens one more tab: `open_tab(origin, locale="en-US", timezone=None)`."""


@contextmanager
def watched(browser: Browser, origin: str, locale: str, timezone: str | None) -> Generator[Watched]:
    """A tab with a profile of its own, not logged in, in which nothing may have gone wrong when the block ends."""
    profile = browser.new_context(locale=locale, timezone_id=timezone)
    try:
        tab = Watched(profile.new_page(), origin)
        yield tab
        tab.assert_clean()
    finally:
        profile.close()


def enter(page: Page, service: Service, address: str = "") -> None:
    """Open the page logged in: a session's cookie is set as the login form would have it."""
    log_in(page, service, service.admin_key)
    page.goto(f"{service.url}/{address}")
    page.locator("main").wait_for()


def log_in(page: Page, service: Service, key: str) -> None:
    """Set a session's cookie; the tests of the page share a service, which lets an address in sixty times a minute."""
    reply = page.request.post(f"{service.url}/v1/session", data={"key": key})
    while reply.status == 429:
        time.sleep(int(reply.headers["retry-after"]))
        reply = page.request.post(f"{service.url}/v1/session", data={"key": key})
    assert reply.ok, reply.text()


def wait_for_samples(service: Service) -> None:
    """Return once every document is ready."""
    deadline = time.monotonic() + 100
    with service.client() as client:
        while time.monotonic() < deadline:
            rows = client.get("/v1/documents", params={"limit": 500}).raise_for_status().json()["items"]
            if rows and all(row["status"] == "ready" for row in rows):
                return
            time.sleep(0.2)
    pytest.fail("the samples did not become ready")


def wait_until_read(service: Service, document: str) -> None:
    """Return once a document has been read, however that went."""
    deadline = time.monotonic() + 60
    with service.client() as client:
        while client.get(f"/v1/documents/{document}").raise_for_status().json()["status"] in ("queued", "processing"):
            assert time.monotonic() < deadline, "the document was not read"
            time.sleep(0.2)


def ask(page: Page, question: str) -> None:
    """Type a question and press Enter."""
    page.locator("#question").fill(question)
    page.keyboard.press("Enter")


def answer_of(page: Page) -> str:
    """The last answer's words, once it is whole."""
    expect(page.locator(".turn").last).to_have_attribute("aria-busy", "false", timeout=PATIENCE_MS)
    return page.locator(".turn .answer").last.inner_text()
