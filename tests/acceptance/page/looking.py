"""What is looked at in a view: what axe-core finds wrong in it, and pictures of it to be seen by people."""

from pathlib import Path
from typing import Any, Literal

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

PICTURES = Path("build/page")
WIDTHS = (360, 820, 1440)
THEMES: tuple[Literal["dark", "light"], ...] = ("dark", "light")
_HEIGHT = 900


def faults(page: Page) -> list[str]:
    """What axe-core finds wrong: the rule, and where; a theme changes contrast alone, so only that in both."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(Axe().axe_script)
    found = _faults(page, {})
    page.emulate_media(color_scheme="dark")
    found += _faults(page, {"runOnly": ["color-contrast"]})
    page.emulate_media(color_scheme="light")
    return found


def _faults(page: Page, options: dict[str, Any]) -> list[str]:
    """Of what is right axe-core tells nothing: to describe each such place takes it longer than to find the faults."""
    run = "options => axe.run(options).then(found => found.violations)"
    violations = page.evaluate(run, {"resultTypes": ["violations"], **options})
    return [f"{each['id']}: {node['target']} {node['html'][:200]}" for each in violations for node in each["nodes"]]


def picture(page: Page, name: str) -> None:
    """Keep pictures of the view at three widths in both themes.

    At none of them can it be scrolled sideways, nor the page as a whole: only what is in it.
    """
    PICTURES.mkdir(parents=True, exist_ok=True)
    before = page.viewport_size
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": _HEIGHT})
        for theme in THEMES:
            page.emulate_media(color_scheme=theme)
            page.screenshot(path=PICTURES / f"{name}-{theme}-{width}.png")
        assert overhang(page) == 0, (name, width)
        height = page.evaluate("document.documentElement.scrollHeight")
        assert height == _HEIGHT, (name, width, height)
        assert page.locator("main").evaluate("main => main.scrollWidth - main.clientWidth") == 0, (name, width)
    page.set_viewport_size(before or {"width": 1280, "height": _HEIGHT})


def overhang(page: Page) -> int:
    """By how many CSS pixels the page can be scrolled sideways; a scrollbar's own room is none of it."""
    return page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
