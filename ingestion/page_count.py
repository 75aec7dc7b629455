"""How many pages of a file a parser has read: it says so here, and whoever runs it may listen."""

import time
from collections.abc import Callable

Listener = Callable[[int, int], None]

_EVERY_SECONDS = 0.25


class _Count:
    """One per process, which parses one file at a time."""

    def __init__(self) -> None:
        self.listener: Listener | None = None
        self.told = 0.0


_count = _Count()


def tell_to(listener: Listener) -> None:
    """From now on the listener hears of pages, at most a few times a second."""
    _count.listener = listener


def page_done(done: int, total: int) -> None:
    """A parser of a format with pages calls this after each."""
    if _count.listener is not None and time.monotonic() - _count.told >= _EVERY_SECONDS:
        _count.told = time.monotonic()
        _count.listener(done, total)
