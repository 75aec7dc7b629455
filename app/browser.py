"""The browser of whoever starts the service, opened where somebody sits before it."""

import os
import sys
import threading
import webbrowser
from collections.abc import Mapping


def is_seen(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether a person at a terminal has a screen here: not in CI, in a container, or over ssh without a display."""
    if environment.get("CI") or not sys.stdout.isatty():
        return False
    if environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY"):
        return True
    return sys.platform in {"darwin", "win32"} and not environment.get("SSH_CONNECTION")


def show(link: str) -> None:
    """Open the link, in a thread that neither holds up the service nor outlives it."""
    threading.Thread(target=_open, args=(link,), name="browser", daemon=True).start()


def _open(link: str) -> None:
    """Nothing where no browser is found, or only one that would take the terminal; the link is printed in any case."""
    try:
        browser = webbrowser.get()
        if type(browser) is not webbrowser.GenericBrowser:
            browser.open(link)
    except (webbrowser.Error, OSError):
        return
