"""An answer while it grows: nothing that is shown moves, and a screen reader is told sentences, not signs."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests import chromium
from tests.acceptance.conftest import Service
from tests.acceptance.page.browsing import QUESTIONS, OpenTab, answer_of, ask, enter
from tests.acceptance.page.conftest import FLAGS
from tests.stubs.vllm import Script, VllmStub

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

TEXT = """## What is covered

The warranty of the frame is five years [1]. It is **five years** for the frame [1].

- The frame has five years [1].
- So has the fork, which is a part of the frame in all that the warranty says of it and of what is left out [1].

1. First comes the frame [1].
2. Then comes the fork [1].

| Part | Years |
|---|---|
| Frame | 5 [1] |
| The fork with all that is screwed to it, as it was sold | five, if it is not bent [1] |

```
skylark --warranty
part = "a line that is longer than the page is wide, so that it is scrolled in its own box"
```

> The frame has five years [1].

### What is not

The warranty is never longer than five years [1]. It ends after five years [1].
"""
PIECES = re.findall(r".{1,9}", TEXT, re.DOTALL)
SAID = [
    "What is covered\nThe warranty of the frame is five years.",
    "It is five years for the frame.",
    "The frame has five years.",
    "So has the fork, which is a part of the frame in all that the warranty says of it and of what is left out.",
    "First comes the frame.",
    "Then comes the fork.",
    "Part, Years\nFrame, 5\nThe fork with all that is screwed to it, as it was sold, five, if it is not bent",
    'skylark --warranty\npart = "a line that is longer than the page is wide, so that it is scrolled in its own box"',
    "The frame has five years.",
    "What is not",
    "The warranty is never longer than five years.",
    "It ends after five years.",
]
# Where each block stands in the talk, frame by frame; and what Chromium calls a shift, but not of the line «Writing…»,
# which the text pushes down.
WATCH = """() => {
    window.growth = {steps: new Set(), moved: [], shifted: [], said: []};
    const {steps, moved, shifted, said} = window.growth;
    const places = new Map();
    const look = () => {
        const talk = document.querySelector(".turns").getBoundingClientRect();
        const blocks = [...document.querySelectorAll(".answer-text :is(h4, h5, p, li, tr, th, td, pre, blockquote)")];
        steps.add(blocks.length);
        for (const [number, block] of blocks.entries()) {
            const {left, top, width} = block.getBoundingClientRect();
            const now = [left, top - talk.top, width].map(Math.round).join();
            const before = places.get(number) ?? now;
            if (before !== now) moved.push([block.textContent, before, now]);
            places.set(number, now);
        }
        requestAnimationFrame(look);
    };
    look();
    new PerformanceObserver((list) => {
        for (const {node} of list.getEntries().flatMap((entry) => entry.sources)) {
            if (node?.closest && node.className !== "state") shifted.push(node.outerHTML);
        }
    }).observe({type: "layout-shift"});
    new MutationObserver((changes) => {
        for (const {addedNodes} of changes) for (const node of addedNodes) said.push(node.textContent);
    }).observe(document.getElementById("announcer"), {childList: true});
}"""
GROWTH = "({...window.growth, steps: [...window.growth.steps]})"


@pytest.fixture(scope="module")
def browser(browser: Browser) -> Iterator[Browser]:
    """One whose scrollbars take their room from the page, as on most desktops."""
    started = browser.browser_type.launch(
        executable_path=chromium.installed(), args=list(FLAGS), ignore_default_args=["--hide-scrollbars"]
    )
    yield started
    started.close()


@pytest.fixture
def page(open_tab: OpenTab, writing: Service, stub: VllmStub) -> Page:
    """A low page that has watched an answer of many blocks grow piece by piece beyond its end."""
    stub.script = Script(tokens=PIECES, delay_seconds=0.01)
    page = open_tab(writing.url).page
    page.set_viewport_size({"width": 1280, "height": 500})
    enter(page, writing)
    page.evaluate(WATCH)
    ask(page, QUESTIONS["answerable"][3]["question"])
    answer_of(page)
    expect(page.locator(".source-card").first).to_be_in_viewport()
    return page


def test_nothing_that_is_shown_moves_while_an_answer_grows_and_when_it_is_whole(page: Page) -> None:
    growth: dict[str, Any] = page.evaluate(GROWTH)
    assert len(growth["steps"]) >= 8
    assert growth["moved"] == []
    assert growth["shifted"] == []


def test_a_screen_reader_is_told_each_sentence_once_without_signs_and_when_the_answer_is_whole(page: Page) -> None:
    log = page.get_by_role("log")
    expect(log).to_have_attribute("aria-live", "polite")
    said: list[str] = page.evaluate(GROWTH)["said"]
    assert said == [*SAID, "The answer is complete. Sources: 1."]
    assert len(said) < len(PIECES) / 5
