"""A circuit breaker: after failures in a row nobody waits any more, until a probe finds the other side well again."""

import time
from collections.abc import Callable
from threading import Lock


class Breaker:
    """Closed at first; opens after `failures_to_open` in a row, then lets one probe through every `probe_seconds`.

    A probe that is given up half-way neither closes nor holds it: the next one goes out when its time comes. Safe to
    use from many threads.
    """

    def __init__(
        self, failures_to_open: int = 5, probe_seconds: float = 15.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._failures_to_open = failures_to_open
        self._probe_seconds = probe_seconds
        self._clock = clock
        self._lock = Lock()
        self._failures = 0
        self._next_probe = 0.0

    @property
    def is_open(self) -> bool:
        return self._failures >= self._failures_to_open

    @property
    def rests(self) -> bool:
        """Whether no call would be let through now."""
        return self.is_open and self._clock() < self._next_probe

    def admits(self) -> bool:
        """Whether a call may go out now; the answer that it may is given to one caller per probe."""
        with self._lock:
            if not self.is_open:
                return True
            now = self._clock()
            if now < self._next_probe:
                return False
            self._next_probe = now + self._probe_seconds
            return True

    def succeeded(self) -> None:
        with self._lock:
            self._failures = 0

    def failed(self) -> None:
        with self._lock:
            self._failures += 1
            self._next_probe = self._clock() + self._probe_seconds
