"""The Chromium that the page is tested and measured in."""

import shutil


def installed() -> str | None:
    """Its program; the build without windows first, which renders the same and takes two thirds of the time."""
    names = ("chromium-headless-shell", "chromium", "chromium-browser")
    return next((path for path in map(shutil.which, names) if path is not None), None)
