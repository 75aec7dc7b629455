"""One service and one Chromium for all tests of the page; each test has a tab of its own."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests import chromium
from tests.acceptance.conftest import Service, running
from tests.acceptance.page.browsing import OpenTab, Watched, enter, wait_for_samples, watched
from tests.stubs.vllm import VllmStub

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
        # Playwright hides scrollbars; those of a desktop take room from the page.
        started = playwright.chromium.launch(
            executable_path=program, args=list(FLAGS), ignore_default_args=["--hide-scrollbars"]
        )
        yield started
        started.close()


@pytest.fixture(scope="package")
def stub() -> Iterator[VllmStub]:
    """A model that writes what each test tells it to."""
    with VllmStub() as started:
        yield started


@pytest.fixture(scope="package")
def settings(stub: VllmStub) -> dict[str, str]:
    """Of a service with that model; which passages are found by meaning is no matter here."""
    return {
        "OPENBOOK_GENERATOR_URL": stub.base_url,
        "OPENBOOK_GENERATOR_MODEL": "stub-model",
        "OPENBOOK_EMBEDDER": "hashing",
        "OPENBOOK_ABSTAIN_BELOW": "0",
    }


@pytest.fixture(scope="package")
def writing(tmp_path_factory: pytest.TempPathFactory, settings: dict[str, str]) -> Iterator[Service]:
    """The service with that model which the tests share that kill none."""
    folder = tmp_path_factory.mktemp("writing")
    with running(folder / "data", folder / "log", settings) as started:
        wait_for_samples(started)
        yield started


@pytest.fixture
def open_tab(browser: Browser) -> Iterator[OpenTab]:
    """Opens tabs at a service's address, each of which must have stayed clean when the test ends."""
    with ExitStack() as tabs:

        def open_one(origin: str, locale: str = "en-US", timezone: str | None = None) -> Watched:
            return tabs.enter_context(watched(browser, origin, locale, timezone))

        yield open_one


@pytest.fixture
def tab(open_tab: OpenTab, service: Service) -> Watched:
    """A tab in English, not logged in."""
    return open_tab(service.url)


@pytest.fixture
def swept(samples: Service) -> Iterator[None]:
    """Whatever a test uploads is gone after it; to be used before the tab, which is closed by then."""
    with samples.client() as client:
        before = {each["id"] for each in client.get("/v1/documents", params={"limit": 500}).json()["items"]}
        yield
        for each in client.get("/v1/documents", params={"limit": 500}).json()["items"]:
            if each["id"] not in before:
                client.delete(f"/v1/admin/documents/{each['id']}").raise_for_status()


@pytest.fixture
def inside(tab: Watched, samples: Service) -> Watched:
    """A tab of an administrator, with the samples ready to be asked about."""
    enter(tab.page, samples)
    return tab
