"""How far the cutting of a document has come, told so often that it can be ended at any time."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

TokenCounter = Callable[[Sequence[str]], list[int]]
Look = Callable[[float], None]
"""Hears again and again how far the cutting has come, between 0 and 1; what it raises ends the cutting."""

_AT_ONCE = 1 << 16  # code points whose tokens are counted between two looks: some ten milliseconds


@dataclass(slots=True)
class Pace:
    """Each code point is parted into sentences, weighed and drafted once: `steps` is three times as many as there are.

    Headings, which are weighed too, are not among them.
    """

    counter: TokenCounter
    look: Look
    steps: int
    done: int = 0

    def count(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, a little at a time."""
        counts: list[int] = []
        some: list[str] = []
        size = 0
        for text in texts:
            if some and size + len(text) > _AT_ONCE:
                counts += self._weigh(some, size)
                some, size = [], 0
            some.append(text)
            size += len(text)
        return counts + self._weigh(some, size) if some else counts

    def step(self, code_points: int) -> None:
        """So many are through one more of the three."""
        self.done += code_points
        self.look(min(1.0, self.done / max(1, self.steps)))

    def _weigh(self, texts: Sequence[str], size: int) -> list[int]:
        self.step(size)
        return self.counter(texts)
