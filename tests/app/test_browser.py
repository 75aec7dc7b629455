"""Whose browser is opened, and when; none of these tests opens one."""

import threading
import webbrowser
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from app import browser
from app.serve import serve
from app.settings import Settings
from app.wiring import Services

LINK = "http://127.0.0.1:8000/login/obl_x"


class Written(webbrowser.BackgroundBrowser):
    """A browser that writes down what it is asked to open."""

    def __init__(self) -> None:
        super().__init__("nothing")
        self.asked: list[str] = []

    def open(self, url: str, new: int = 0, autoraise: bool = True) -> bool:  # the library's
        self.asked.append(url)
        return True


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Written:
    """The only browser there is, before a terminal."""
    found = Written()
    monkeypatch.setattr("webbrowser.get", lambda: found)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    return found


@pytest.mark.parametrize(
    ("platform", "environment", "seen"),
    [
        ("linux", {"DISPLAY": ":0"}, True),
        ("linux", {"WAYLAND_DISPLAY": "wayland-0"}, True),
        ("linux", {}, False),
        ("linux", {"DISPLAY": ":0", "CI": "true"}, False),
        ("linux", {"SSH_CONNECTION": "10.0.0.1 1 10.0.0.2 22"}, False),
        ("linux", {"SSH_CONNECTION": "10.0.0.1 1 10.0.0.2 22", "DISPLAY": "localhost:10.0"}, True),
        ("darwin", {}, True),
        ("darwin", {"SSH_CONNECTION": "10.0.0.1 1 10.0.0.2 22"}, False),
        ("win32", {}, True),
    ],
)
def test_a_screen_and_a_terminal_are_needed(
    monkeypatch: pytest.MonkeyPatch, platform: str, environment: Mapping[str, str], *, seen: bool
) -> None:
    monkeypatch.setattr("sys.platform", platform)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert browser.is_seen(environment) is seen
    monkeypatch.setattr("sys.stdout.isatty", lambda: False)
    assert browser.is_seen(environment) is False


def shown() -> None:
    """Open the link and wait until that is over."""
    browser.show(LINK)
    for thread in threading.enumerate():
        if thread.name == "browser":
            thread.join()


def test_a_link_is_opened(written: Written) -> None:
    shown()
    assert written.asked == [LINK]


def test_a_missing_browser_and_one_within_the_terminal_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def missing() -> webbrowser.BaseBrowser:
        raise webbrowser.Error("could not locate runnable browser")

    monkeypatch.setattr("webbrowser.get", missing)
    shown()
    textual = webbrowser.GenericBrowser("w3m")
    monkeypatch.setattr(textual, "open", asked.append)
    monkeypatch.setattr("webbrowser.get", lambda: textual)
    shown()
    assert asked == []


@pytest.mark.parametrize("may_open", [True, False])
def test_only_the_first_start_opens_its_link_once_it_is_reached(
    tmp_path: Path, sqlite_template: Path, written: Written, monkeypatch: pytest.MonkeyPatch, *, may_open: bool
) -> None:
    before: list[list[str]] = []

    def run(_: Services, *, reached: Callable[[], None]) -> None:
        before.append(list(written.asked))
        reached()

    monkeypatch.setattr("app.serve.run", run)
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setattr("app.browser.show", written.open)
    (tmp_path / "openbook.db").write_bytes(sqlite_template.read_bytes())
    settings = Settings(data_dir=tmp_path, embedder="hashing", embedded_worker=False, samples=False)
    for _ in range(2):
        serve(settings, may_open_browser=may_open)
    assert before[0] == []
    assert [link.partition("obl_")[0] for link in written.asked] == ["http://127.0.0.1:8000/login/"] * may_open
