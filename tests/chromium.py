"""The Chromium that the page is tested and measured in."""

import shutil


def installed() -> str | None:
    """Its program; the build without windows first, which renders the same and takes two thirds of the time."""
    return next(iter(every()), None)


def every() -> list[str]:
    """All builds that are installed, the one without windows first."""
    names = ("chromium-headless-shell", "chromium", "chromium-browser")
    return [path for path in map(shutil.which, names) if path is not None]
