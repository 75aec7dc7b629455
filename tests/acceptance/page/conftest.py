"""One service and one Chromium for all tests of the page; each test has a tab of its own."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests import chromium
from tests.acceptance.conftest import Service, running
from tests.acceptance.page.browsing import Watched, enter, wait_for_samples

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP openbook.lan 127.0.0.1",
)


@pytest.fixture(scope="package")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The service that all tests of the page share; it ends with the last of them, for an idle one costs time too."""
    folder = tmp_path_factory.mktemp("page")
    with running(folder / "data", folder / "log", {}) as started:
        yield started


@pytest.fixture(scope="package")
def samples(service: Service) -> Service:
    """The service, once its samples can be asked about."""
    wait_for_samples(service)
    return service


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """For this folder: while it lives, its event loop runs in this thread, where other folders' tests run theirs."""
    program = chromium.installed()
    if program is None:
        pytest.skip("Chromium is not installed")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, args=list(FLAGS))
        yield started
        started.close()


@pytest.fixture
def tab(browser: Browser, service: Service) -> Iterator[Watched]:
    """A tab in English, not logged in."""
    context = browser.new_context(locale="en-US")
    yield Watched(context.new_page(), service.url)
    context.close()


@pytest.fixture
def inside(tab: Watched, samples: Service) -> Watched:
    """A tab of an administrator, with the samples ready to be asked about."""
    enter(tab.page, samples)
    return tab
