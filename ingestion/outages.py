"""Errors that every job would meet: how they are told from a file's own, and for how long work waits then."""

import errno
import time

from ingestion.errors import Outage
from ingestion.types import Failure
from retrieval.errors import ModelUnavailable

_PAUSE_SECONDS = 1.0  # doubled while the outage lasts
_PAUSE_MOST_SECONDS = 30.0
_EXHAUSTED = (errno.ENOSPC, errno.EDQUOT, errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.EAGAIN)


def is_outage(error: Exception) -> bool:
    """Whether every job would meet it; an error of one file's storage is that file's own."""
    return isinstance(error, Outage | ModelUnavailable) or (isinstance(error, OSError) and error.errno in _EXHAUSTED)


def failure_of(error: Exception) -> Failure:
    """What is told of the attempts that such an error ended."""
    code = "model_unavailable" if isinstance(error, ModelUnavailable) else getattr(error, "code", Outage.code)
    return Failure(code, str(error), transient=True)


class Pause:
    """Of all work, longer with each outage until something succeeds. For the threads of one worker."""

    def __init__(self) -> None:
        self._outages = 0
        self._until = 0.0

    @property
    def lasts(self) -> bool:
        return time.monotonic() < self._until

    def lengthen(self) -> float:
        """One more outage: the seconds that work which met it waits."""
        self._outages += 1
        return min(_PAUSE_SECONDS * 2 ** (self._outages - 1), _PAUSE_MOST_SECONDS)

    def begin(self, seconds: float) -> None:
        """All work waits for as long."""
        self._until = time.monotonic() + seconds

    def succeeded(self) -> None:
        """The next pause is a short one again."""
        self._outages = 0
