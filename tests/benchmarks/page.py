"""The page in Chromium: how soon one can type a question, and how smoothly a long conversation scrolls."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Browser, Page, Playwright, sync_playwright

from app.client import Client
from measure import Table, p50, p95, wait_until
from service import running
from tests import chromium
from tests.acceptance.page.told import body, message, play_conversation

VISITS = 15
FLAGS = ["--no-sandbox", "--disable-gpu"]
# What the service itself answers, shown by the browser as text: no script, no style.
BARE = "/livez"
# Milliseconds since the navigation began, once the question's box is there, can be typed in, and has been painted.
READY = """() => new Promise((resolve) => {
    const look = () => {
        const box = document.getElementById("question");
        if (box && !box.disabled) requestAnimationFrame(() => requestAnimationFrame(() => resolve(performance.now())));
        else requestAnimationFrame(look);
    };
    look();
})"""
SHOWN = """() => new Promise((resolve) => {
    requestAnimationFrame(() => requestAnimationFrame(() => resolve(performance.now())));
})"""

MESSAGES = 500
SCROLLED_PIXELS = 40_000
PIXELS_PER_SECOND = 4_000
LATE_MS = 50
# Of four kinds by turns: what a long talk is made of.
TEXTS = (
    "It sails **daily** [1]. " * 12 + "\n\nIt costs 9 euros [1].",
    "## Sailings\n\n- at `05:40` [1]\n- at `07:40` [1]\n\n1. Buy a ticket [1].\n2. Go on board [1].\n\n> It sails [1].",
    "| From | At | Costs |\n|---|---|---|\n" + "| Skagen | 07:40 [1] | 9 euros [1] |\n" * 12,
    "Ask it so [1]:\n\n```\n" + "ferry --from Skagen --at 07:40  # or later\n" * 20 + "```\n",
)
# Milliseconds since the navigation began, once the last turn has been painted.
LAST_TURN = """(count) => new Promise((resolve) => {
    const look = () => {
        const there = document.querySelectorAll(".turn").length === count;
        requestAnimationFrame(() => (there ? resolve(performance.now()) : look()));
    };
    look();
})"""
# The time from each frame to the next, until it is asked for.
FRAMES = """() => {
    window.frames_ms = [];
    let last = performance.now();
    const frame = (now) => {
        window.frames_ms.push(now - last);
        last = now;
        window.counting = requestAnimationFrame(frame);
    };
    window.counting = requestAnimationFrame((now) => { last = now; window.counting = requestAnimationFrame(frame); });
}"""
COUNTED = "() => { cancelAnimationFrame(window.counting); return window.frames_ms; }"


def run() -> list[Table]:
    programs = chromium.every()
    if not programs:
        return []
    with tempfile.TemporaryDirectory() as folder, running(Path(folder)) as service, sync_playwright() as playwright:
        wait_until(lambda: _is_idle(service.client), 120, "the samples")
        origin = str(service.client.http.base_url).rstrip("/")
        key = (Path(folder) / "admin.key").read_text(encoding="utf-8").strip()
        return [_first_view(playwright, programs[0], origin, key), _scrolling(playwright, programs, origin, key)]


def _first_view(playwright: Playwright, program: str, origin: str, key: str) -> Table:
    browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
    ways = {
        "a page with nothing on it": list(_visits(browser, origin, key, BARE, SHOWN)),
        "the chat, nothing in the browser's cache": list(_visits(browser, origin, key, "/", READY)),
        "the chat, visited before": list(_visits(browser, origin, key, "/", READY, before=True)),
    }
    browser.close()
    bare = p50(next(iter(ways.values())))
    return Table(
        "First view of the page, from the navigation until one can type a question",
        ("page", "p50 ms", "p95 ms", "ratio of the p50s"),
        tuple(
            (name, f"{p50(taken):.0f}", f"{p95(taken):.0f}", f"{p50(taken) / bare:.1f}x")
            for name, taken in ways.items()
        ),
        (
            f"{VISITS} visits each over loopback, each in a new profile of {Path(program).name}, logged in; the "
            "samples are indexed.",
        ),
    )


def _scrolling(playwright: Playwright, programs: list[str], origin: str, key: str) -> Table:
    rows = [row for program in programs for row in _scrolled(playwright, program, origin, key)]
    return Table(
        f"A conversation of {MESSAGES} messages, scrolled",
        ("browser, way", "opened in ms", "frames", "p50 ms", "p95 ms", f"over {LATE_MS} ms"),
        tuple(rows),
        (
            f"{SCROLLED_PIXELS:,} pixels each at {PIXELS_PER_SECOND:,} a second, by a gesture, 1280 by 900: the time "
            "from one frame to the next, as requestAnimationFrame tells it.",
            "Answers with marks, lists, tables of 12 rows and code of 20 lines by turns, as the service renders them.",
        ),
    )


def _scrolled(playwright: Playwright, program: str, origin: str, key: str) -> Iterator[tuple[str, ...]]:
    browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
    page = browser.new_context(locale="en-US", viewport={"width": 1280, "height": 900}).new_page()
    page.request.post(f"{origin}/v1/session", data={"key": key})
    messages = [message(body(TEXTS[number % len(TEXTS)]), number) for number in range(MESSAGES)]
    page.goto(f"{origin}/{play_conversation(page, messages)}", wait_until="domcontentloaded")
    opened = float(page.evaluate(LAST_TURN, MESSAGES))
    yield _frames(page, f"{Path(program).name}, up from the end", f"{opened:.0f}", SCROLLED_PIXELS)
    yield _frames(page, f"{Path(program).name}, down again", "", -SCROLLED_PIXELS)
    page.locator(".scroll").evaluate("node => node.scrollTo(0, 0)")
    yield _frames(page, f"{Path(program).name}, down from the beginning", "", -SCROLLED_PIXELS)
    browser.close()


def _frames(page: Page, way: str, opened: str, pixels: int) -> tuple[str, ...]:
    """A row of the table; gestures go in the direction of the content, which is up where one reads on."""
    devtools = page.context.new_cdp_session(page)
    page.wait_for_timeout(500)
    page.evaluate(FRAMES)
    before = float(page.locator(".scroll").evaluate("node => node.scrollTop"))
    devtools.send(
        "Input.synthesizeScrollGesture",
        {"x": 700, "y": 400, "yDistance": pixels, "speed": PIXELS_PER_SECOND, "gestureSourceType": "mouse"},
    )
    frames: list[float] = page.evaluate(COUNTED)
    after = float(page.locator(".scroll").evaluate("node => node.scrollTop"))
    if abs(after - before) < abs(pixels) / 2:
        raise RuntimeError(f"{way}: scrolled by {after - before:.0f} pixels only")
    late = sum(frame > LATE_MS for frame in frames) / len(frames)
    return way, opened, str(len(frames)), f"{p50(frames):.1f}", f"{p95(frames):.1f}", f"{late:.1%}"


def _is_idle(client: Client) -> bool:
    rows = client.get("/v1/documents")["items"]
    return bool(rows) and all(row["status"] == "ready" for row in rows)


def _visits(
    browser: Browser, origin: str, key: str, address: str, ready: str, *, before: bool = False
) -> Iterator[float]:
    for _ in range(VISITS):
        context = browser.new_context(locale="en-US")
        context.request.post(f"{origin}/v1/session", data={"key": key})
        if before:
            earlier = context.new_page()
            earlier.goto(origin + address)
            earlier.evaluate(ready)
            earlier.close()
        page = context.new_page()
        page.goto(origin + address, wait_until="domcontentloaded")
        yield float(page.evaluate(ready))
        context.close()
