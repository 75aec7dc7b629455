"""What it costs to show an answer as a tree while it is written: each sentence's event, from the text to its JSON."""

import json
import time
from collections.abc import Callable, Iterable, Mapping

from app.api.rendering import GrowingText, Node, rendered
from measure import Table

SENTENCES = 2000
SAMPLED = 20
"""Of the way that renders all the text with each sentence, one sentence in so many is measured."""
PARTINGS: Mapping[str, Callable[[int], str]] = {
    "paragraphs of five sentences": lambda number: " " if number % 5 else "\n\n",
    "a line for each sentence": lambda _: "\n",
    "one paragraph": lambda _: " ",
}


def run() -> list[Table]:
    rows = [
        _row(form, [_sentence(number, parting(number)) for number in range(SENTENCES)])
        for form, parting in PARTINGS.items()
    ]
    notes = (
        f"Processor time of {SENTENCES:,} sentences, one thread, from the text to the JSON of the events. Before: all "
        f"the text is rendered with each sentence (one of {SAMPLED} measured).",
        "A block past 500 characters is rendered again when it has grown by an eighth; until then a sentence's event "
        "has its words alone.",
    )
    return [
        Table(
            "An answer rendered while it is written",
            ("answer", "before, s", "now, s", "ratio", "JSON, MiB: before", "now"),
            tuple(rows),
            notes,
        )
    ]


def _row(form: str, sentences: list[str]) -> tuple[str, ...]:
    start = time.process_time()
    before_bytes = SAMPLED * sum(
        _size(rendered("".join(sentences[: end + 1]), (1,))) for end in range(SAMPLED // 2, SENTENCES, SAMPLED)
    )
    before = SAMPLED * (time.process_time() - start)
    start = time.process_time()
    growing = GrowingText((1,))
    now_bytes = sum(_size(grown.nodes) for grown in map(growing.grow, sentences) if grown is not None)
    now = time.process_time() - start
    return (
        form,
        f"{before:.0f}",
        f"{now:.2f}",
        f"{before / now:.0f}x",
        f"{before_bytes / 2**20:.0f}",
        f"{now_bytes / 2**20:.1f}",
    )


def _size(nodes: Iterable[Node]) -> int:
    return len(json.dumps([node.model_dump() for node in nodes]))


def _sentence(number: int, parting: str) -> str:
    return f"{parting if number else ''}Clause {number} of the lease says *who* pays for it. [1]"
