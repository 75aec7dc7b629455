"""Text ids that sort by the time they were made, in the manner of ULIDs."""

import os
import secrets
import threading
import time
from typing import Final

ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
LENGTH: Final = 26
RANDOM_BITS: Final = 80

_lock = threading.Lock()
_last = 0


def new_id(prefix: str) -> str:
    """`prefix_` and 26 characters: 48 bits of milliseconds, 80 of randomness; ever rising within a process."""
    global _last  # noqa: PLW0603 the one place that remembers the last id
    with _lock:
        fresh = (time.time_ns() // 1_000_000) << RANDOM_BITS | secrets.randbits(RANDOM_BITS)
        _last = fresh if fresh >> RANDOM_BITS > _last >> RANDOM_BITS else _last + 1
        value = _last
    return f"{prefix}_{_encode(value)}"


def earliest_id(prefix: str, seconds_ago: float) -> str:
    """No id is less than this that was made since then."""
    return f"{prefix}_{_encode(int((time.time() - seconds_ago) * 1000) << RANDOM_BITS)}"


def _encode(value: int) -> str:
    return "".join(ALPHABET[value >> shift & 31] for shift in range(5 * (LENGTH - 1), -1, -5))


def _forget_the_parent() -> None:
    """A forked child must not count on from its parent's last id."""
    global _lock, _last
    _lock, _last = threading.Lock(), 0


os.register_at_fork(after_in_child=_forget_the_parent)
